"""The learners that are compared: an encoder after pretraining and what is taken from it one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from partimento.networks.encoder import Encoder
from partimento.networks.labeller import Unit
from partimento.notes_model import NotesModel
from partimento.overrides import override
from partimento.recipe import OptimizerConfig
from partimento.systems.musicbert import LabelsConfig, labels_small
from partimento.tasks.words.learn import Learner

NAMES = ("pretrained", "no-masks", "scratch", "frozen", "random", "bilstm")
EPOCHS: dict[Unit, float] = {"note": 3.0, "sequence": 6.0}
SEQUENCE_RATE = 3e-4
FREE_RATE = 3e-3  # of heads on an encoder that stays as it is


def learners(
    model: NotesModel, unit: Unit, names: Sequence[str] = ("pretrained",), settings: Sequence[str] = ()
) -> list[Learner]:
    """Learners by name.

    "pretrained" is fine-tuned whole, with mask fine-tuning; "no-masks" is the same without; "scratch" is the same
    network at random weights; "frozen" trains only heads on the pretrained encoder and "random" on one at random
    weights; "bilstm" is MidiBERT's recurrent baseline.

    Args:
        model: the pretrained encoder.
        unit: what is labelled.
        settings: "key=value" each, of the fine-tuning.

    Raises:
        ValueError: if there is no learner of a name, or the model is no encoder of this software.
    """
    if not isinstance(model.network, Encoder):
        raise ValueError(f"{model.name} is a labeller or an imported network; learners begin from an encoder")
    if unknown := set(names) - set(NAMES):
        raise ValueError(f"there is no learner {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    config = override(recipe(unit), settings)
    free = replace(config, recipe=replace(config.recipe, optimizer=replace(config.recipe.optimizer, lr=FREE_RATE)))
    whole = Learner(model.title, model.network.config, config, model.weights, model.hash)
    drawn = replace(whole, base=None, checkpoint="")
    made = {
        "pretrained": whole,
        "no-masks": replace(whole, name=f"{model.title}, no mask fine-tuning", config=replace(config, hidden=0.0)),
        "scratch": replace(drawn, name="the same network, not pretrained"),
        "frozen": replace(whole, name=f"{model.title}, heads alone", config=free, frozen=True),
        "random": replace(drawn, name="random weights, heads alone", config=free, frozen=True),
        "bilstm": replace(drawn, name="BiLSTM", bilstm=True),
    }
    return [made[name] for name in names]


def recipe(unit: Unit) -> LabelsConfig:
    """How all of them learn.

    Sequences, which have one label each instead of hundreds, with AdamW at a low rate: Muon's steps are as long when
    the gradient is nearly all noise, and then undo what was pretrained.
    """
    config = replace(labels_small(), epochs=EPOCHS[unit])
    if unit == "note":
        return config
    batch = replace(config.recipe.batch, rows=8, micro_rows=8)
    recipe = replace(config.recipe, batch=batch, optimizer=OptimizerConfig(lr=SEQUENCE_RATE, weight_decay=0.01))
    return replace(config, recipe=recipe, dropout=0.2, validations=10)
