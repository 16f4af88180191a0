"""The checkpoints that a run writes, with their model cards."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

import partimento
from partimento.checkpoint import write_checkpoint
from partimento.configuration import to_plain
from partimento.networks.factored import plain_state
from partimento.recipe import Recipe

WHAT = {
    "next_token": "A language model of piano performance",
    "embedding": "An embedding of piano performance",
    "classes": "A classifier of piano performance",
}


def save_network(
    network_config: Any,
    recipe: Recipe,
    about: Mapping[str, Any],
    network: nn.Module,
    folder: Path,
    facts: Mapping[str, Any],
    system: str = "aria",
) -> None:
    """Write a network as a checkpoint folder.

    Args:
        network_config: the dataclass of its sizes.
        about: goes into its config.json: name, data, licence, preset, and what else says how it came about.
        facts: of the training up to now: step, tokens, seconds, valid_loss.
    """
    versions = {"partimento": partimento.__version__, "torch": torch.__version__, "python": platform.python_version()}
    config = {
        "system": system,
        **about,
        "network": to_plain(network_config),
        "recipe": to_plain(recipe),
        "trained": dict(facts),
        "versions": versions,
    }
    write_checkpoint(folder, plain_state(network), config, model_card(config))


def model_card(config: Mapping[str, Any]) -> str:
    """The model card of a checkpoint, from its config."""
    trained, network = config["trained"], config["network"]
    if "windows" in config:
        return _sound_card(config)
    kind, network = (network["unit"], network["encoder"]) if "encoder" in network else (None, network)
    sizes = network["transformer"]
    if "fields" in network:
        what = f"A labeller of {kind}s" if kind else "An encoder of notes, learned by masking"
        ids = " + ".join(map(str, network["fields"]["sizes"]))
    else:
        what, ids = WHAT[network["head"]], f"{network['vocabulary']:,}"
    loss = "not validated" if trained["valid_loss"] is None else f"{trained['valid_loss']:.4f} nats"
    base = f" from `{config['base']['name']}`" if config.get("base") else ""
    made = "trained on labels" if kind else f"trained by\n`partimento {'finetune' if base else 'pretrain'}`"
    return f"""---
license: {config.get("licence", "unknown")}
library_name: partimento
tags: [music, midi, piano]
---

# {config.get("name", "A partimento model")}

{what} (system `{config["system"]}`, preset `{config.get("preset", "-")}`), {made}{base}.

- Network: {sizes["layers"]} layers of width {sizes["width"]}, {ids} ids, {network["context"]:,} positions.
- Data: {config.get("data", "not stated")}
- Trained: {trained["step"]:,} steps, {trained["tokens"]:,} tokens; best validation loss: {loss}.
"""


def _sound_card(config: Mapping[str, Any]) -> str:
    trained, objective = config["trained"], config["objective"]
    loss = "not validated" if trained["valid_loss"] is None else f"{trained['valid_loss']:.4f} nats"
    hours = trained["tokens"] / config["rate_hz"] / 3600
    return f"""---
license: {config.get("licence", "unknown")}
library_name: partimento
tags: [music, audio]
---

# {config.get("name", "A partimento model")}

An embedding of sound (system `{config["system"]}`, preset `{config.get("preset", "-")}`), trained by
`partimento pretrain`, {objective["kind"]}.

- Reads {config["rate_hz"]:,} samples a second.
- Data: {config.get("data", "not stated")}
- Trained: {trained["step"]:,} steps, crops of {hours:,.1f} hours in all; best validation loss: {loss}.
"""
