#!/usr/bin/env bash
# audio-small and the four published systems at one budget, from rendered sound. About 3 h on two CPU cores.
#
#   runs/audio-small.sh DATA [OUT]        DATA holds pop909, pop909_cl, philharmonia, esc10, mdb_drums, asap, acpas_meta
#
# Needs FluidSynth and two soundfonts (see runs/render.sh). Every step goes on where it was stopped.
set -euo pipefail
data=$1
out=${2:-out/audio}
bin=${BIN:-.venv/bin}
partimento=$bin/partimento
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

runs/render.sh "$data" "$out/rendered"
songs=$out/rendered/pop909

# audio-small: pairs of crops beside what is played in them
$partimento pretrain vit1d "$songs" --notes "$out/rendered/notes" -o "$out/run-scored" --preset scored \
  --set schedule.steps=2200 --threads 1 --name audio-small --licence GPL-2.0 --data "POP909 and single notes, rendered" &

# the published systems, one budget: 300 steps of 32 pairs of crops of the same songs
"$bin"/python runs/audio-labels.py "$songs" > "$out/songs.csv"
[[ -e $out/corpus/corpus.json ]] ||
  $partimento ingest "$songs" -o "$out/corpus" --labels "$out/songs.csv" --only-labelled --kind audio
for system in vit1d cola mule clmr; do
  $partimento pretrain $system "$out/corpus" -o "$out/run-$system" --threads 1 --licence GPL-2.0 \
    --data "POP909, rendered" --set schedule.steps=300 batch.rows=32 schedule.warmup=20 watch.validate_every=100
done
wait

"$bin"/python -m partimento.training.bundle "$out/run-scored" -o "$out/audio-small"
