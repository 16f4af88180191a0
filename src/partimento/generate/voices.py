"""Variations under way together: one pass of the network draws the next token of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from partimento.generate.grammar import Cursor, Expect, SampledNote
from partimento.generate.guidance import mixed, needs_both, strength
from partimento.generate.options import ContinueOptions
from partimento.generate.sampler import Sampler
from partimento.generate.step import Stepper, cpu_threads
from partimento.networks.decoder import Decoder
from partimento.tokens.vocabulary import Vocabulary

ENDING_TOKENS = 100  # <D> stands about so many tokens before the end of the pieces that the network was trained on


@dataclass
class Voice:
    """One variation under way."""

    variation: int
    ids: list[int]
    cursor: Cursor
    random: np.random.Generator
    limit_ms: float
    notes: list[SampledNote] = field(default_factory=list)
    whole: int = 0  # ids up to the last complete event
    ending: bool = False

    @property
    def finished(self) -> bool:
        return self.ids[-1] == self.cursor.grammar.vocabulary.end or self.cursor.onset_ms >= self.limit_ms

    def near_end(self) -> bool:
        """Whether about `ENDING_TOKENS` more fit before the limit, at the pace of the music so far."""
        left_ms = self.limit_ms - self.cursor.onset_ms
        return left_ms * len(self.ids) <= ENDING_TOKENS * max(1, self.cursor.onset_ms)

    def read(self, token: int) -> SampledNote | None:
        self.ids.append(token)
        note = self.cursor.read(token)
        if self.cursor.expect == Expect.EVENT and self.cursor.onset_ms < self.limit_ms:
            self.whole = len(self.ids)
        if note is not None:
            self.notes.append(note)
        return note


def sample(
    network: Decoder, voices: list[Voice], options: ContinueOptions, condition: np.ndarray | None = None
) -> Iterator[SampledNote]:
    """Draw until every voice is at its limit or its end; the notes of all voices as they are completed.

    Args:
        condition: (C,) embedding before the first token; it stays there when the past is cut.
    """
    active, tokens = list(voices), [0] * len(voices)
    vocabulary, capacity = voices[0].cursor.grammar.vocabulary, network.config.context - (condition is not None)
    stepper: Stepper | None = None
    guided, drawn = condition is not None and needs_both(options), 0
    while active:
        # The contexts close before every yield: they must not leak into the code of whoever takes the notes.
        with torch.inference_mode(), cpu_threads(options.threads):
            if stepper is None:
                sampler = Sampler(network, voices[0].cursor.grammar, options)
                slot = None if condition is None else torch.as_tensor(condition).to(network.head.weight)
                start = latest(voices[0].ids, vocabulary, capacity)
                stepper = Stepper(network, start, len(voices), capacity, slot, guided)
            else:
                _go_on(stepper, active, tokens)
            hidden = mixed(stepper.hidden, strength(options, drawn)) if guided else stepper.hidden
            tokens, drawn = _tokens(hidden, active, sampler, options), drawn + 1
            notes = [voice.read(token) for voice, token in zip(active, tokens, strict=True)]
            for row in reversed(range(len(active))):
                if active[row].finished:
                    stepper.drop(row)
                    active[row], tokens[row] = active[-1], tokens[-1]
                    del active[-1], tokens[-1]
        yield from (note for note in notes if note is not None)


def _tokens(hidden: torch.Tensor, active: list[Voice], sampler: Sampler, options: ContinueOptions) -> list[int]:
    """One token a voice, drawn, or <D> where the ending is to be announced."""
    due = [
        options.end and not voice.ending and voice.cursor.expect == Expect.EVENT and voice.near_end()
        for voice in active
    ]
    for voice, now in zip(active, due, strict=True):
        voice.ending |= now
    uniform = [float(voice.random.random(dtype=np.float32)) for voice in active]
    tokens = sampler(hidden, [voice.cursor for voice in active], [voice.ending for voice in active], uniform)
    if options.diminish:
        diminish = active[0].cursor.grammar.vocabulary.diminish
        tokens = [diminish if now else token for now, token in zip(due, tokens, strict=True)]
    return tokens


def _go_on(stepper: Stepper, active: list[Voice], tokens: list[int]) -> None:
    """Let the network read the newest tokens.

    A voice whose context is full is read anew from its latest half first, so a piece can have any length.
    """
    for row in [row for row in range(len(active)) if stepper.full(row)]:
        vocabulary = active[row].cursor.grammar.vocabulary
        stepper.renew(row, latest(active[row].ids[:-1], vocabulary, stepper.capacity))
    stepper.step(tokens)


def latest(ids: list[int], vocabulary: Vocabulary, capacity: int) -> list[int]:
    """The ids if they leave room in the context, else their prefix, <S> and the newest half a context.

    It is cut after a <T>, where times start anew; where no <T> leaves between a quarter and a half, before a note.
    """
    if len(ids) < capacity:
        return ids
    body = ids.index(vocabulary.start) + 1
    room = capacity // 2 - body
    newest = range(len(ids) - room, len(ids))
    after_step = [at for at in newest if ids[at - 1] == vocabulary.time_step and at <= len(ids) - room // 2]
    at_note = [at for at in newest if vocabulary.piano_first <= ids[at] <= vocabulary.piano_last]
    return ids[:body] + ids[(after_step or at_note)[0] :]
