#!/usr/bin/env bash
# The drummer that learns from everything: multitrack of all tiers and groove. It is for research and is not shipped.
#
#   runs/drums-pool.sh FOLDER_OF_SETS [WORK]
#
# Stopped at any moment and started again it goes on. About an hour on one CPU core.
set -euo pipefail
sets=$1
work=${2:-out/drums}
bin=${BIN:-.venv/bin}
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
mkdir -p "$work"
"$bin"/python runs/drums-train.py "$sets" -o "$work/pool" --cache "$work/cache" --name drums-pool --set ${SET:-schedule.steps=4000}
"$bin"/python runs/drums-scores.py "$sets" "$work/pool/checkpoints/best" --cache "$work/cache" --seeds "${SEEDS:-5}"
