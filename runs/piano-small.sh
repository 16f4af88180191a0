#!/usr/bin/env bash
# piano-small: the model that comes with the package, from the open solo-piano sets to the bundled folder.
#
#   runs/piano-small.sh FOLDER_OF_SETS [WORK]
#
# FOLDER_OF_SETS holds pop909, pianist8, emopia, piano_midi_de (the music) and midibert, acpas_meta (published splits).
# Stopped at any moment and started again it goes on. About two hours on two CPU cores.
set -euo pipefail
sets=$1
work=${2:-out/piano-small}
bin=${BIN:-.venv/bin}
export OMP_WAIT_POLICY=PASSIVE
mkdir -p "$work"

# 1. which piece is on which side: no test piece of a published split, and nothing of its song or work, is trained on
"$bin"/python -m partimento.corpus.datasets.solo_piano "$sets" -o "$work/labels.csv"

# 2. the corpus of those files alone; the sets' files are all sound, so a rejected one stops the run here
"$bin"/partimento ingest "$sets" --labels "$work/labels.csv" --only-labelled -o "$work/corpus"

# 3. the model; two processes of one thread each learn faster on two cores than one of two threads, to the same result.
#    The preset's 2,800 steps end at a learning rate of 0; the validation loss was still falling, so a second, short decay
#    follows: going on with 3,150 steps begins again at 0.14 of the peak.
for more in "" "schedule.steps=3150"; do
  OMP_NUM_THREADS=1 "$bin"/torchrun --standalone --nproc-per-node 2 \
    -m partimento pretrain aria "$work/corpus" -o "$work/run" --preset small --name piano-small --threads 1 \
    --data "POP909, Pianist8, EMOPIA, piano-midi.de (open tier), training side of partimento.corpus.datasets.solo_piano" \
    --licence CC-BY-SA-4.0 --set watch.save_every=50 $more
done

# 4. into the package: bfloat16 weights and the model card
bundled=src/partimento/models/piano-small
"$bin"/python -m partimento.training.bundle "$work/run" "$bundled"

# 5. the bundled model on held-out pieces, beside n-grams on the same tokens; the tables of the docs come from results/
"$bin"/partimento evaluate piano-small "$work/corpus" --results results >"$work/held-out.md"
{
  printf '# Results\n\nHeld-out pieces; 95 %% intervals over songs. Made by runs/piano-small.sh from results/.\n\n'
  "$bin"/python -m partimento.tasks.results results
} >docs/results.md
"$bin"/python -m partimento.training.bundle "$work/run" "$bundled" --results "$work/held-out.md"

# 6. five prompts, continued
"$bin"/python runs/continuations.py
