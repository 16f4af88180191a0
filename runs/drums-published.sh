#!/usr/bin/env bash
# The published drummer (Dahale et al. 2022) as a baseline: its three stages trained anew and judged on the test songs.
#
#   runs/drums-published.sh FOLDER_OF_SETS [WORK]
#
# PRESET=paper trains as long as the paper did, on a GPU; by default some minutes of one CPU core a stage. Stopped at any
# moment and started again it goes on. The figures are added to results/drums.jsonl.
set -euo pipefail
sets=$1
work=${2:-out/drums}
bin=${BIN:-.venv/bin}
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
mkdir -p "$work/published"
"$bin"/python runs/drums-published.py train "$sets" -o "$work/published" --cache "$work/cache" --preset "${PRESET:-small}"
"$bin"/python runs/drums-published.py score "$sets" -o "$work/published" --cache "$work/cache" --seeds "${SEEDS:-5}"
