"""The id layout against the published one."""

from __future__ import annotations

import pytest

from partimento.tokens.vocabulary import FULL, PEDAL, PIANO, Vocabulary, vocabulary_of_size


def test_full_layout() -> None:
    assert FULL.size == 17_727
    assert [FULL.start, FULL.end, FULL.pad, FULL.unknown, FULL.diminish, FULL.time_step] == [0, 1, 2, 3, 4, 5]
    words = ("piano", "synth_lead", "drum", "bach", "scarlatti", "sonata", "fugue", "jazz", "classical")
    assert [FULL.prefix[word] for word in words] == [6, 15, 16, 17, 28, 29, 36, 37, 38]
    assert (FULL.prefix_first, FULL.prefix_last) == (6, 38)
    assert (FULL.note_first, FULL.note_last) == (39, 16_678)
    assert (FULL.piano_first, FULL.piano_last) == (39, 1702)
    assert (FULL.drum_first, FULL.drum_last) == (16_679, 16_725)
    assert (FULL.duration_first, FULL.duration_last) == (16_726, 17_226)
    assert (FULL.onset_first, FULL.onset_last) == (17_227, 17_726)
    assert FULL.pedal_on is FULL.pedal_off is FULL.delimiter is None


def test_pedal_layout_appends_two() -> None:
    assert PEDAL.size == 17_729
    assert (PEDAL.pedal_on, PEDAL.pedal_off, PEDAL.delimiter) == (17_727, 17_728, None)
    assert PEDAL.onset_first == FULL.onset_first


def test_piano_layout() -> None:
    assert PIANO.size == 2675
    assert dict(PIANO.prefix) == {"piano": 6}
    assert (PIANO.note_first, PIANO.note_last, PIANO.piano_last) == (7, 1670, 1670)
    assert (PIANO.duration_first, PIANO.duration_last) == (1671, 2171)
    assert (PIANO.onset_first, PIANO.onset_last) == (2172, 2671)
    assert (PIANO.pedal_on, PIANO.pedal_off, PIANO.delimiter) == (2672, 2673, 2674)
    assert PIANO.drum_first is None


@pytest.mark.parametrize("vocabulary", [FULL, PEDAL, PIANO])
def test_every_id_has_its_own_word(vocabulary: Vocabulary) -> None:
    words = [vocabulary.word(token) for token in range(vocabulary.size)]
    assert len(set(words)) == vocabulary.size
    assert words[vocabulary.prefix["piano"]] == ("prefix", "piano")
    assert words[vocabulary.piano_first + 60 * 13 + 8] == ("piano", 60, 80)
    assert words[vocabulary.duration_first + 25] == ("duration", 250)
    assert words[vocabulary.onset_first + 499] == ("onset", 4990)


def test_words_of_drums_and_tail() -> None:
    assert FULL.word(16_679) == ("drum", 35)
    assert FULL.word(16_725) == ("drum", 81)
    assert PIANO.word(2674) == ("<X>",)
    assert FULL.word(5) == ("<T>",)


@pytest.mark.parametrize("token", [-1, 17_727])
def test_an_id_outside_is_refused(token: int) -> None:
    with pytest.raises(ValueError, match=f"id {token} is outside the vocabulary of 17,727 tokens"):
        FULL.word(token)


def test_variants_by_size() -> None:
    assert vocabulary_of_size(17_727) is FULL
    assert vocabulary_of_size(17_729) is PEDAL
    assert vocabulary_of_size(2675) is PIANO
    with pytest.raises(ValueError, match=r"1,000 tokens; the known sizes are 2,675, 17,727, 17,729"):
        vocabulary_of_size(1000)
