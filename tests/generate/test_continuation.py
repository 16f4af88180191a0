"""Whole continuations by a tiny random network: seeds, variations, limits, endings, long pieces, streaming, MIDI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.generate.continuation import Continuation, continue_notes, stream
from partimento.generate.grammar import SampledNote
from partimento.generate.joining import joined, settled
from partimento.generate.options import ContinueOptions
from partimento.generate.prompt import prompt_of
from partimento.generate.voices import latest
from partimento.midi import read_midi, write_midi
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.notes import Notes, from_ms
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import FULL, PEDAL, PIANO, Vocabulary

OPTIONS = ContinueOptions(prompt_seconds=8.0, seconds=6.0, seed=5, min_p=0.0, time_step_penalty=-3.0)
TOKENIZER = PerformanceTokenizer(PIANO)


def new_part(piece: Continuation) -> Notes:
    return piece.notes.select(piece.notes.track == len(piece.notes.track_names) - 1)


def test_prompt_and_new_notes_make_the_piece(tiny: Callable[..., Decoder], piece: Notes) -> None:
    (made,) = continue_notes(tiny(), TOKENIZER, piece, OPTIONS)
    assert made.prompt_seconds == pytest.approx(8.0, abs=1e-3)
    before, new = made.notes.select(made.notes.track == 0), new_part(made)
    assert len(new) == len(made.new_notes) > 5
    given = piece.select(piece.onset < 8000)
    np.testing.assert_array_equal(before.onset, given.onset)
    np.testing.assert_array_equal(before.pitch, given.pitch)
    assert new.onset_ms.min() >= 8000
    assert new.onset_ms.max() < 14_000
    np.testing.assert_array_equal(new.onset_ms - 8000, made.new_notes.onset_ms)
    assert made.notes.track_names[-1] == "continuation"
    assert (np.diff(made.notes.onset) >= 0).all()


def test_ids_say_the_same_notes(tiny: Callable[..., Decoder], piece: Notes) -> None:
    (made,) = continue_notes(tiny(), TOKENIZER, piece, OPTIONS)
    told = TOKENIZER.decode(made.ids)
    told = told.select(told.onset_ms + 1500 >= 8000)
    spoken = [SampledNote(*n) for n in zip(told.onset, told.duration, told.pitch, told.velocity, strict=True)]
    kept = settled(spoken)
    assert [n.onset_ms + 1500 for n in kept] == new_part(made).onset_ms.tolist()
    assert [n.duration_ms for n in kept] == new_part(made).duration_ms.tolist()
    assert [n.pitch for n in kept] == made.new_notes.pitch.tolist()


@pytest.mark.parametrize("vocabulary", [FULL, PEDAL, PIANO], ids=["full", "pedal", "piano"])
def test_same_seed_same_notes_in_every_vocabulary(
    tiny: Callable[..., Decoder], piece: Notes, vocabulary: Vocabulary
) -> None:
    network, tokenizer = tiny(vocabulary.size), PerformanceTokenizer(vocabulary)
    first, again, other = (
        continue_notes(network, tokenizer, piece, replace(OPTIONS, seed=seed, seconds=3.0))[0] for seed in (5, 5, 6)
    )
    assert first.ids.tolist() == again.ids.tolist()
    assert first.ids.tolist() != other.ids.tolist()


@pytest.mark.parametrize("context", [4096, 200], ids=["one context", "sliding"])
def test_variations_in_a_batch_equal_single_ones(tiny: Callable[..., Decoder], piece: Notes, context: int) -> None:
    network = tiny(context=context)
    one, three, five = (continue_notes(network, TOKENIZER, piece, replace(OPTIONS, variations=n)) for n in (1, 3, 5))
    assert [c.variation for c in five] == [0, 1, 2, 3, 4]
    assert len({tuple(c.ids.tolist()) for c in five}) == 5
    for few in (one, three):
        for left, right in zip(few, five, strict=False):
            assert left.ids.tolist() == right.ids.tolist()
            assert left.notes.onset.tolist() == right.notes.onset.tolist()


def test_temperature_zero_follows_the_networks_own_argmax(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network = tiny()
    made = [
        continue_notes(network, TOKENIZER, piece, replace(OPTIONS, temperature=0.0, seed=seed, seconds=20.0))[0]
        for seed in (1, 2)
    ]
    assert made[0].ids.tolist() == made[1].ids.tolist()
    ids = made[0].ids
    with torch.no_grad():
        logits = network(torch.from_numpy(ids)[None])[0]
    prompt = len(prompt_of(piece, TOKENIZER, OPTIONS.prompt_seconds).ids)
    durations = np.arange(PIANO.duration_first + 1, PIANO.duration_last + 1)
    drawn = [at for at in range(prompt, len(ids)) if ids[at] in durations]
    assert len(drawn) == len(new_places(made[0])) > 3
    for at in drawn:
        assert ids[at] == durations[int(logits[at - 1, durations].argmax())]


def new_places(made: Continuation) -> list[int]:
    """Places of the new notes among all that the ids say."""
    onset_s = TOKENIZER.decode(made.ids).onset_ms / 1e3 + 1.5
    return np.flatnonzero(onset_s >= made.prompt_seconds - 1e-3).tolist()


def test_streaming_gives_the_notes_of_the_first_variation(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network = tiny()
    streamed = list(stream(network, TOKENIZER, piece, replace(OPTIONS, variations=3)))
    made = continue_notes(network, TOKENIZER, piece, OPTIONS)[0]
    whole = settled(
        [SampledNote(round(n.onset_s * 1e3), round(n.duration_s * 1e3), n.pitch, n.velocity) for n in streamed]
    )
    assert [n.onset_ms for n in whole] == made.new_notes.onset_ms.tolist()
    assert [n.duration_ms for n in whole] == made.new_notes.duration_ms.tolist()
    assert [n.pitch for n in whole] == made.new_notes.pitch.tolist()


def test_a_stream_leaves_the_callers_torch_alone_and_can_be_closed(tiny: Callable[..., Decoder], piece: Notes) -> None:
    threads = torch.get_num_threads()
    notes = stream(tiny(), TOKENIZER, piece, replace(OPTIONS, threads=threads + 1))
    next(notes)
    assert not torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == threads
    notes.close()  # type: ignore[attr-defined]
    assert list(notes) == []


def test_a_piece_longer_than_the_context_keeps_its_time(tiny: Callable[..., Decoder], piece: Notes) -> None:
    (made,) = continue_notes(tiny(context=96), TOKENIZER, piece, replace(OPTIONS, prompt_seconds=None, seconds=40.0))
    assert len(made.ids) > 5 * 96
    told = TOKENIZER.decode(made.ids)
    assert told.onset_ms[-1] + 1500 == made.notes.onset_ms[-1]
    assert made.prompt_seconds + 30 < made.notes.onset_ms[-1] / 1e3 < made.prompt_seconds + 40


def test_what_is_kept_of_a_long_past() -> None:
    head = [PIANO.prefix["piano"], PIANO.start]
    note = [PIANO.piano_first + 800, PIANO.onset_first + 5, PIANO.duration_first + 9]
    segments = [*note * 6, PIANO.time_step] * 4
    assert latest(head + segments, PIANO, 100) == head + segments
    kept = latest(head + segments + note, PIANO, 60)
    assert kept == [*head, *note * 6, PIANO.time_step, *note]  # whole segments
    crowded = latest(head + note * 40, PIANO, 60)
    assert crowded == head + note * 9  # no <T> to cut at: whole notes
    unfinished = latest(head + note * 40 + note[:2], PIANO, 60)
    assert unfinished == head + note * 8 + note[:2]


def test_ending_ends_once_and_at_the_end(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network = tiny()
    for seed in range(4):
        plain, ended, announced = (
            continue_notes(network, TOKENIZER, piece, replace(OPTIONS, seed=seed, **more))[0].ids.tolist()
            for more in ({}, {"end": True}, {"end": True, "diminish": True})
        )
        assert not {PIANO.end, PIANO.diminish} & set(plain)
        assert ended.index(PIANO.end) == len(ended) - 1
        assert PIANO.diminish not in ended
        assert announced.index(PIANO.end) == len(announced) - 1
        assert announced.count(PIANO.diminish) == 1


def test_an_ending_that_the_network_wants_comes_near_the_limit_only(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network = tiny(std=0.0)
    options = replace(OPTIONS, prompt_seconds=None, seconds=60.0, end=True, time_step_penalty=-4.0)
    network.transformer.norm.bias.data.fill_(1.0)
    network.head.weight.data[PIANO.end] = 1.0  # <E> now has a logit of 32
    (made,) = continue_notes(network, TOKENIZER, piece, options)
    assert made.ids[-1] == PIANO.end
    last_s = made.notes.onset_ms[-1] / 1e3 - made.prompt_seconds
    assert 20 < last_s < 60


def test_a_key_is_struck_once_at_a_time() -> None:
    note = SampledNote
    played = [note(0, 500, 60, 80), note(0, 900, 60, 70), note(0, 900, 62, 70), note(300, 100, 60, 90)]
    assert settled(played) == [note(0, 300, 60, 80), note(0, 900, 62, 70), note(300, 100, 60, 90)]
    before = from_ms(np.array([0, 10]), np.array([2000, 2000]), np.array([60, 64]), np.array([80, 80]))
    new = replace(from_ms(np.array([1200, 1500]), np.array([50, 50]), np.array([60, 60]), np.array([80, 80])))
    assert joined(before, new).duration.tolist() == [1200, 2000, 50, 50]


def test_midi_brings_back_every_note(tiny: Callable[..., Decoder], piece: Notes, tmp_path: Path) -> None:
    slow = replace(piece, ticks_per_quarter=480, tempo_us=np.array([470_000], dtype=np.int32))
    for part in ("notes", "new_notes"):
        (made,) = continue_notes(tiny(), TOKENIZER, slow, replace(OPTIONS, prompt_seconds=5.0))
        notes: Notes = getattr(made, part)
        write_midi(notes, tmp_path / "made.mid")
        back = read_midi(tmp_path / "made.mid")
        for column in ("onset", "duration", "pitch", "velocity"):
            order_there, order_back = (np.lexsort((n.pitch, n.onset)) for n in (notes, back))
            np.testing.assert_array_equal(getattr(notes, column)[order_there], getattr(back, column)[order_back])
        assert back.seconds == pytest.approx(notes.seconds)


def test_no_seed_draws_one_that_repeats(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network, brief = tiny(), replace(OPTIONS, seconds=2.0)
    first, second = (continue_notes(network, TOKENIZER, piece, replace(brief, seed=None))[0] for _ in range(2))
    assert first.seed != second.seed
    again = continue_notes(network, TOKENIZER, piece, replace(brief, seed=first.seed))[0]
    assert again.ids.tolist() == first.ids.tolist()


def test_a_network_in_training_is_used_without_dropout_and_left_in_training(piece: Notes) -> None:
    torch.manual_seed(0)
    config = DecoderConfig(TransformerConfig(32, 4, 2, 64, dropout=0.9), PIANO.size, 512)
    network = Decoder(config)
    network.initialise()
    made = [continue_notes(network.train(mode), TOKENIZER, piece, OPTIONS)[0] for mode in (False, True)]
    assert network.training
    assert made[0].ids.tolist() == made[1].ids.tolist()


def test_unfit_networks_and_options_are_named(tiny: Callable[..., Decoder], piece: Notes) -> None:
    with pytest.raises(ValueError, match="17,727 tokens, the tokenizer 2,675"):
        continue_notes(tiny(FULL.size), TOKENIZER, piece)
    embedder = Decoder(DecoderConfig(TransformerConfig(32, 4, 1, 64), PIANO.size, 64, head="embedding", outputs=8))
    with pytest.raises(ValueError, match="head is for 'embedding'"):
        stream(embedder, TOKENIZER, piece)
    for field, value in (("seconds", 0.0), ("prompt_seconds", -1.0), ("variations", 0), ("threads", 0), ("seed", -1)):
        with pytest.raises(ValueError, match=f"{field} is {value}"):
            ContinueOptions(**{field: value})  # type: ignore[arg-type]
