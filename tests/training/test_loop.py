"""The loop: its log, its checkpoints, its samples, accumulation, clipping, precision."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import ALONE, LENGTH, Settings, go, log_of, network, saved, tiny_run
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from partimento.networks.decoder import Decoder
from partimento.objectives.next_token import next_token
from partimento.training.loop import evaluate, train
from partimento.training.optimizer import make_optimizers, rate, set_rates


def norm_of(decoder: nn.Module) -> float:
    return math.sqrt(sum(float(p.grad.square().sum()) for p in decoder.parameters() if p.grad is not None))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = saved(folder)["network"]
    return state


def test_the_log(tmp_path: Path) -> None:
    state = go(tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    logged = [line for line in lines if "loss" in line]
    assert [line["step"] for line in logged] == [3, 6, 9, 12]
    assert [line["tokens"] for line in logged] == [step * 4 * LENGTH for step in (3, 6, 9, 12)]
    for line in logged:
        assert set(line) == {"step", "tokens", "loss", "lr", "grad_norm", "tokens_per_s"}
        assert all(type(line[name]) is float for name in ("loss", "lr", "grad_norm", "tokens_per_s"))
    validated = [line for line in lines if "valid_loss" in line]
    assert [line["step"] for line in validated] == [4, 8, 12]
    assert state.best == min(line["valid_loss"] for line in validated)
    schedule = tiny_run(tmp_path / "other").recipe.schedule
    assert logged[1]["lr"] == pytest.approx(1e-2 * rate(5, schedule))


def test_the_loss_is_the_mean_over_all_tokens_predicted_since_the_line_before(tmp_path: Path) -> None:
    go(tmp_path / "each", Settings(log_every=1))
    go(tmp_path / "window", Settings(log_every=4))
    run, losses, counts = tiny_run(tmp_path / "count"), [], []
    for line in (line for line in log_of(tmp_path / "each") if "loss" in line):
        documents = run.batches.rows(4).documents
        losses.append(line["loss"])
        counts.append(int((documents[:, 1:] == documents[:, :-1]).sum()))
    expected = [
        sum(a * b for a, b in zip(losses[i : i + 4], counts[i : i + 4], strict=True)) / sum(counts[i : i + 4])
        for i in (0, 4, 8)
    ]
    assert [line["loss"] for line in log_of(tmp_path / "window") if "loss" in line] == pytest.approx(expected, rel=1e-5)


def test_equals_a_loop_written_out_over_whole_batches(tmp_path: Path) -> None:
    """One large micro batch, the loss from all logits, AdamW, clipping: the slow reference of a step."""
    settings = Settings(steps=5, clip_norm=0.5)
    go(tmp_path / "run", settings)
    run, decoder = tiny_run(tmp_path / "other"), network()
    (optimizer,) = make_optimizers(decoder, run.recipe.optimizer)
    schedule = replace(run.recipe.schedule, steps=5)
    for step in range(5):
        rows = run.batches.rows(4)
        logits = decoder(rows.ids[:, :-1], rows.documents[:, :-1]).flatten(0, 1)
        each = F.cross_entropy(logits, rows.ids[:, 1:].flatten(), reduction="none")
        inside = (rows.documents[:, 1:] == rows.documents[:, :-1]).flatten()
        (each * inside).mean().backward()
        set_rates([optimizer], rate(step, schedule))
        norm = norm_of(decoder)
        for p in decoder.parameters():
            assert p.grad is not None
            p.grad *= min(1.0, 0.5 / norm)
        assert norm > 0.5
        optimizer.step()
        optimizer.zero_grad()
    for name, value in decoder.state_dict().items():
        torch.testing.assert_close(weights(tmp_path / "run")[name], value, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("kind", "error"), [("adamw", 1e-5), ("muon", 2e-2)])  # Muon orthogonalises in bfloat16
def test_accumulation_equals_one_large_micro_batch(tmp_path: Path, kind: str, error: float) -> None:
    for micro_rows in (1, 2, 4):
        go(tmp_path / str(micro_rows), Settings(micro_rows=micro_rows, kind=kind))
    for micro_rows in (1, 2):
        for name, value in weights(tmp_path / "4").items():
            assert (weights(tmp_path / str(micro_rows))[name] - value).norm() < error * value.norm(), name


def test_clipping_bounds_the_gradient_and_zero_turns_it_off(tmp_path: Path) -> None:
    seen: dict[str, list[float]] = {}
    for name, clip in (("off", 0.0), ("on", 0.01)):
        run = tiny_run(tmp_path / name, Settings(clip_norm=clip, steps=2, log_every=1))
        norms: list[float] = []

        def note(*_: Any, decoder: nn.Module = run.network, norms: list[float] = norms) -> None:
            norms.append(norm_of(decoder))

        hook = register_optimizer_step_pre_hook(note)
        try:
            train(run, ALONE)
        finally:
            hook.remove()
        seen[name] = norms
        logged = [line["grad_norm"] for line in log_of(tmp_path / name) if "loss" in line]
        assert logged[0] > 0.1  # the norm before clipping
        if clip == 0:
            assert norms == pytest.approx(logged, rel=1e-4)
    assert max(seen["on"]) <= 0.01 * 1.001


def test_best_and_last_checkpoints(tmp_path: Path) -> None:
    state = go(tmp_path / "run", Settings(save_every=3))
    folder = tmp_path / "run" / "checkpoints"
    facts = {name: json.loads((folder / name / "facts.json").read_text()) for name in ("best", "last")}
    assert facts["last"]["step"] == 12
    assert facts["best"]["valid_loss"] == state.best
    best = min((line for line in log_of(tmp_path / "run") if "valid_loss" in line), key=lambda line: line["valid_loss"])
    assert facts["best"]["step"] == best["step"]


def test_a_save_before_the_first_validation_has_no_loss_to_tell(tmp_path: Path) -> None:
    found: list[object] = []
    run = tiny_run(tmp_path / "run", Settings(steps=4, save_every=2))
    train(replace(run, save=lambda network, place, facts: found.append(facts["valid_loss"])), ALONE)
    assert found[0] is None
    assert isinstance(found[-1], float)


def test_samples_are_made_and_do_not_touch_the_training(tmp_path: Path) -> None:
    called: list[tuple[str, bool, bool]] = []

    def sample(decoder: nn.Module, path: Path) -> None:
        assert isinstance(decoder, Decoder)
        torch.rand(7)  # draws from the random state that dropout uses
        same = decoder.head.weight is decoder.head.weight  # shared parts are added up once, not at every use
        called.append((path.name, decoder.training, same))
        path.with_suffix(".mid").write_bytes(b"MThd")

    settings = Settings(dropout=0.3, share=True, sample_every=5)
    go(tmp_path / "with", settings, sample=sample)
    assert called == [(f"step-{step:06d}", False, True) for step in (5, 10, 12)]
    assert sorted(p.name for p in (tmp_path / "with" / "samples").iterdir()) == [f"{name}.mid" for name, *_ in called]
    go(tmp_path / "without", replace(settings, sample_every=0), sample=sample)
    assert len(called) == 3
    assert log_of(tmp_path / "with") == log_of(tmp_path / "without")


@pytest.mark.filterwarnings("error")
def test_bf16_autocast_learns_what_float32_learns(tmp_path: Path) -> None:
    for bf16 in (False, True):
        go(tmp_path / str(bf16), Settings(bf16=bf16, steps=30, share=True))
    exact, half = ([line["loss"] for line in log_of(tmp_path / name) if "loss" in line] for name in ("False", "True"))
    assert half[-1] < half[0]
    assert half == pytest.approx(exact, rel=0.01)
    assert half != exact
    assert {value.dtype for value in weights(tmp_path / "True").values()} == {torch.float32}


def test_validation_is_the_mean_over_predicted_tokens(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    sums = [next_token(network(), run.validation[i : i + 1])[1] for i in range(len(run.validation))]
    expected = sum(float(s["loss"]) for s in sums) / sum(int(s["count"]) for s in sums)

    class Step(nn.Module):
        def forward(self, *arguments: Any) -> Any:
            return next_token(run.network, *arguments)  # type: ignore[arg-type]

    assert evaluate(Step(), run, ALONE) == {"loss": pytest.approx(expected, rel=1e-5)}
    assert run.network.training


def test_rows_that_cannot_be_shared_out_are_refused(tmp_path: Path) -> None:
    world = replace(ALONE, size=3)
    with pytest.raises(ValueError, match=r"batch.rows 4 must be a multiple of .* = 3 x 2"):
        train(tiny_run(tmp_path / "run"), world)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    with torch.no_grad():
        next(run.network.parameters()).fill_(math.nan)
    with pytest.raises(FloatingPointError, match=r"loss is nan .* at step 3; .*lower optimizer.lr"):
        train(run, ALONE)
    assert not (tmp_path / "run" / "checkpoints").exists()
