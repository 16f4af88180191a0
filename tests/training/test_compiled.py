"""The path of a GPU, as far as a machine without one can follow it: flex attention inside a compiled step."""

from __future__ import annotations

import pytest
import torch
from tiny import network
from torch import _dynamo

from partimento.networks import decoder as decoder_module
from partimento.networks.packed import _by_flex
from partimento.objectives.next_token import PackedRows, next_token
from partimento.training.loop import Step


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by the compiler itself
@torch.no_grad()  # flex attention has no backward pass on CPUs
def test_a_compiled_step_equals_the_plain_one_in_two_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One break alone: before the loss, whose loop over chunks is left as it is."""
    decoder = network()
    decoder.checkpointing = True
    documents = torch.tensor([[0] * 60 + [1] * 69, [0] * 129])
    batch = PackedRows(torch.randint(40, (2, 129)), documents)
    expected, _ = next_token(decoder, batch)
    monkeypatch.setattr(decoder_module, "packed_causal", _by_flex)
    _dynamo.reset()
    _dynamo.utils.counters.clear()
    step = torch.compile(Step(decoder, next_token), backend="eager")
    for rows in (batch, PackedRows(batch.ids.clone(), documents.clone())):
        loss, logs = step(rows, torch.Generator())
        torch.testing.assert_close(loss, expected)
        assert logs["count"] == 59 + 68 + 128
    assert _dynamo.utils.counters["stats"]["unique_graphs"] == 2
    (reason,) = _dynamo.utils.counters["graph_break"]
    assert "summed_cross_entropy" in reason
