"""Chance changes: what they change, what they keep, and that a seed gives the same again."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.notes import Notes, from_ms
from partimento.tokens.augment import Augmentation, Change
from partimento.tokens.performance import PerformanceTokenizer, events_from_ids
from partimento.tokens.vocabulary import FULL, PIANO, Vocabulary

TOKENIZER = PerformanceTokenizer()
NOTHING = Augmentation(tempo=0, semitones=0, velocity_steps=0, mixup=False)


class Fixed(Augmentation):
    """An augmentation whose draw is known."""

    def draw(self, generator: np.random.Generator) -> Change:
        return Change(factor=1.2, semitones=-3, velocity_steps=1)


def piece(seed: int = 0, count: int = 120, drums: bool = True) -> Notes:
    rng = np.random.default_rng(seed)
    is_drum = (rng.random(count) < 0.2) & drums
    pitch = np.where(is_drum, rng.integers(35, 82, count), rng.integers(21, 109, count))
    onset = np.sort(rng.integers(0, 3000, count) * 10)
    return from_ms(onset, rng.integers(1, 300, count) * 10, pitch, rng.integers(1, 13, count) * 10, 0, is_drum)


def test_no_change_is_no_change() -> None:
    ids = TOKENIZER.encode(piece(), diminish=np.random.default_rng(0))
    np.testing.assert_array_equal(NOTHING.ids(ids, np.random.default_rng(0)), ids)


def test_times_pitches_and_velocities() -> None:
    ids = TOKENIZER.encode(piece())
    before = events_from_ids(ids)
    after = events_from_ids(Fixed(mixup=False).ids(ids, np.random.default_rng(0)))
    drum = before.instrument < 0
    assert len(after) == len(before)
    assert np.abs(after.onset_ms - before.onset_ms * 1.2).max() <= 9  # 4,996 ms becomes 4,990, not 5,000
    expected = np.clip(before.duration_ms * 1.2, 10, 5000)[~drum]
    assert np.abs(after.duration_ms[~drum] - expected).max() <= 5
    np.testing.assert_array_equal(after.pitch, np.where(drum, before.pitch, before.pitch - 3))
    np.testing.assert_array_equal(after.velocity[~drum], np.minimum(before.velocity[~drum] + 10, 120))


def test_a_seed_gives_the_same_and_another_does_not() -> None:
    ids, change = TOKENIZER.encode(piece()), Augmentation()
    first = change.ids(ids, np.random.default_rng(7))
    np.testing.assert_array_equal(change.ids(ids, np.random.default_rng(7)), first)
    assert not np.array_equal(change.ids(ids, np.random.default_rng(8)), first)


def test_draws_stay_within_their_ranges() -> None:
    generator = np.random.default_rng(0)
    drawn = [Augmentation().draw(generator) for _ in range(2000)]
    factors = [change.factor for change in drawn]
    assert 0.8 <= min(factors) < 0.81
    assert 1.19 < max(factors) <= 1.2
    assert {change.semitones for change in drawn} == set(range(-5, 6))
    assert {change.velocity_steps for change in drawn} == {-1, 0, 1}


def test_a_note_that_leaves_the_range_is_unknown_or_dropped() -> None:
    ids = TOKENIZER.encode(from_ms([0, 100, 200], [100] * 3, [1, 60, 127], [80] * 3))
    unknown = Fixed().ids(ids, np.random.default_rng(0))
    assert [FULL.word(token)[0] for token in unknown[1:4]] == ["<U>", "onset", "duration"]
    assert len(unknown) == len(ids)
    dropped = Fixed(drop_out_of_range=True).ids(ids, np.random.default_rng(0))
    assert events_from_ids(dropped).pitch.tolist() == [57, 124]
    assert FULL.unknown not in dropped


def test_mixup_reorders_only_notes_of_one_onset() -> None:
    ids = TOKENIZER.encode(
        from_ms(np.repeat(np.arange(40) * 200, 4), [100] * 160, np.tile([40, 50, 60, 70], 40), 80 * np.ones(160))
    )
    mixed = Augmentation(tempo=0, semitones=0, velocity_steps=0).ids(ids, np.random.default_rng(0))
    assert not np.array_equal(mixed, ids)
    before, after = events_from_ids(ids), events_from_ids(mixed)
    np.testing.assert_array_equal(after.onset_ms, before.onset_ms)
    np.testing.assert_array_equal(np.sort(after.pitch.reshape(40, 4)), before.pitch.reshape(40, 4))


@pytest.mark.parametrize("vocabulary", [FULL, PIANO])
def test_prefix_and_specials_keep_their_places(vocabulary: Vocabulary) -> None:
    tokenizer = PerformanceTokenizer(vocabulary)
    notes = piece(drums=False)
    ids = np.append(tokenizer.prefix(notes), tokenizer.encode(notes, diminish=np.random.default_rng(0)))
    changed = Augmentation().ids(ids, np.random.default_rng(3), vocabulary)
    assert changed[:2].tolist() == [6, vocabulary.start]
    assert changed[-1] == vocabulary.end
    place, was = (int(np.flatnonzero(x == vocabulary.diminish)[0]) for x in (changed, ids))
    count, counted = (len(events_from_ids(x, vocabulary)) for x in (changed[place:], ids[was:]))
    assert count == counted
    assert (changed < vocabulary.size).all()


def test_a_window_keeps_what_it_has_whole() -> None:
    ids = TOKENIZER.encode(piece(drums=False))
    window = NOTHING.ids(ids[50:200], np.random.default_rng(0))
    assert FULL.start not in window
    assert FULL.end not in window
    assert events_from_ids(window).pitch.tolist() == events_from_ids(ids[50:200]).pitch.tolist()


def test_pieces_of_a_sequence_are_drawn_apart_and_the_length_stays() -> None:
    one = from_ms([0, 1000], [100] * 2, [60, 72], [80] * 2)
    ids = np.concatenate([np.append(TOKENIZER.prefix(one), TOKENIZER.encode(one)) for _ in range(30)])
    changed = Augmentation().sequence(ids, np.random.default_rng(0))
    assert len(changed) == len(ids)
    assert int((changed == FULL.start).sum()) == 30
    pitches = events_from_ids(changed).pitch.reshape(30, 2)
    np.testing.assert_array_equal(np.diff(pitches), 12)
    assert len(set(pitches[:, 0].tolist())) > 5
    short = Fixed().sequence(
        TOKENIZER.encode(from_ms([0, 4900], [100] * 2, [0, 60], [80] * 2)), np.random.default_rng(0)
    )
    assert len(short) == 8  # one <T> more, so the last token is cut


def test_notes_change_alike() -> None:
    notes = piece()
    changed = Fixed().notes(notes, np.random.default_rng(0))
    assert changed.seconds == pytest.approx(notes.seconds * 1.2, rel=1e-5)
    drum = notes.is_drum
    np.testing.assert_array_equal(changed.pitch[~drum], notes.pitch[~drum] - 3)
    np.testing.assert_array_equal(changed.pitch[drum], notes.pitch[drum])
    np.testing.assert_array_equal(changed.velocity[drum], notes.velocity[drum])
    assert changed.velocity[~drum].max() <= 120


@pytest.mark.parametrize("wrong", [{"tempo": 1.0}, {"tempo": -0.1}, {"semitones": -1}, {"velocity_steps": -2}])
def test_impossible_amounts_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Augmentation(**wrong)
