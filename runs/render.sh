#!/usr/bin/env bash
# POP909, single notes and ASAP as sound with exact labels, by two soundfonts. About 20 minutes on one core, 2 GB.
#
#   runs/render.sh DATA [OUT] [options of runs/render.py]        DATA holds pop909, pop909_cl, asap, acpas_meta
#
# Needs fluidsynth, fluid-soundfont-gm and timgm6mb-soundfont. Stopped, it goes on where it was. OUT/pop909 and
# OUT/notes may train a model that is published; OUT/asap is non-commercial and there to evaluate on.
set -euo pipefail
data=$1
out=${2:-out/rendered}
bin=${BIN:-.venv/bin}
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
# one excerpt of every song, notes and ASAP first, so that training can begin; then the second excerpts
"$bin"/python runs/render.py "$data" -o "$out" --excerpts 1 "${@:3}"
"$bin"/python runs/render.py "$data" -o "$out" --sets pop909 "${@:3}"
