#!/usr/bin/env bash
# The drummer that comes with the package, from the open tier alone: groove, and the songs of Freedoom and OpenMSX.
#
#   runs/drums-small.sh FOLDER_OF_SETS [WORK]
#
# The songs are a hundred: the other instruments are transposed by an octave at most and silenced more often, and drum
# parts are learned from the recordings of drummers. Stopped at any moment and started again it goes on. About half an
# hour on one CPU core.
set -euo pipefail
sets=$1
work=${2:-out/drums}
bin=${BIN:-.venv/bin}
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
mkdir -p "$work"
"$bin"/python runs/drums-train.py "$sets" -o "$work/small" --cache "$work/cache" --tier open --name drums-small \
  --licence GPL-2.0 --set schedule.steps=1500 changes.semitones=12 changes.silenced=0.6 ${SET:-}
"$bin"/python runs/drums-scores.py "$sets" "$work/small/checkpoints/best" --cache "$work/cache" --seeds "${SEEDS:-5}"
"$bin"/python -m partimento.training.bundle "$work/small" -o "$work/drums-small"
