"""A finished run as a small checkpoint to give away: bfloat16 weights and a full model card.

python -m partimento.training.bundle RUN FOLDER [--results results]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from partimento.checkpoint import read_config, read_state, write_checkpoint

CURVE_ROWS = 12


def bundle(run: Path, folder: Path, results: str) -> None:
    """Write the run's best checkpoint into a folder, weights in bfloat16.

    Args:
        run: folder of `partimento pretrain`.
        folder: checkpoint folder to write; one that is there is replaced.
        results: Markdown of the held-out figures, "" where there are none.
    """
    best = run / "checkpoints" / "best"
    config = read_config(best)
    state = {name: value.to(torch.bfloat16) for name, value in read_state(best).items()}
    write_checkpoint(folder, state, config, full_card(config, read_log(run), results))


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def full_card(config: dict[str, Any], log: list[dict[str, Any]], results: str) -> str:
    """The model card: what it is and for what, its data and licence, how it was trained and how good it is."""
    sizes, trained, recipe = config["network"]["transformer"], config["trained"], config["recipe"]
    validations = [line for line in log if "valid_loss" in line]
    step = max(1, len(validations) // CURVE_ROWS)
    curve = "\n".join(
        f"| {line['step']:,} | {line['tokens'] / 1e6:.1f} | {line['valid_loss']:.3f} |"
        for line in [*validations[:-1:step], validations[-1]]
    )
    return f"""---
license: {config["licence"].lower()}
library_name: partimento
tags: [music, midi, piano, symbolic-music]
---

# {config["name"]}

A small language model of piano performance: it continues piano music and embeds it. The network is Aria's (Bradshaw et
al. 2025) at a fraction of its size: {sizes["layers"]} layers of width {sizes["width"]}, {sizes["heads"]} heads,
feed-forward {sizes["feedforward"]}, {config["network"]["vocabulary"]:,} tokens,
{config["network"]["context"]:,} positions; weights in bfloat16.

    partimento continue PROMPT.mid
    partimento embed FOLDER -o INDEX

## Data

{config["data"]}. The sets are POP909 (MIT), Pianist8 (CC BY 4.0), EMOPIA (CC BY 4.0) and piano-midi.de by Bernd Krueger
(CC BY-SA 3.0 DE). No test piece of the MIDI-BERT, PianoBART, EMOPIA_cls and ACPAS splits is in the training data, nor
any other piece of the same song or work.

## Licence of the weights

{config["licence"]}, as piano-midi.de's share-alike licence asks; the code of Partimento is Apache-2.0.

## Training

{trained["step"]:,} steps of {recipe["batch"]["rows"]} rows of {recipe["batch"]["length"]:,} tokens
({trained["tokens"] / 1e6:.1f} M tokens in all), {recipe["optimizer"]["kind"]}, seed {recipe["seed"]}; every command
is in `runs/piano-small.sh`. Validation loss (nats a token, held-out songs of the four sets):

| step | M tokens | loss |
|---|---|---|
{curve}

## Held-out figures

{results or "Not measured."}

## Limits

It has heard pop arrangements, transcribed pop and new-age piano and sequenced classics, {trained["tokens"] / 1e6:.0f} M
tokens with repetition: it keeps style, register and pulse for some bars, not the form of a piece. It knows solo piano
only. It may repeat what it has heard; whoever publishes its output should check.
"""


def main() -> None:
    """Bundle a run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of `partimento pretrain`")
    parser.add_argument("folder", type=Path, help="checkpoint folder to write")
    parser.add_argument("--results", type=Path, help="Markdown file with the held-out figures")
    options = parser.parse_args()
    results = options.results.read_text(encoding="utf-8") if options.results else ""
    bundle(options.run, options.folder, results)
    print(options.folder)


if __name__ == "__main__":
    main()
