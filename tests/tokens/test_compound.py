"""Compound words, beside the published arrays and as octuples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.midi import read_midi
from partimento.notes import from_ms
from partimento.tokens import octuple
from partimento.tokens.compound import COMPOUND, COMPOUND_V2, as_octuple, chunks, decode, encode
from partimento.tokens.fields import END, MASK, PAD, START, Fields
from partimento.tokens.octuple import BAR, DURATION, DURATION_UNITS, INSTRUMENT, OCTUPLE, PITCH, POSITION, TEMPO

PAD_WORD, MASK_WORD = [2, 16, 86, 64], [3, 17, 87, 65]


@pytest.mark.parametrize(
    ("name", "folder", "least"),
    [("composer", "pianist8/midi", 256), ("emopia", "emopia", 1)],
    ids=["composer", "emopia"],
)
@pytest.mark.parametrize("side", ["valid", "test"])
def test_words_are_the_published_ones(
    raw: Callable[[str], Path], name: str, folder: str, least: int, side: str
) -> None:
    published = np.load(raw("midibert") / "cp" / f"{name}_{side}.npy")
    songs = np.load(raw("midibert") / "cp" / f"{name}_{side}_song.npy")
    midi = raw(folder.split("/")[0]).parent / folder
    ours = [chunks(encode(read_midi(midi / song))[0], least=least) for song in dict.fromkeys(songs.tolist())]
    np.testing.assert_array_equal(np.concatenate(ours), published)


def test_specials_are_those_of_the_arrays() -> None:
    assert COMPOUND.special(PAD).tolist() == PAD_WORD
    assert COMPOUND.special(MASK).tolist() == MASK_WORD


def test_every_pitched_note_has_a_word() -> None:
    notes = from_ms([0, 0, 250, 2000, 2000], [500] * 5, [127, 21, 60, 0, 36], [90] * 5, 0, [False] * 4 + [True])
    words, which = encode(notes)
    assert which.tolist() == [1, 0, 2, 3]
    assert (words[:, 2] + 22).tolist() == [33, 103, 60, 24]
    assert (words < COMPOUND.sizes).all()
    assert len(encode(notes.select(notes.is_drum))[0]) == 0


def test_the_published_grid_and_the_true_one() -> None:
    notes = from_ms([0, 1000, 2000], [500] * 3, [60, 62, 64], [90] * 3)  # 500 ticks a quarter; a bar is 2,000 ticks
    true, _ = encode(notes, as_published=False)
    assert true.tolist() == [[0, 0, 38, 7], [1, 8, 40, 7], [0, 0, 42, 7]]
    published, _ = encode(notes)
    assert published.tolist() == [[0, 0, 38, 7], [1, 8, 40, 7], [0, 0, 42, 7]]
    on_a_line = from_ms([0, 480], [480] * 2, [60, 62], [90] * 2)
    assert encode(on_a_line)[0][:, 1].tolist() == [0, 3]  # the last note goes to the line before its own


def test_the_second_version_says_velocity_and_tempo() -> None:
    notes = from_ms([0, 250], [250] * 2, [60, 62], [127, 33])
    words, _ = encode(notes, COMPOUND_V2)
    assert words[:, 3].tolist() == [63, 16]
    assert (32 + 3 * words[:, 5]).tolist() == [119, 119]  # of 119 and 122 the nearer to 120
    np.testing.assert_array_equal(words[:, [0, 1, 2, 4]], encode(notes)[0])
    np.testing.assert_array_equal(encode(decode(words, COMPOUND_V2), COMPOUND_V2)[0], words)
    octuples = as_octuple(words, COMPOUND_V2)
    assert octuples[:, octuple.VELOCITY].tolist() == [31, 8]
    assert octuples[:, TEMPO].tolist() == [35, 35]


@pytest.mark.parametrize(
    ("count", "least", "wanted"), [(0, 1, 0), (512, 1, 1), (700, 1, 2), (700, 256, 1), (100, 256, 0)]
)
def test_chunks_are_filled_up_or_the_last_is_left_out(count: int, least: int, wanted: int) -> None:
    words = np.zeros((count, 4), dtype=np.int32)
    cut = chunks(words, least=least)
    assert cut.shape == (wanted, 512, 4)
    filled = (cut == PAD_WORD).all(axis=2).sum()
    assert filled == max(0, wanted * 512 - count)


def test_words_as_octuples() -> None:
    words = np.array([[1, 15, 0, 63], [0, 2, 85, 0], [1, 3, 38, 7], MASK_WORD, [0, 17, 38, 65], PAD_WORD])
    out = as_octuple(words)
    assert out.dtype == np.int32
    assert out[:3, BAR].tolist() == [0, 1, 1]
    assert out[:3, POSITION].tolist() == [60, 8, 12]
    assert out[:3, PITCH].tolist() == [22, 107, 60]
    assert DURATION_UNITS[out[:3, DURATION]].tolist() == [128, 2, 16]
    assert out[:5, INSTRUMENT].tolist() == [0] * 5
    assert out[0, 5:].tolist() == [size + MASK for size in OCTUPLE.sizes[5:]]
    assert out[3, [BAR, POSITION, PITCH, DURATION]].tolist() == (OCTUPLE.special(MASK)[[0, 1, 3, 4]]).tolist()
    assert out[4, [BAR, POSITION, PITCH]].tolist() == [2, 128 + MASK, 60]
    assert out[5].tolist() == OCTUPLE.special(PAD).tolist()
    for kind in (START, END):
        assert as_octuple(COMPOUND.special(kind)[None])[0].tolist() == OCTUPLE.special(kind).tolist()


def test_octuples_of_words_are_those_of_the_notes_where_both_grids_agree() -> None:
    notes = from_ms([0, 500, 1000, 2125], [500] * 4, [60, 62, 64, 65], [90] * 4)
    ours = as_octuple(encode(notes, as_published=False)[0])
    known = [BAR, POSITION, INSTRUMENT, PITCH, DURATION]
    np.testing.assert_array_equal(ours[:, known], octuple.encode(notes)[0][:, known])


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="not those of compound words"):
        encode(from_ms([0], [100], [60], [64]), OCTUPLE)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 5000), st.integers(0, 127)), max_size=40),
    st.sampled_from([COMPOUND, COMPOUND_V2]),
)
def test_decoded_words_encode_to_themselves(rows: list[tuple[int, int, int]], fields: Fields) -> None:
    onset, duration, pitch = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    words, which = encode(from_ms(onset, duration, pitch, np.full(len(rows), 70)), fields)
    assert len(which) == len(rows)
    assert (words < fields.sizes).all()
    once, _ = encode(decode(words, fields), fields)
    # Notes that the grid has put together are sorted anew by pitch: the same words, perhaps in another order.
    before, after = (as_octuple(some, fields) for some in (words, once))
    np.testing.assert_array_equal(after[np.lexsort(after.T)], before[np.lexsort(before.T)])
    np.testing.assert_array_equal(encode(decode(once, fields), fields)[0], once)
