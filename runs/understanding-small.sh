#!/usr/bin/env bash
# The models of notes that come with the package, from the open sets to the bundled folders: the encoder
# understanding-small, and understanding-small-melody; and what the encoder learns.
#
#   runs/understanding-small.sh FOLDER_OF_SETS [WORK]
#
# FOLDER_OF_SETS (an absolute path) holds pop909, pianist8, emopia, piano_midi_de, nottingham, multitrack (the music) and
# midibert, acpas_meta (published arrays and splits). Stopped at any moment and started again it goes on. About four hours
# on two CPU cores.
set -euo pipefail
sets=$1
work=${2:-out/understanding}
bin=${BIN:-.venv/bin}
models=src/partimento/models
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
mkdir -p "$work/sets"

# 1. POP909 on its beats, beside links to the other sets; which piece is on which side; the corpus
for set in pop909 pianist8 emopia piano_midi_de nottingham multitrack midibert acpas_meta; do
  ln -sfn "$sets/$set" "$work/sets/$set"
done
"$bin"/python -m partimento.corpus.datasets.pop909 "$work/sets/pop909" -o "$work/sets/pop909_aligned"
"$bin"/python -m partimento.corpus.datasets.understanding "$work/sets" -o "$work/corpus.csv"
"$bin"/partimento ingest "$work/sets" --labels "$work/corpus.csv" --only-labelled -o "$work/corpus"

# 2. the encoder. It was begun with schedule.steps=2400, and from step 734 on went on with 1,900
"$bin"/torchrun --standalone --nproc-per-node 2 -m partimento pretrain musicbert "$work/corpus" -o "$work/run" \
  --preset small --name understanding-small --threads 1 --licence CC-BY-SA-4.0 \
  --data "POP909, Pianist8, EMOPIA, piano-midi.de, Nottingham, freedoom, OpenMSX (open tier), training side of partimento.corpus.datasets.understanding" \
  --set schedule.steps=1900 watch.save_every=100
"$bin"/python -m partimento.training.bundle "$work/run" -o $models/understanding-small

# 3. the labeller of parts
"$bin"/python runs/understanding-melody.py "$sets" understanding-small -o "$work/run-melody" --card "$work/melody.md"
"$bin"/python -m partimento.training.bundle "$work/run" "$work/run-melody" -o $models/understanding-small-melody \
  --results "$work/melody.md"

# 4. what the encoder learns of notes, beside what needs no network
evaluate() {
  "$bin"/partimento evaluate understanding-small "$sets" --suite understanding --threads 1 --runs "$work/runs" \
    --results results "$@"
}
evaluate --tasks melody+velocity:sorted --seeds 1 --set schedule.warmup=20
evaluate --tasks melody+velocity:published-order --seeds 1 --set epochs=2
evaluate --tasks emotion:performance,EMOPIA_cls --seeds 1 --no-controls
{
  printf '# Results\n\nHeld-out pieces; 95 %% intervals over songs. Made by the scripts in runs/ from results/.\n\n'
  "$bin"/python -m partimento.tasks.results results
} >docs/results.md
