"""A finished run as a small checkpoint to give away: bfloat16 weights and a full model card.

python -m partimento.training.bundle RUN... -o FOLDER [--results held-out.md]

Several runs are the stages that led to it, such as pretraining and fine-tuning; the last one's network is taken.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from partimento.checkpoint import read_config, read_state, write_checkpoint

CURVE_ROWS = 10
SCRIPT = "runs/piano-small.sh"

PURPOSE = {
    "next_token": """\
A small language model of piano performance: it continues piano music.

    partimento continue PROMPT.mid""",
    "conditioned": """\
A small language model of piano performance: it continues piano music, if asked to in the manner of
another piece.

    partimento continue PROMPT.mid
    partimento continue PROMPT.mid --like REFERENCE.mid --guidance 2""",
    "embedding": """\
A small embedding of piano performance: pieces that are like each other get vectors that are near each
other.

    partimento embed FOLDER -o INDEX
    partimento search INDEX QUERY.mid""",
}
LIMITS = {
    "next_token": """\
It keeps style, register and pulse for some bars, not the form of a piece. It may repeat what it has
heard; whoever publishes its output should check it with `--check-copies`.""",
    "embedding": """\
What it holds near each other is what slices of one piece have in common: texture, harmony, rhythm,
register. It knows nothing of titles, composers or moods but what can be read off the notes.""",
}


def bundle(runs: Sequence[Path], folder: Path, results: str) -> None:
    """Write the last run's best checkpoint into a folder, weights in bfloat16.

    Args:
        runs: folders of `partimento pretrain` and `partimento finetune`, in the order in which they were made.
        folder: checkpoint folder to write; one that is there is replaced.
        results: Markdown of the held-out figures, "" where there are none.
    """
    stages = [(read_config(run / "checkpoints" / "best"), read_log(run)) for run in runs]
    state = {name: value.to(torch.bfloat16) for name, value in read_state(runs[-1] / "checkpoints" / "best").items()}
    write_checkpoint(folder, state, stages[-1][0], full_card(stages, results))


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def full_card(stages: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]], results: str) -> str:
    """The model card: what it is and for what, its data and licence, how it was trained and how good it is.

    Args:
        stages: the config and the log of each run that led to it.
    """
    config = stages[-1][0]
    network = config["network"]
    sizes = network["transformer"]
    kind = "conditioned" if network.get("condition") else network["head"]
    training = "\n\n".join(_stage(*stage) for stage in stages)
    return f"""---
license: {config["licence"].lower()}
library_name: partimento
tags: [music, midi, piano, symbolic-music]
---

# {config["name"]}

{PURPOSE[kind]}

The network is Aria's (Bradshaw et al. 2025) at a fraction of its size: {sizes["layers"]} layers of width
{sizes["width"]}, {sizes["heads"]} heads, feed-forward {sizes["feedforward"]}, {network["vocabulary"]:,} tokens,
{network["context"]:,} positions; weights in bfloat16.

## Data

{config["data"]}. The sets are POP909 (MIT), Pianist8 (CC BY 4.0), EMOPIA (CC BY 4.0) and
piano-midi.de by Bernd Krueger (CC BY-SA 3.0 DE). No test piece of the MIDI-BERT, PianoBART, EMOPIA_cls and ACPAS
splits is in the training data, nor any other piece of the same song or work, with one exception that was found
afterwards: a song of EMOPIA (`6Uf9XBUD3wE`) that Pianist8 tests as `Hillsong_Good_Grace`.

## Licence of the weights

{config["licence"]}, as piano-midi.de's share-alike licence asks; the code of Partimento is Apache-2.0.

## Training

Every command is in `{SCRIPT}`.

{training}

## Held-out figures

{results.strip() or "Not measured."}

## Limits

It has heard pop arrangements, transcribed pop and new-age piano and sequenced classics, and knows solo piano only.
{LIMITS["embedding" if kind == "embedding" else "next_token"]}
"""


def _stage(config: dict[str, Any], log: list[dict[str, Any]]) -> str:
    trained, recipe = config["trained"], config["recipe"]
    validations = [line for line in log if "valid_loss" in line]
    step = max(1, len(validations) // CURVE_ROWS)
    curve = "\n".join(
        f"| {line['step']:,} | {line['tokens'] / 1e6:.1f} | {line['valid_loss']:.3f} |"
        for line in [*validations[:-1:step], validations[-1]]
    )
    name = config["objective"]["kind"] if isinstance(config.get("objective"), dict) else "next token"
    unit = "slice" if config["network"]["head"] == "embedding" else "token"
    rows, tokens = recipe["batch"]["rows"], trained["tokens"] / 1e6
    return f"""{name.capitalize()}: {trained["step"]:,} steps of {rows} rows ({tokens:.1f} M tokens in all),
{recipe["optimizer"]["kind"]}, seed {recipe["seed"]}. Validation loss (nats a {unit}, held-out songs of the four sets):

| step | M tokens | loss |
|---|---|---|
{curve}"""


def main() -> None:
    """Bundle a run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders, the last one is bundled")
    parser.add_argument("-o", "--output", type=Path, required=True, help="checkpoint folder to write")
    parser.add_argument("--results", type=Path, help="Markdown file with the held-out figures")
    options = parser.parse_args()
    results = options.results.read_text(encoding="utf-8") if options.results else ""
    bundle(options.runs, options.output, results)
    print(options.output)


if __name__ == "__main__":
    main()
