"""Labels of notes and sequences: what is scored, and what is hidden while they are learned."""

from __future__ import annotations

import pytest
import torch
from tiny_words import encoder_config, loud, random_words, rows_of
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.labeller import Labeller, LabellerConfig, Unit
from partimento.networks.packed import FILLER
from partimento.objectives.labelled import NO_LABEL, LabelledWords, labelled, labels_of
from partimento.objectives.masked import Masking, hide
from partimento.tokens.octuple import OCTUPLE

HIDING = Masking(units=("octuple",), share=0.5, masked=1.0, replaced=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labeller(unit: Unit, classes: tuple[int, ...] = (3, 5)) -> Labeller:
    config = LabellerConfig(encoder_config(), unit, classes, hidden=12, weighing=6, dropout=0.0)
    network = Labeller(config).double().eval()
    loud(network)
    return network


def notes(rows: int = 4) -> LabelledWords:
    """Rows of two pieces and padding; every position has labels, also those that only fill up."""
    packed = rows_of(*([random_words(2 * r, 9), random_words(2 * r + 1, 8)] for r in range(rows)), length=20)
    labels = torch.stack([torch.randint(n, packed.documents.shape, generator=generator(n)) for n in (3, 5)], dim=-1)
    return LabelledWords(packed.words, packed.documents, labels)


def sequences(rows: int = 4) -> LabelledWords:
    batch = notes(rows)
    labels = (torch.arange(rows)[:, None] + batch.documents)[..., None] % torch.tensor([3, 5])
    return LabelledWords(batch.words, batch.documents, labels)


def loss_of(network: Labeller, batch: LabelledWords, **more: object) -> Tensor:
    return labelled(network, batch, generator(), **more)[0]  # type: ignore[arg-type]


@torch.no_grad()
def test_the_loss_of_notes_is_the_mean_over_those_with_a_label() -> None:
    network, batch = labeller("note"), notes()
    batch.labels[:, 3:7, 0] = NO_LABEL
    heads = network(batch.words, batch.documents)
    loss, logs = labelled(network, batch, generator())
    means, hits = [], 0
    for head, logits in enumerate(heads):
        label = batch.labels[..., head].flatten()
        scored = [i for i, d in enumerate(batch.documents.flatten().tolist()) if d != FILLER and label[i] != NO_LABEL]
        assert len(scored) == (4 * 13 if head == 0 else 4 * 17)
        means.append(sum(float(F.cross_entropy(logits[i].float(), label[i])) for i in scored) / len(scored))
        hits += sum(int(logits[i].argmax() == label[i]) for i in scored)
    assert float(loss) == pytest.approx(sum(means) / 2, rel=1e-5)
    assert float(logs["loss"]) == pytest.approx(means[0] * 52 + means[1] * 68, rel=1e-5)
    assert (int(logs["hits"]), int(logs["count"])) == (hits, 52 + 68)


@torch.no_grad()
def test_padding_is_never_scored() -> None:
    network, batch = labeller("note"), notes()
    labels = batch.labels.clone()
    labels[batch.documents == FILLER] = 2
    assert torch.equal(loss_of(network, batch), loss_of(network, LabelledWords(batch.words, batch.documents, labels)))
    assert (labels_of(network, batch).view(4, 20, 2)[batch.documents == FILLER] == NO_LABEL).all()
    assert (labels_of(network, batch).view(4, 20, 2)[batch.documents != FILLER] != NO_LABEL).all()


@torch.no_grad()
def test_the_loss_of_sequences_is_the_mean_over_them() -> None:
    network, batch = labeller("sequence"), sequences()
    expected = [[(row + number) % n for n in (3, 5)] for row in range(4) for number in range(2)]
    assert labels_of(network, batch).tolist() == expected
    heads = network(batch.words, batch.documents)
    means = [F.cross_entropy(h.float(), torch.tensor(expected)[:, i]) for i, h in enumerate(heads)]
    loss, logs = labelled(network, batch, generator())
    assert float(loss) == pytest.approx(float(sum(means)) / 2, rel=1e-5)
    assert int(logs["count"]) == 16
    batch.labels[0, :9] = NO_LABEL  # the first sequence has none
    assert int(labelled(network, batch, generator())[1]["count"]) == 14


@pytest.mark.parametrize("unit", ["note", "sequence"])
@torch.no_grad()
def test_notes_are_hidden_in_training_alone(unit: Unit) -> None:
    network, batch = labeller(unit), notes() if unit == "note" else sequences()
    plain = loss_of(network, batch)
    assert torch.equal(loss_of(network, batch, hiding=HIDING), plain)
    network.train()  # without dropout nothing else changes
    assert torch.equal(loss_of(network, batch), plain)
    shown, _ = hide(batch.words, batch.documents, OCTUPLE, HIDING, generator())
    expected = loss_of(network, LabelledWords(shown, batch.documents, batch.labels))
    found = loss_of(network, batch, hiding=HIDING)
    assert torch.equal(found, expected)
    assert (found - plain).abs() > 1e-3
    other = labelled(network, batch, generator(1), hiding=HIDING)[0]
    assert not torch.equal(other, found)


@torch.no_grad()
def test_labels_are_smoothed_in_training_alone() -> None:
    network, batch = labeller("note", (3, 5)), notes()
    plain = loss_of(network, batch)
    assert torch.equal(loss_of(network, batch, smoothing=0.3), plain)
    network.train()
    heads, labels = network(batch.words, batch.documents), labels_of(network, batch)
    slow = []
    for head, logits in enumerate(heads):
        here = labels[:, head] != NO_LABEL
        log_p, target = logits[here].log_softmax(-1), F.one_hot(labels[here, head], logits.shape[-1])
        spread = 0.7 * target + 0.3 / logits.shape[-1]
        slow.append(-(spread * log_p).sum(-1).mean())
    assert float(loss_of(network, batch, smoothing=0.3)) == pytest.approx(float(sum(slow)) / 2, rel=1e-5)


@pytest.mark.parametrize("unit", ["note", "sequence"])
def test_parts_with_as_many_labels_give_the_gradient_of_the_whole(unit: Unit) -> None:
    batch = notes() if unit == "note" else sequences()
    found = []
    for parts in ([batch], [batch[:2], batch[2:]]):
        network = labeller(unit)
        for part in parts:
            (loss_of(network, part) / len(parts)).backward()
        found.append([p.grad for p in network.parameters() if p.grad is not None])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_a_part_without_labels_gives_no_gradient_and_no_error() -> None:
    network, batch = labeller("note"), notes(1)
    batch.labels[:] = NO_LABEL
    loss, logs = labelled(network, batch, generator())
    loss.backward()
    assert (loss.item(), int(logs["count"]), int(logs["hits"])) == (0.0, 0, 0)
    assert all(p.grad is None or (p.grad == 0).all() for p in network.parameters())


def test_rows_are_cut_along_their_first_axis() -> None:
    batch = notes()
    part = batch[1:3].to(torch.device("cpu"))
    assert (len(batch), len(part), part.tokens) == (4, 2, 40)
    assert torch.equal(part.labels, batch.labels[1:3])
