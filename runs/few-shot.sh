#!/usr/bin/env bash
# Few-shot curves: how good a classifier gets from 10, 30, 100, 300 and all labelled pieces, five seeds each: hand-crafted
# statistics and frozen vectors with a logistic probe, low-rank adapters, full fine-tuning (docs/aria.md).
#
#   runs/few-shot.sh FOLDER_OF_SETS [MODEL] [TASK] [SPLIT]
#
# Stopped at any moment and started again it goes on. About twenty minutes on two CPU cores for a model of the size of
# piano-small; --steps makes a fine-tuning longer, --device cuda --jobs 1 is for a GPU.
set -euo pipefail
sets=$1
model=${2:-piano-small-embedding}
task=${3:-pianist}
split=${4:-5 folds by song}
bin=${BIN:-.venv/bin}
export OMP_NUM_THREADS=1
"$bin"/python -m partimento.tasks.few_shot_curves "$model" "$sets" --task "$task" --split "$split" --jobs "$(nproc)" \
  --results results --plot "docs/images/few-shot-$task.png"
