#!/usr/bin/env bash
# The models that come with the package, from the open solo-piano sets to the bundled folders: the language model
# piano-small, and the embedding piano-small-embedding.
#
#   runs/piano-small.sh FOLDER_OF_SETS [WORK]
#
# FOLDER_OF_SETS holds pop909, pianist8, emopia, piano_midi_de (the music) and midibert, acpas_meta (published splits).
# Stopped at any moment and started again it goes on. About three hours on two CPU cores.
set -euo pipefail
sets=$1
work=${2:-out/piano-small}
bin=${BIN:-.venv/bin}
models=src/partimento/models
about=(--preset small --threads 1 --licence CC-BY-SA-4.0
  --data "POP909, Pianist8, EMOPIA, piano-midi.de (open tier), training side of partimento.corpus.datasets.solo_piano")
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
mkdir -p "$work"

# Two processes of one thread each learn faster on two cores than one of two threads, to the same result.
learn() { "$bin"/torchrun --standalone --nproc-per-node 2 -m partimento "$@" "${about[@]}"; }

# 1. which piece is on which side: no test piece of a published split, and nothing of its song or work, is trained on
"$bin"/python -m partimento.corpus.datasets.solo_piano "$sets" -o "$work/labels.csv"

# 2. the corpus of those files alone; the sets' files are all sound, so a rejected one stops the run here
"$bin"/partimento ingest "$sets" --labels "$work/labels.csv" --only-labelled -o "$work/corpus"

# 3. the language model. The preset's 2,800 steps end at a learning rate of 0; the validation loss was still falling, so
#    two further decays follow: with 3,150 steps the rate begins again at 0.14 of the peak, with 4,550 at 0.38.
for steps in 2800 3150 4550; do
  learn pretrain aria "$work/corpus" -o "$work/run" --name piano-small --set watch.save_every=50 schedule.steps=$steps
done

# 4. the embedding
learn finetune aria "$work/corpus" -o "$work/run-embedding" --objective contrastive -m "$work/run/checkpoints/best" \
  --name piano-small-embedding
"$bin"/python -m partimento.training.bundle "$work/run" "$work/run-embedding" -o $models/piano-small-embedding

# 5. the language model that can be told what to play like
learn finetune aria "$work/corpus" -o "$work/run-conditioned" --objective generative --condition piano-small-embedding \
  -m "$work/run/checkpoints/best" --name piano-small
"$bin"/python -m partimento.training.bundle "$work/run" "$work/run-conditioned" -o $models/piano-small

# 6. held-out pieces beside n-grams on the same tokens; the piano tasks; the tables of the docs come from results/
"$bin"/partimento evaluate piano-small "$work/corpus" --results results >"$work/held-out.md"
"$bin"/partimento evaluate piano-small "$sets" --suite piano --most-notes 600 --bf16 --results results >"$work/piano.md"
"$bin"/python runs/continuation-scores.py "$work/corpus" --pieces 24 --variations 1 --page "$work/blind-pairs.html" \
  --card "$work/held-out.md"
{
  printf '# Results\n\nHeld-out pieces; 95 %% intervals over songs. Made by runs/piano-small.sh from results/.\n\n'
  "$bin"/python -m partimento.tasks.results results
} >docs/results.md
"$bin"/python -m partimento.training.bundle "$work/run" "$work/run-conditioned" -o $models/piano-small \
  --results "$work/held-out.md"
"$bin"/python -m partimento.training.bundle "$work/run" "$work/run-embedding" -o $models/piano-small-embedding \
  --results "$work/piano.md"

# 7. five prompts, continued
"$bin"/python runs/continuations.py
