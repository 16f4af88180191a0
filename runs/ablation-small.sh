#!/usr/bin/env bash
# The first hundred steps of piano-small with and without what lets it learn quickly (docs/aria.md). Ten minutes.
#
#   runs/ablation-small.sh CORPUS [WORK]        CORPUS as made by runs/piano-small.sh
set -euo pipefail
corpus=$1
work=${2:-out/ablation-small}
bin=${BIN:-.venv/bin}
export OMP_WAIT_POLICY=PASSIVE
common=(schedule.steps=100 schedule.warmup=10 schedule.decay_from=0.5 batch.rows=4 batch.length=512 batch.augment=0
  optimizer.lr=2e-3 optimizer.matrix_lr=4e-3 watch.sample_every=0 watch.validate_rows=24)
for variant in "adamw false" "muon false" "muon true"; do
  read -r optimizer shared <<<"$variant"
  "$bin"/partimento pretrain aria "$corpus" -o "$work/$optimizer-$shared" --threads "$(nproc)" \
    --set "${common[@]}" optimizer.kind="$optimizer" share_parts="$shared"
  echo "$optimizer, shared parts $shared: $(grep valid_loss "$work/$optimizer-$shared/log.jsonl" | tail -n 1)"
done
