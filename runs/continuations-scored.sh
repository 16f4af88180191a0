#!/usr/bin/env bash
# What a language model's continuations of held-out pieces are like, beside human ones: results/continuations.jsonl, the
# tables of docs/continuation-scores.md, five blind pairs to listen to. Some minutes on two CPU cores for 40 pieces.
#
#   runs/continuations-scored.sh CORPUS [MODEL] [PIECES]        CORPUS as made by runs/piano-small.sh
set -euo pipefail
corpus=$1
model=${2:-piano-small}
pieces=${3:-40}
bin=${BIN:-.venv/bin}
OMP_NUM_THREADS=1 "$bin"/python runs/continuation-scores.py "$corpus" --model "$model" --pieces "$pieces" \
  --page out/blind-pairs.html
