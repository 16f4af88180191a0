"""Which weights decay, which go to Muon, and the learning rate of every step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import Settings, network
from torch import nn

from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig
from partimento.training.optimizer import make_optimizers, rate, set_rates


def names_by_decay(decoder: nn.Module, optimizer: torch.optim.Optimizer) -> dict[float, set[str]]:
    names = {id(p): name for name, p in decoder.named_parameters()}
    return {group["weight_decay"]: {names[id(p)] for p in group["params"]} for group in optimizer.param_groups}


@pytest.mark.parametrize("share", [False, True])
def test_adamw_decays_matrices_and_output_but_no_norms_and_embeddings(share: bool) -> None:
    decoder = network(Settings(share=share))
    (optimizer,) = make_optimizers(decoder, OptimizerConfig(weight_decay=0.1))
    groups = names_by_decay(decoder, optimizer)
    bare = {name for name, _ in decoder.named_parameters() if "norm" in name or name.startswith("embedding.")}
    assert groups[0.0] == bare
    assert groups[0.1] == {name for name, _ in decoder.named_parameters()} - bare
    if share:
        assert "embedding.parametrizations.weight.0.shared" in groups[0.0]
        assert "head.parametrizations.weight.0.shared" in groups[0.1]


@pytest.mark.parametrize("share", [False, True])
def test_muon_has_the_matrices_inside_the_blocks_and_adamw_the_rest(share: bool) -> None:
    decoder = network(Settings(share=share))
    adamw, muon = make_optimizers(decoder, OptimizerConfig(kind="muon", weight_decay=0.1, lr=1.0, matrix_lr=2.0))
    assert isinstance(adamw, torch.optim.AdamW)
    assert isinstance(muon, torch.optim.Muon)
    inside = names_by_decay(decoder, muon)[0.1]
    kinds = ("attention.qkv", "attention.out", "feedforward.gate", "feedforward.up", "feedforward.down")
    assert inside == {f"transformer.blocks.{i}.{kind}.weight" for i in range(2) for kind in kinds}
    rest = names_by_decay(decoder, adamw)
    assert set.union(*rest.values()) | inside == {name for name, _ in decoder.named_parameters()}
    assert all(name.startswith("head") for name in rest[0.1])
    set_rates([adamw, muon], 0.25)
    assert {group["lr"] for group in adamw.param_groups} == {0.25}
    assert {group["lr"] for group in muon.param_groups} == {0.5}


def test_decay_moves_what_it_shall_and_nothing_else() -> None:
    decoder = network()
    before = {name: p.detach().clone() for name, p in decoder.named_parameters()}
    (optimizer,) = make_optimizers(decoder, OptimizerConfig(lr=0.5, weight_decay=0.1))
    for p in decoder.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in decoder.named_parameters():
        factor = 1.0 if "norm" in name or "embedding" in name else 1 - 0.5 * 0.1
        torch.testing.assert_close(p.detach(), before[name] * factor)


def test_muon_without_torchs_muon_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ValueError, match=r"install 2.9 or later, or set optimizer.kind=adamw"):
        make_optimizers(network(), OptimizerConfig(kind="muon"))


def test_schedule_values() -> None:
    schedule = ScheduleConfig(steps=100, warmup=10, decay_from=0.5, final=0.2)
    assert [rate(step, schedule) for step in (0, 4, 9, 10, 49, 50)] == pytest.approx([0.1, 0.5, 1, 1, 1, 1])
    assert rate(75, schedule) == pytest.approx(0.6)
    assert rate(99, schedule) == pytest.approx(0.2 + 0.8 / 50)
    after_warmup = replace(schedule, decay_from=0.0)
    assert rate(10, after_warmup) == 1
    assert rate(55, after_warmup) == pytest.approx(0.6)
    values = [rate(step, schedule) for step in range(9, 100)]
    assert values == sorted(values, reverse=True)
    assert rate(0, replace(schedule, warmup=0)) == 1


def test_a_recipe_that_cannot_be_is_refused() -> None:
    schedule, batch = ScheduleConfig(steps=1), BatchConfig(rows=4, length=8, micro_rows=2)
    for text, make in (
        ("schedule.steps is 0", lambda: replace(schedule, steps=0)),
        ("schedule.warmup is -1", lambda: replace(schedule, warmup=-1)),
        ("schedule.decay_from is 60", lambda: replace(schedule, decay_from=60)),
        ("schedule.final is -0.1", lambda: replace(schedule, final=-0.1)),
        ("batch.length is 0", lambda: replace(batch, length=0)),
        ("batch.micro_rows is 0", lambda: replace(batch, micro_rows=0)),
        ("batch.augment is 2", lambda: replace(batch, augment=2)),
        ("batch.rows 4 must be a multiple of batch.micro_rows 3", lambda: replace(batch, micro_rows=3)),
        ("seed is -1", lambda: Recipe(schedule, batch, seed=-1)),
    ):
        with pytest.raises(ValueError, match=text):
            make()
