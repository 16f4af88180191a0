"""Notes moved a little, and the piano roll of their bars."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.encoder import Encoder, EncoderConfig
from partimento.networks.packed import FILLER
from partimento.networks.roll import RollEncoder
from partimento.networks.rows import PackedWords
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.correction import (
    BAR_STEPS,
    CHROMAS,
    LOWEST_KEY,
    MOVED,
    ROLL_COLUMNS,
    ROLL_STEPS,
    Noise,
    bar_rolls,
    corrected,
    moved,
)
from partimento.objectives.masked import Masking
from partimento.tokens.fields import MASK, PAD
from partimento.tokens.octuple import (
    DURATION,
    OCTUPLE,
    PITCH,
    POSITION,
    TIME_SIGNATURE,
    TIME_SIGNATURES,
    VELOCITY,
)

SIZES = torch.tensor(OCTUPLE.sizes)
FOUR_FOUR, THREE_FOUR = TIME_SIGNATURES.index((4, 4)), TIME_SIGNATURES.index((3, 4))
NOISE = Noise()
MASKING = Masking(units=("octuple",), share=0.3, masked=0.0, replaced=0.0)


def note(bar: int, position: int, pitch: int, duration: int, metre: int = FOUR_FOUR) -> list[int]:
    return [bar, position, 128 if pitch > 127 else 0, pitch, duration, 16, metre, 36]


def row(*notes: list[int], filled: int = 0) -> PackedWords:
    words = torch.tensor([[*notes, *[OCTUPLE.special(PAD).tolist()] * filled]])
    documents = torch.tensor([[0] * len(notes) + [FILLER] * filled])
    return PackedWords(words, documents)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(word: list[int], noise: Noise = NOISE, count: int = 4000) -> Tensor:
    """(count, 8) one note, moved again and again."""
    words = torch.tensor(word).repeat(1, count, 1)
    return moved(words, torch.ones_like(words, dtype=torch.bool), noise, seeded())[0]


def test_every_value_near_the_right_one_is_drawn_and_no_other() -> None:
    found = draw(note(3, 20, 60, 40))
    assert set(found[:, PITCH].tolist()) == set(range(48, 73))
    assert set(found[:, DURATION].tolist()) == set(range(28, 53))
    assert set(found[:, POSITION].tolist()) == set(range(4, 37))
    others = [field for field in range(8) if field not in MOVED]
    assert (found[:, others] == torch.tensor(note(3, 20, 60, 40))[others]).all()
    grid = (found[:, POSITION] % 4 == 0).float().mean()
    assert 0.58 < grid < 0.68  # half by whole sixteenths, and 9 of 33 of the others
    assert (draw(note(3, 20, 60, 40), Noise(sixteenths=1.0))[:, POSITION] % 4 == 0).all()


def test_notes_stay_in_their_bar_and_drums_among_drums() -> None:
    assert set(draw(note(0, 44, 2, 0, THREE_FOUR), Noise(sixteenths=0.0))[:, POSITION].tolist()) == set(range(28, 48))
    assert draw(note(0, 44, 2, 0))[:, [PITCH, DURATION]].min() == 0
    assert draw(note(0, 0, 125, 127))[:, [PITCH, DURATION]].amax(0).tolist() == [127, 127]
    drums = draw(note(0, 0, 130, 0))[:, PITCH]
    assert (int(drums.min()), int(drums.max())) == (128, 142)
    beyond = draw(note(0, 70, 60, 0), Noise(sixteenths=0.0))[:, POSITION]  # the bar is cut short, the note is not
    assert (int(beyond.min()), int(beyond.max())) == (54, 70)


def test_what_is_not_drawn_or_not_known_stays() -> None:
    words = torch.tensor([[note(0, 4, 60, 8), note(0, 8, 60, 8)]])
    words[0, 1, DURATION] = OCTUPLE.sizes[DURATION] + MASK
    drawn = torch.tensor([[[False] * 8, [True] * 8]])
    for seed in range(5):
        shown = moved(words, drawn, Noise(), seeded(seed))
        assert torch.equal(shown[0, 0], words[0, 0])
        assert shown[0, 1, DURATION] == words[0, 1, DURATION]


def test_the_roll_of_a_bar() -> None:
    """C4 for a quarter under E4 and C5 for a half; in bar 1 E4 goes on after the line, in bar 2 there is G4 alone."""
    c4, c5, e4, g4 = (CHROMAS + pitch - LOWEST_KEY for pitch in (60, 72, 64, 67))
    first_bar = [note(0, 0, 60, 16), note(0, 0, 72, 24), note(0, 40, 64, 28)]
    batch = row(*first_bar, note(1, 16, 36 + 128, 4), note(2, 62, 67, 0), filled=2)
    rolls, bars, steps = bar_rolls(batch.words, batch.documents)
    assert steps[0, :5].tolist() == [0, 0, 10, 4, 15]
    first, second, third = (rolls[bars[0, place]] for place in (0, 3, 4))
    assert first.shape == (32, ROLL_COLUMNS)
    for step in range(4):
        assert first[step].nonzero()[:, 0].tolist() == [0, c4, c5]
        assert first[step, [0, c4, c5]].tolist() == [1.0, 0.5, 0.5]
    assert first[4:8, [0, c5]].eq(1).all()
    assert not first[8:10].any()  # a half is id 24: 32 units, 8 sixteenths
    assert first[10:16, [4, e4]].eq(1).all()
    assert second[:4, [4, e4]].eq(1).all()  # id 28 is 40 units, 10 sixteenths: 6 in this bar
    assert second.sum() == 8  # the drum is not there
    assert third[15, [7, g4]].eq(1).all()  # a note without length has one step
    assert third.sum() == 2
    assert not rolls[bars[0, -1]].any()


def test_bars_of_other_pieces_and_rows_are_others() -> None:
    words = torch.tensor([[note(0, 60, 60, 40), note(1, 0, 67, 0)]] * 2)
    rolls, bars, _ = bar_rolls(words, torch.tensor([[0, 1], [0, 0]]))
    assert len(set(bars.flatten().tolist())) == 4
    assert rolls[bars[0, 1], :, 0].sum() == 0  # another piece does not hold the first one's note
    assert rolls[bars[1, 1], :, 0].sum() > 0


def test_a_bar_has_its_own_length() -> None:
    words = torch.tensor([[note(0, 44, 60, 24, THREE_FOUR), note(1, 0, 67, 0, THREE_FOUR)]])
    rolls, bars, _ = bar_rolls(words, torch.zeros(1, 2, dtype=torch.int64))
    assert rolls[bars[0, 0], :, 0].nonzero()[:, 0].tolist() == [11]
    assert rolls[bars[0, 1], :, 0].nonzero()[:, 0].tolist() == list(range(7))


def network() -> RollEncoder:
    torch.manual_seed(0)
    transformer = TransformerConfig(width=32, heads=2, layers=1, feedforward=32, rope_base=100.0)
    encoder = Encoder(EncoderConfig(transformer, OCTUPLE, field_width=8, context=64))
    encoder.initialise()
    learner = RollEncoder(encoder, ROLL_STEPS, ROLL_COLUMNS)
    torch.nn.init.normal_(learner.head.weight, std=0.1)
    return learner


def music(seed: int, count: int = 40) -> PackedWords:
    generator = seeded(seed)
    pitch, duration = (torch.randint(low, high, (count,), generator=generator) for low, high in ((48, 72), (0, 32)))
    notes = [note(i // 8, i % 8 * 8, int(p), int(d)) for i, (p, d) in enumerate(zip(pitch, duration, strict=True))]
    return row(*notes, filled=8)


def test_the_loss_equals_one_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, batch = network(), music(0)
    shown: list[Tensor] = []
    hidden = learner.encoder.hidden

    def watch(words: Tensor, documents: Tensor) -> Tensor:
        shown.append(words)
        return hidden(words, documents)

    monkeypatch.setattr(learner.encoder, "hidden", watch)
    everything = Masking(units=("octuple",), share=1.0, masked=0.0, replaced=0.0)
    loss, logs = corrected(learner, batch, seeded(), everything, Noise(roll=0.01))
    (words,), real = shown, slice(0, 40)
    assert torch.equal(words[:, 40:], batch.words[:, 40:])  # padding is not moved
    assert int(logs["count"]) == 3 * 40  # and not scored
    states = hidden(words, batch.documents)[0, real]
    expected = torch.zeros(())
    for field in MOVED:
        logits = learner.encoder.logits(states, field)
        expected = expected + F.cross_entropy(logits, batch.words[0, real, field], reduction="sum")
    assert float(logs["loss"]) == pytest.approx(float(expected.detach()), rel=1e-5)
    rolls, bars, steps = bar_rolls(batch.words, batch.documents)
    errors = []
    for place in range(40):
        bar = rolls[bars[0, place]]
        target = torch.cat([bar[:BAR_STEPS], bar[steps[0, place]][None]])
        errors.append((learner.head(states[place] / 32**0.5).view(17, 100) - target).square().sum())
    roll = torch.stack(errors).mean()
    assert float(logs["roll"]) == pytest.approx(float(roll.detach()) * 120, rel=1e-5)
    assert float(loss.detach()) == pytest.approx(float((expected / (3 * 48) + 0.01 * roll).detach()), rel=1e-5)


def test_notes_and_rolls_are_learned() -> None:
    learner, batch = network(), music(0)
    torch.nn.init.zeros_(learner.head.weight)
    optimizer, found = torch.optim.AdamW(learner.parameters(), lr=1e-2), []
    for step in range(60):
        loss, logs = corrected(learner, batch, seeded(step), MASKING, NOISE)
        found.append({name: float(logs[name]) / int(logs["count"]) for name in ("loss", "roll")})
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert found[-1]["loss"] < found[0]["loss"] / 2
    assert found[-1]["roll"] < found[0]["roll"] / 2


def test_what_the_network_is_not_told_is_scored_at_moved_notes() -> None:
    learner, batch = network(), music(0)
    blind = Masking(units=("octuple",), share=0.3, masked=0.0, replaced=0.0, unknown=(("velocity", 1.0),))
    with torch.no_grad():
        _, plain = corrected(learner, batch, seeded(), MASKING, Noise())
        _, logs = corrected(learner, batch, seeded(), blind, Noise())
    assert int(plain["count"]) % 3 == 0
    assert int(logs["count"]) == int(plain["count"]) // 3 * 4
    batch.words[..., VELOCITY] = SIZES[VELOCITY] + MASK  # was not known before either: nothing to score
    with torch.no_grad():
        _, logs = corrected(learner, batch, seeded(), blind, Noise())
    assert int(logs["count"]) == int(plain["count"])


def test_music_without_a_metre_has_rolls_of_sixteen_sixteenths() -> None:
    batch = music(0)
    known, _, _ = bar_rolls(batch.words, batch.documents)
    batch.words[..., TIME_SIGNATURE] = SIZES[TIME_SIGNATURE] + MASK
    assert torch.equal(bar_rolls(batch.words, batch.documents)[0], known)


def test_noise_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"noise.pitch is -1"):
        Noise(pitch=-1)
