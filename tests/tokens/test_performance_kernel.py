"""The C kernel for performance tokens against the numpy encoder that it stands in for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_performance import pieces

from partimento import compiled
from partimento.notes import NOTE_COLUMNS, Notes, from_ms
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import FULL, PEDAL, PIANO, Vocabulary


class Counted:
    """The library, and how often it has made ids rather than leave them to numpy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self._library = compiled.library
        monkeypatch.setattr(compiled, "library", self)

    def performance_ids(self, *arguments: object) -> int:
        assert self._library is not None
        length = int(self._library.performance_ids(*arguments))
        self.made += length >= 0
        return length


def encode_both(notes: Notes, vocabulary: Vocabulary = FULL, keep_silence: bool = False) -> int:
    """Assert that both give the same ids; returns how often the kernel gave any."""
    tokenizer = PerformanceTokenizer(vocabulary)
    with pytest.MonkeyPatch.context() as monkeypatch:
        counted = Counted(monkeypatch)
        ours = tokenizer.encode(notes, keep_silence)
        monkeypatch.setattr(compiled, "library", None)
        reference = tokenizer.encode(notes, keep_silence)
    assert ours.dtype == reference.dtype
    np.testing.assert_array_equal(ours, reference)
    return counted.made


def plain(notes: Notes) -> Notes:
    """The same with columns that the kernel takes: contiguous int32, the pedal of every other event on track 1."""
    track = np.sort(np.arange(len(notes.pedal_tick), dtype=np.int32) % 2)
    order = np.lexsort((notes.pedal_tick, track))
    return replace(
        notes,
        **{name: np.ascontiguousarray(getattr(notes, name)) for name in NOTE_COLUMNS},
        pedal_tick=notes.pedal_tick[order],
        pedal_value=notes.pedal_value[order],
        pedal_track=track[order],
    )


@pytest.mark.usefixtures("kernels")
@settings(max_examples=150, deadline=None)
@given(pieces(), st.sampled_from([FULL, PEDAL, PIANO]), st.booleans())
def test_any_piece(notes: Notes, vocabulary: Vocabulary, keep_silence: bool) -> None:
    encode_both(notes, vocabulary, keep_silence)
    assert encode_both(plain(notes), vocabulary, keep_silence) == 1


@pytest.mark.usefixtures("kernels")
def test_long_pieces_with_many_pedals_and_tempos() -> None:
    rng = np.random.default_rng(5)
    count = 4000
    for _ in range(5):
        notes = from_ms(
            np.sort(rng.integers(0, 400_000, count)),
            np.exp(rng.uniform(0, 9, count)).astype(np.int64),
            rng.integers(0, 128, count),
            rng.integers(0, 128, count),
            rng.integers(0, 3, count),
            rng.random(count) < 0.1,
        )
        tracks, pedals = len(notes.track_names), 900
        pedal_track = np.sort(rng.integers(0, tracks, pedals)).astype(np.int32)
        pedal_tick = rng.integers(0, 420_000, pedals).astype(np.int32)
        tempo_tick = np.append(0, np.sort(rng.choice(400_000, 50, replace=False))).astype(np.int32)
        notes = replace(
            notes,
            tempo_tick=tempo_tick,
            tempo_us=rng.integers(200_000, 900_000, len(tempo_tick)).astype(np.int32),
            pedal_tick=pedal_tick[np.lexsort((pedal_tick, pedal_track))],
            pedal_value=rng.integers(0, 128, pedals).astype(np.int32),
            pedal_track=pedal_track,
        )
        assert encode_both(notes) == encode_both(notes, PIANO, keep_silence=True) == 1


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    "changed",
    [
        {"onset": np.array([5, 0], dtype=np.int32)},
        {"track": np.array([0, 7], dtype=np.int32)},
        {"onset": np.array([0, 100_000_000], dtype=np.int32)},
        {"pitch": np.array([60, 64])},
    ],
)
def test_what_is_odd_is_left_to_numpy(changed: dict[str, np.ndarray]) -> None:
    notes = from_ms(np.array([0, 500]), np.array([480, 480]), np.array([60, 64]), np.array([80, 80]))
    assert encode_both(notes) == 1
    assert encode_both(replace(notes, **changed)) == 0


@pytest.mark.usefixtures("kernels")
def test_columns_of_unequal_length_do_not_reach_the_kernel() -> None:
    notes = from_ms(np.array([0, 500]), np.array([480, 480]), np.array([60, 64]), np.array([80, 80]))
    with pytest.raises(ValueError, match="broadcast"):
        encode_both(replace(notes, velocity=np.full(3, 80, dtype=np.int32)))
