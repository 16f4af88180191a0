"""A finished run as a small checkpoint to give away: bfloat16 weights and a full model card.

python -m partimento.training.bundle RUN... -o FOLDER [--results held-out.md]

Several runs are the stages that led to it, such as pretraining and fine-tuning; the last one's network is taken.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from partimento.checkpoint import read_config, read_state, write_checkpoint
from partimento.training.card_texts import text_of

CURVE_ROWS = 10


def bundle(
    runs: Sequence[Path], folder: Path, results: str, name: str | None = None, licence: str | None = None
) -> None:
    """Write the last run's best checkpoint into a folder, weights in bfloat16.

    Args:
        runs: folders of `partimento pretrain` and `partimento finetune`, in the order in which they were made.
        folder: checkpoint folder to write; one that is there is replaced.
        results: Markdown of the held-out figures, "" where there are none.
        name, licence: of the model; None keeps what the last run gave it.
    """
    stages = [(read_config(run / "checkpoints" / "best"), read_log(run)) for run in runs]
    stages[-1][0].update({key: value for key, value in (("name", name), ("licence", licence)) if value})
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
    text = text_of(config)
    training = "\n\n".join(_stage(*stage) for stage in stages)
    return f"""---
license: {config["licence"].lower()}
library_name: partimento
tags: [music, {text.tags}]
---

# {config["name"]}

{text.purpose}

{text.network}: {_sizes(config)}; weights in bfloat16.

## Data

{config["data"]}.
{text.data}

## Licence of the weights

{config["licence"]}, {text.licence}; the code of Partimento is Apache-2.0.

## Training

Every command is in `{text.script}`.

{training}

## Held-out figures

{results.strip() or "Not measured."}

## Limits

{text.limits}
"""


def _sizes(config: Mapping[str, Any]) -> str:
    if config["system"] == "drummer":
        network = config["network"]
        layers = f"{network['encoder_layers']} + {network['decoder_layers']} layers of width\n{network['width']}"
        return f"{layers}, windows of {network['bars']} bars of 32 steps"
    trunk = config["network"].get("encoder", config["network"])
    sizes = trunk["transformer"]
    layers = (
        f"{sizes['layers']} layers of width\n{sizes['width']}, {sizes['heads']} heads, feed-forward "
        f"{sizes['feedforward']}"
    )
    if "rate_hz" in config:
        token_ms = 1000 * trunk["patch_frames"] * config["front"]["hop"] / config["rate_hz"]
        return f"{layers}, {trunk['mels']} mel bands\nat {config['rate_hz']:,} Hz, a token every {token_ms:g} ms"
    ids = f"{trunk['vocabulary']:,} tokens" if "vocabulary" in trunk else f"{sum(trunk['fields']['sizes']):,} ids"
    return f"{layers}, {ids},\n{trunk['context']:,} positions"


def _stage(config: dict[str, Any], log: list[dict[str, Any]]) -> str:
    trained, recipe = config["trained"], config["recipe"]
    validations = [line for line in log if "valid_loss" in line]
    step = max(1, len(validations) // CURVE_ROWS)
    scale, amount = _unit_of_amount(config)
    curve = "\n".join(
        f"| {line['step']:,} | {line['tokens'] / scale:.1f} | {line['valid_loss']:.3f} |"
        for line in [*validations[:-1:step], validations[-1]]
    )
    objective = "hidden hits" if config["system"] == "drummer" else "next token"
    name = config["objective"]["kind"] if isinstance(config.get("objective"), dict) else objective
    unit = text_of(config).unit
    rows, tokens = recipe["batch"]["rows"], trained["tokens"] / scale
    return f"""{name.capitalize()}: {trained["step"]:,} steps of {rows} rows ({tokens:.1f} {amount} in all),
{recipe["optimizer"]["kind"]}, seed {recipe["seed"]}. Validation loss (nats a {unit}, held-out songs):

| step | {amount} | loss |
|---|---|---|
{curve}"""


def _unit_of_amount(config: Mapping[str, Any]) -> tuple[float, str]:
    """What the "tokens" of a log are divided by for the card, and what they then are."""
    if "rate_hz" in config:
        return 3600.0 * config["rate_hz"], "hours"
    return (1e3, "thousand bars") if config["system"] == "drummer" else (1e6, "M tokens")


def main() -> None:
    """Bundle a run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders, the last one is bundled")
    parser.add_argument("-o", "--output", type=Path, required=True, help="checkpoint folder to write")
    parser.add_argument("--results", type=Path, help="Markdown file with the held-out figures")
    parser.add_argument("--name", help="of the model, if not that of the last run")
    parser.add_argument("--licence", help="of the weights, likewise")
    options = parser.parse_args()
    results = options.results.read_text(encoding="utf-8") if options.results else ""
    bundle(options.runs, options.output, results, options.name, options.licence)
    print(options.output)


if __name__ == "__main__":
    main()
