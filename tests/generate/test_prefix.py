"""Words before the music: in the ids, in what is kept of a long past, and in the errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from partimento.generate.continuation import continue_notes
from partimento.generate.options import ContinueOptions
from partimento.generate.prefix import prefix_ids
from partimento.generate.voices import latest
from partimento.networks.decoder import Decoder
from partimento.notes import Notes
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import FULL, PEDAL, PIANO


def test_words_are_found_whatever_their_case_and_accents() -> None:
    assert prefix_ids(FULL, composer="chopin", form="nocturne", genre="classical") == [20, 31, 38]
    assert prefix_ids(PEDAL, genre=" Jazz", form="ÉTUDE") == [32, 37] == prefix_ids(PEDAL, form="etude", genre="jazz")
    assert prefix_ids(PIANO, composer=None, form=None, genre=None) == []
    assert [FULL.word(token)[1] for token in prefix_ids(FULL, composer="Satie")] == ["satie"]


def test_what_has_no_word_is_refused_with_what_has() -> None:
    with pytest.raises(ValueError, match=r"composer 'clementi' .*: bach, beethoven, .*scarlatti$"):
        prefix_ids(FULL, composer="clementi")
    with pytest.raises(ValueError, match="form 'jazz' is not one"):  # a word, but of another kind
        prefix_ids(FULL, form="jazz")
    with pytest.raises(ValueError, match=r"2,675 tokens have no word for a genre; .* 17,727 tokens have: jazz, class"):
        prefix_ids(PIANO, genre="jazz")


def test_the_music_begins_with_them(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network, tokenizer = tiny(FULL.size), PerformanceTokenizer(FULL)
    options = ContinueOptions(prompt_seconds=5.0, seconds=2.0, seed=1, time_step_penalty=-3.0)
    worded = ContinueOptions(**{**vars(options), "genre": "classical", "composer": "bach"})
    plain, told = (continue_notes(network, tokenizer, piece, o)[0].ids.tolist() for o in (options, worded))
    assert plain[:2] == [6, FULL.start]
    assert told[:4] == [6, 17, 38, FULL.start]
    prompt = plain.index(FULL.start)
    assert told[4:20] == plain[prompt + 1 : prompt + 17]
    assert told[4:] != plain[2:]  # the network heard them
    assert latest(told + told[4:] * 20, FULL, 60)[:4] == told[:4]


def test_a_piano_vocabulary_has_none(tiny: Callable[..., Decoder], piece: Notes) -> None:
    with pytest.raises(ValueError, match="no word for a composer"):
        continue_notes(tiny(), PerformanceTokenizer(PIANO), piece, ContinueOptions(composer="bach"))
