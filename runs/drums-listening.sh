#!/usr/bin/env bash
# A page to listen to: ten test songs with their own drums, a published system's and ours, whose is whose by a click.
#
#   runs/drums-listening.sh FOLDER_OF_SETS [WORK] [PAGE.html]
#
# MODEL=... names another drummer than the one that comes with the package. The published system is heard where
# runs/drums-published.sh has trained it. Songs are of the open tier; TIER=all draws from all.
set -euo pipefail
sets=$1
work=${2:-out/drums}
page=${3:-$work/drums.html}
bin=${BIN:-.venv/bin}
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
mkdir -p "$work"
"$bin"/python runs/drums-listening.py "$sets" --model "${MODEL:-drums-small}" --published "$work/published" \
  --cache "$work/cache" --tier "${TIER:-open}" -o "$page"
