"""The masker's choices, its targets and the mask book."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.adversarial import AdversarialEncoder
from partimento.networks.encoder import Encoder, EncoderConfig
from partimento.networks.packed import FILLER
from partimento.networks.rows import PackedWords
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.adversarial import (
    Adversary,
    adversarial,
    choose,
    masker_targets,
    note_losses,
    ranks,
    revise,
)
from partimento.objectives.masked import Masking, masked
from partimento.tokens.fields import MASK, PAD, Fields

FIELDS = Fields(("bar", "pitch"), (4, 10))
MASKING = Masking(units=("octuple",))


def network(notes: int, context: int = 64) -> AdversarialEncoder:
    torch.manual_seed(0)
    transformer = TransformerConfig(width=32, heads=2, layers=1, feedforward=32, rope_base=100.0)
    encoder = Encoder(EncoderConfig(transformer, FIELDS, field_width=16, context=context))
    encoder.initialise()
    return AdversarialEncoder(encoder, notes, hidden=32, dropout=0.0)


def rows(count: int, length: int, filled: int, generator: torch.Generator) -> PackedWords:
    """Rows of `filled` notes, numbered from 0, and padding."""
    words = torch.stack([torch.randint(n, (count, length), generator=generator) for n in FIELDS.sizes], dim=-1)
    notes = torch.arange(count * length).view(count, length)
    documents = torch.zeros(count, length, dtype=torch.int64)
    notes = torch.where(torch.arange(length) < filled, torch.arange(count)[:, None] * filled + torch.arange(length), 0)
    words[:, filled:] = torch.from_numpy(FIELDS.special(PAD))
    notes[:, filled:] = count * filled
    documents[:, filled:] = FILLER
    return PackedWords(torch.cat([words, notes[..., None]], dim=-1), documents)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def watched(
    learner: AdversarialEncoder, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Tensor], Callable[[Tensor, Tensor], Tensor]]:
    """What the encoder is going to be shown, and its own function."""
    shown: list[Tensor] = []
    hidden = learner.encoder.hidden

    def watch(words: Tensor, documents: Tensor) -> Tensor:
        shown.append(words)
        return hidden(words, documents)

    monkeypatch.setattr(learner.encoder, "hidden", watch)
    return shown, hidden


def test_ranks_count_from_the_highest_of_each_group() -> None:
    values = torch.tensor([0.1, 0.9, 0.5, 0.2, 0.7])
    assert ranks(values, torch.tensor([0, 1, 0, 1, 0])).tolist() == [2, 0, 1, 1, 0]


def test_the_hardest_are_to_be_hidden_and_the_easiest_are_not_in_every_sequence() -> None:
    """Worked out by hand; the released program has the signs of every second sequence turned round."""
    losses = torch.tensor([5.0, 1.0, 3.0, 9.0, 2.0] * 2 + [4.0, 6.0])
    altered = torch.tensor([True, True, True, False, True] * 2 + [True, False])
    groups = torch.tensor([0] * 5 + [1] * 5 + [2] * 2)
    targets, shares = masker_targets(losses, altered, groups, 3, ends=0.3)
    # four altered notes: int(0.3 * 4) = 1 at either end; the note of loss 9 was not altered; the third has too few
    assert targets.tolist() == [1, 0, 0, 0, 0] * 2 + [0, 0]
    assert shares.tolist() == [0.5, 0.5, 0, 0, 0] * 2 + [0, 0]
    scores = torch.full((12,), 0.25, requires_grad=True)
    error = (shares * (scores - targets).square()).sum()
    assert float(error.detach()) == pytest.approx(0.75**2 + 0.25**2)
    error.backward()
    assert scores.grad is not None
    # going down the gradient raises the scores of the hard notes and lowers those of the easy ones
    assert scores.grad.sign().tolist() == [-1, 1, 0, 0, 0] * 2 + [0, 0]


def test_equal_losses_make_no_note_both_hard_and_easy() -> None:
    groups = torch.zeros(6, dtype=torch.int64)
    targets, shares = masker_targets(torch.ones(6), torch.ones(6, dtype=torch.bool), groups, 1, ends=0.5)
    assert targets.sum() == 3
    assert torch.equal(shares, torch.full((6,), 1 / 3))


def test_the_highest_scores_among_the_allowed_are_chosen() -> None:
    scores = torch.linspace(0.01, 0.99, 200).repeat(2)
    allowed = torch.ones(400, dtype=torch.bool)
    allowed[195:200] = False
    groups = torch.arange(400) // 200
    numbers: list[int] = []
    for seed in range(30):
        chosen = choose(scores, allowed, groups, 2, Adversary(), seeded(seed))
        assert not (chosen & ~allowed).any()
        for group in range(2):
            here = chosen[groups == group]
            may = allowed[groups == group]
            assert scores[groups == group][here].min() > scores[groups == group][may & ~here].max()
            numbers.append(int(here.sum()))
    assert min(numbers) >= 19  # a tenth of the allowed ones
    assert max(numbers) == 30  # 15 % of the sequence, though up to 30 % of the allowed ones may be drawn
    assert len(set(numbers)) > 3


def test_freezing_takes_the_highest_scores_and_release_is_by_chance() -> None:
    scores, groups = torch.linspace(0.01, 0.99, 1000), torch.zeros(1000, dtype=torch.int64)
    allowed = torch.ones(1000, dtype=torch.bool)
    never = Adversary(release=0.0)
    for seed in range(5):
        change = revise(scores, allowed, groups, 1, never, seeded(seed))
        frozen = int((change < 0).sum())
        assert 100 <= frozen <= 300
        assert (change[-frozen:] == -1).all()
        assert not (change > 0).any()
    allowed[:] = False
    shares = [float((revise(scores, allowed, groups, 1, Adversary(), seeded(s)) > 0).float().mean()) for s in range(40)]
    assert max(shares) < 0.13
    assert 0.03 < sum(shares) / len(shares) < 0.07
    assert not revise(scores, allowed, groups, 1, never, seeded()).any()


def test_the_book_is_revised_every_so_many_epochs_and_read_again() -> None:
    learner = network(2 * 40)
    batch, adversary = rows(2, 64, 40, seeded()), Adversary(freeze_every=2, frozen=(0.5, 0.5), release=0.0)
    allowed = []
    for epoch in range(6):
        adversarial(learner, batch, seeded(epoch), MASKING, adversary)
        allowed.append(int(learner.allowed.sum()))
    assert allowed == [80, 40, 40, 20, 20, 10]
    assert set(learner.visits[:-1].tolist()) == {6}
    released = Adversary(freeze_every=1, frozen=(0.0, 0.0), release=1.0)
    adversarial(learner, batch, seeded(), MASKING, released)
    assert int(learner.allowed.sum()) > 10
    assert not learner.allowed[-1]  # padding never is


def test_padding_and_unknown_fields_are_never_chosen_and_never_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, batch = network(2 * 40), rows(2, 64, 40, seeded())
    batch.words[0, :, 0] = torch.where(batch.documents[0] == FILLER, batch.words[0, :, 0], FIELDS.sizes[0] + MASK)
    shown, _ = watched(learner, monkeypatch)
    all_allowed = Adversary(share=(1.0, 1.0), most=1.0)
    everything = Masking(units=("octuple",), masked=1.0, replaced=0.0)
    _, logs = adversarial(learner, batch, seeded(), everything, all_allowed)
    plain, masks = shown
    assert torch.equal(plain, batch.words[..., :2])
    assert torch.equal(masks[:, 40:], plain[:, 40:])  # padding is shown as padding
    assert (masks[:, :40] == torch.tensor(FIELDS.sizes) + MASK).all()
    assert int(logs["count"]) == 40 + 80  # one field of the first row, both of the second
    assert learner.judged.tolist()[1] == [0, 0]  # a whole pass: the counts begin anew


def test_the_fields_loss_weights_follow_the_accuracy_of_the_pass_before() -> None:
    learner = network(100)
    assert learner.weights.tolist() == [0.5, 0.5]
    notes, change = torch.arange(60)[None], torch.zeros(1, 60, dtype=torch.int8)
    learner.remember(notes, change, torch.tensor([[8, 1], [10, 10]]))
    assert learner.weights.tolist() == [0.5, 0.5]
    learner.remember(notes + 40, change, torch.tensor([[8, 3], [10, 10]]))
    assert learner.weights.tolist() == pytest.approx([0.2, 0.8])  # accuracies of 0.8 and 0.2
    assert int(learner.seen) == 20
    learner.remember(torch.arange(100)[None], torch.zeros(1, 100, dtype=torch.int8), torch.tensor([[5, 0], [5, 0]]))
    assert learner.weights.tolist() == pytest.approx([0.5, 0.5])  # what was not judged counts as right


def test_the_loss_equals_one_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, batch = network(2 * 40), rows(2, 64, 40, seeded())
    learner.weights.copy_(torch.tensor([0.3, 0.7]))
    seen, hidden = watched(learner, monkeypatch)
    loss, logs = adversarial(learner, batch, seeded(3), Masking(masked=1.0, replaced=0.0), Adversary())
    words = batch.words[..., :2]
    masked_at = (seen[1] != words).all(-1)
    logits = hidden(seen[1], batch.documents).flatten(0, 1)
    expected, per_note = torch.zeros(()), torch.zeros(words.shape[:2])
    for field, weight in enumerate((0.3, 0.7)):
        right = words[..., field].flatten().clamp(max=FIELDS.sizes[field] - 1)
        each = F.cross_entropy(learner.encoder.logits(logits, field), right, reduction="none").view(2, 64)
        per_note += weight * each
        expected = expected + weight * (each[masked_at].mean() + each[:, :40].mean())
    scores = torch.sigmoid(learner.masker(hidden(words, batch.documents))[..., 0])
    for row in range(2):
        at = masked_at[row].nonzero()[:, 0]
        at = at[per_note[row, at].argsort(descending=True)]
        ends = int(0.3 * len(at))
        assert ends
        expected = (
            expected + ((scores[row, at[:ends]] - 1).square().mean() + scores[row, at[-ends:]].square().mean()) / 2
        )
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert int(logs["count"]) == 2 * int(masked_at.sum())
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learner.parameters())


def test_validation_hides_by_chance_and_leaves_the_book_alone() -> None:
    learner, batch = network(2 * 40).eval(), rows(2, 64, 40, seeded())
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    loss, logs = adversarial(learner, batch, seeded(), MASKING, Adversary(freeze_every=1))
    plain = PackedWords(batch.words[..., :2], batch.documents)
    expected, other = masked(learner.encoder, plain, seeded(), MASKING)
    assert torch.equal(loss, expected)
    assert logs.keys() == other.keys()
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


def test_the_masker_learns_which_notes_are_hard() -> None:
    """Pitches of bar 0 are drawn by chance; all others are 5. Four of five notes are hidden, so both kinds are."""
    learner, generator = network(10**4), seeded(1)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-2)
    adversary, losses = Adversary(share=(0.8, 0.8), most=0.8, freeze_every=0), []

    def batch() -> PackedWords:
        made = rows(8, 32, 30, generator)
        bar = torch.randint(2, (8, 30), generator=generator)
        made.words[:, :30, 0] = bar
        made.words[:, :30, 1] = torch.where(bar == 0, made.words[:, :30, 1], 5)
        return made

    for _ in range(40):
        loss, _ = adversarial(learner, batch(), generator, MASKING, adversary)
        losses.append(float(loss.detach()))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert sum(losses[-5:]) < 0.75 * sum(losses[:5])
    made = batch()
    with torch.no_grad():
        scores = learner.eval().scores(made.words[..., :2], made.documents)[:, :30]
    hard = made.words[:, :30, 0] == 0
    assert scores[hard].mean() > scores[~hard].mean() + 0.3
    groups = torch.arange(240) // 30
    chosen = choose(scores.flatten(), torch.ones(240, dtype=torch.bool), groups, 8, Adversary(), generator)
    assert float(hard.flatten()[chosen].float().mean()) > 0.9


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"share is 0.4, 0.2; .* the lower one first"):
        Adversary(share=(0.4, 0.2))
    with pytest.raises(ValueError, match=r"ends is 0\.6"):
        Adversary(ends=0.6)
    with pytest.raises(ValueError, match="freeze_every is -1"):
        Adversary(freeze_every=-1)


def test_note_losses_leave_out_what_is_not_known() -> None:
    learner = network(4)
    words = torch.tensor([[1, 2], [FIELDS.sizes[0] + MASK, 3]])
    known = words < torch.tensor(FIELDS.sizes)
    losses, hits = note_losses(learner.encoder, torch.randn(2, 32), words, known)
    assert (losses > 0).tolist() == [[True, True], [False, True]]
    assert not hits[1, 0]
