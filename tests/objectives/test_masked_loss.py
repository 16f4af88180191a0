"""The loss of masked notes: the cross entropy of what is scored, whatever part of a batch it is in."""

from __future__ import annotations

import pytest
import torch
from tiny_words import close, encoder, random_words, rows_of
from torch.nn import functional as F

from partimento.networks.encoder import Table
from partimento.networks.packed import FILLER
from partimento.networks.rows import PackedWords
from partimento.objectives.masked import Masking, hide, masked, restored
from partimento.tokens.fields import START
from partimento.tokens.octuple import OCTUPLE


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def batch_of() -> PackedWords:
    """Rows of two pieces each and a bit of padding."""
    return rows_of(*([random_words(2 * row + n, 12) for n in range(2)] for row in range(2)), length=29)


@pytest.mark.parametrize("table", ["fields", "shared"])
def test_the_loss_is_the_cross_entropy_of_what_is_scored(table: Table) -> None:
    network, batch = encoder(table=table), batch_of()
    hidden = network.hidden(batch.words, batch.documents)
    scored = torch.rand(batch.words.shape, generator=generator()) < 0.15
    scored &= batch.documents[..., None] != FILLER
    losses, hits = restored(network, hidden, batch.words, scored)
    slow, right = torch.zeros(8, dtype=torch.float64), torch.zeros(8)
    for row, place, field in scored.nonzero().tolist():
        logits = network.logits(hidden[row, place][None], field)
        target = network.targets(batch.words[row, place][None], field)
        slow[field] += F.cross_entropy(logits, target).detach()
        right[field] += logits.argmax() == target[0]
    close(losses.double(), slow)
    assert hits.tolist() == right.tolist()


def test_the_log_has_sums_over_what_is_scored() -> None:
    network, batch = encoder(), batch_of()
    masking = Masking(units=("random",), share=0.25)
    loss, logs = masked(network, batch, generator(), masking)
    _, scored = hide(batch.words, batch.documents, OCTUPLE, masking, generator())
    assert int(logs["count"]) == int(scored.sum())
    assert loss.item() == pytest.approx(float(logs["loss"]) / (0.25 * batch.words.numel()))
    assert 0 <= int(logs["hits"]) <= int(logs["count"])
    nothing = PackedWords(batch.words, torch.full_like(batch.documents, FILLER))
    loss, logs = masked(network, nothing, generator(), masking)
    loss.backward()
    assert (loss.item(), int(logs["count"])) == (0.0, 0)


def test_parts_of_a_batch_give_the_gradient_of_the_whole() -> None:
    """Though one part has more padding; all is hidden, so that nothing is left to chance."""
    batch = rows_of(*([random_words(seed, count)] for seed, count in enumerate((20, 4, 13, 20))), length=20)
    everything = Masking(units=("random",), share=1.0, masked=1.0, replaced=0.0)
    batch.words[:, ::3] = torch.from_numpy(OCTUPLE.special(START))  # and these show where they stand
    found = []
    for parts in ([batch], [batch[:2], batch[2:]], [batch[row : row + 1] for row in range(4)]):
        network = encoder()
        for part in parts:
            (masked(network, part, generator(), everything)[0] / len(parts)).backward()
        found.append([p.grad for p in network.parameters() if p.grad is not None])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
