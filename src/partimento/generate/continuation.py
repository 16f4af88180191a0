"""Continue a piece of piano music: variations at once, or one note at a time as they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from partimento.generate.guidance import check_fits
from partimento.generate.joining import alone, joined, notes_after, settled
from partimento.generate.options import ContinueOptions
from partimento.generate.prefix import prefix_ids
from partimento.generate.prompt import Prompt, prompt_of
from partimento.generate.voices import Voice, sample
from partimento.networks.decoder import Decoder
from partimento.notes import Notes
from partimento.tokens.performance import PerformanceTokenizer


@dataclass(frozen=True, eq=False)
class Continuation:
    """One continuation.

    Args:
        notes: the whole piece: the prompt's piano at its own times and the new notes in a track named "continuation".
        prompt_seconds: where the new part begins in it.
        new_notes: the new notes alone, time zero the end of the prompt.
        ids: prompt and new tokens, whole notes only.
        seed, variation: what gives the same notes again.
    """

    notes: Notes
    prompt_seconds: float
    new_notes: Notes
    ids: np.ndarray
    seed: int
    variation: int


@dataclass(frozen=True)
class PlayedNote:
    """A new note as it is drawn; the onset counts from the end of the prompt."""

    onset_s: float
    duration_s: float
    pitch: int
    velocity: int


def continue_notes(
    network: Decoder,
    tokenizer: PerformanceTokenizer,
    prompt: Notes,
    options: ContinueOptions | None = None,
    condition: np.ndarray | None = None,
) -> list[Continuation]:
    """Continuations of a piece's piano, one a variation, in order.

    On CPUs float32 weights are the faster for one variation (85 against 78 tokens/s at width 512, 8 layers) and give
    each variation the same notes however many there are, rounding aside. Eight variations are faster with
    `network.bfloat16()` (415 against 295), and so is a long prompt.

    Args:
        condition: (C,) embedding of music to be like, for a network with an adapter; see `generate.like`. Without one a
            conditioned network is the plain language model: its slot is left out, as for the half of its training
            without a condition.

    Raises:
        ValueError: if there is no piano note in the prompt, the network is not a language model of this vocabulary or
            has no adapter of the condition's size, or the vocabulary lacks a prefix word.
    """
    options = options or ContinueOptions()
    _check(network, tokenizer, options, condition)
    start, seed = _start(prompt, tokenizer, options), chosen_seed(options)
    voices = [_voice(start, options, seed, variation) for variation in range(options.variations)]
    for _ in sample(network, voices, options, condition):
        pass
    return [_continuation(start, voice, seed, options) for voice in voices]


def stream(
    network: Decoder,
    tokenizer: PerformanceTokenizer,
    prompt: Notes,
    options: ContinueOptions | None = None,
    condition: np.ndarray | None = None,
) -> Iterator[PlayedNote]:
    """The new notes of the first variation, one by one as they are drawn; closing the iterator stops the work.

    They come in order of onset, with the durations of their tokens; `continue_notes` then also ends a note where its
    key is struck again.

    Raises:
        ValueError: as `continue_notes`.
    """
    options = options or ContinueOptions()
    _check(network, tokenizer, options, condition)
    start = _start(prompt, tokenizer, options)
    offset_s = start.first_s - start.seconds
    voice = _voice(start, options, chosen_seed(options), 0)
    return (
        PlayedNote(note.onset_ms / 1e3 + offset_s, note.duration_ms / 1e3, note.pitch, note.velocity)
        for note in sample(network, [voice], options, condition)
    )


def chosen_seed(options: ContinueOptions) -> int:
    """The seed that was asked for, or a new one short enough to type again."""
    return int(np.random.SeedSequence().generate_state(1)[0]) if options.seed is None else options.seed


def _start(prompt: Notes, tokenizer: PerformanceTokenizer, options: ContinueOptions) -> Prompt:
    words = prefix_ids(tokenizer.vocabulary, composer=options.composer, form=options.form, genre=options.genre)
    return prompt_of(prompt, tokenizer, options.prompt_seconds, words)


def _check(
    network: Decoder, tokenizer: PerformanceTokenizer, options: ContinueOptions, condition: np.ndarray | None
) -> None:
    config = network.config
    if config.head != "next_token":
        raise ValueError(f"this network's head is for {config.head!r}; only a language model (next_token) can continue")
    if config.vocabulary != tokenizer.vocabulary.size:
        sizes = f"{config.vocabulary:,} tokens, the tokenizer {tokenizer.vocabulary.size:,}"
        raise ValueError(f"the network knows {sizes}; take the tokenizer that it was trained with")
    if condition is not None:
        check_fits(network, condition)
    elif options.guidance != 1:
        raise ValueError(f"guidance {options.guidance:g} needs a condition to guide to")


def _voice(prompt: Prompt, options: ContinueOptions, seed: int, variation: int) -> Voice:
    return Voice(
        variation=variation,
        ids=list(prompt.ids),
        cursor=replace(prompt.cursor),
        random=np.random.Generator(np.random.PCG64([seed, variation])),
        limit_ms=(prompt.seconds - prompt.first_s + options.seconds) * 1e3,
        whole=len(prompt.ids),
    )


def _continuation(prompt: Prompt, voice: Voice, seed: int, options: ContinueOptions) -> Continuation:
    vocabulary = voice.cursor.grammar.vocabulary
    ids = voice.ids[: voice.whole]
    if options.end and ids[-1] != vocabulary.end:
        ids = [*ids, vocabulary.end]
    new = notes_after(prompt, settled(voice.notes))
    return Continuation(
        notes=joined(prompt.notes, new),
        prompt_seconds=prompt.seconds,
        new_notes=alone(new, prompt.end_tick),
        ids=np.array(ids, dtype=np.int64),
        seed=seed,
        variation=voice.variation,
    )
