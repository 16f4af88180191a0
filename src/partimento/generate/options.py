"""How a continuation is drawn, and of what."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SamplingOptions:
    """How a token is drawn; the filters work in this order, each on what the one before has left.

    Args:
        temperature: logits are divided by it; 0 takes the likeliest token and makes the rest moot.
        top_k: only the k likeliest (and what ties with the last of them); None leaves all.
        top_p: only the likeliest that together reach this probability, in (0, 1]; None leaves all.
        min_p: only tokens at least this many times as likely as the likeliest, in [0, 1]; not for durations.
        min_p_durations: the same for durations. Hundreds of them share what little each has, and cutting off the
            unlikely ones leaves the short: at 0.035 notes come out half as long as they are played (docs/log.md).
        time_step_penalty: taken off the logit of <T>, which makes the music denser; negative makes it sparser.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float = 0.035
    min_p_durations: float = 0.0
    time_step_penalty: float = 0.0

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            raise ValueError(f"temperature is {self.temperature}; it must be 0 or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}; it must be at least 1, or None to keep all")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be above 0 and at most 1, or None to keep all")
        for name in ("min_p", "min_p_durations"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be between 0 and 1")
        if not math.isfinite(self.time_step_penalty):
            raise ValueError(f"time_step_penalty is {self.time_step_penalty}; it must be a number")


@dataclass(frozen=True)
class GuidanceOptions:
    """How far a reference pulls the music its way; see `generate.guidance`. Without a reference nothing of it counts.

    Args:
        guidance: strength at the end of the ramp, 0 to 10; 0 is without the reference, 1 with it and nothing more.
        guidance_from: strength at the start of the ramp; the original's is 0.
        guidance_ramp: tokens over which the strength moves from one to the other; 0 is at once.
    """

    guidance: float = 1.0
    guidance_from: float = 1.0
    guidance_ramp: int = 250

    def __post_init__(self) -> None:
        for name in ("guidance", "guidance_from"):
            if not 0 <= getattr(self, name) <= 10:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be from 0 to 10")
        if self.guidance_ramp < 0:
            raise ValueError(f"guidance_ramp is {self.guidance_ramp}; it must be 0 or more")


@dataclass(frozen=True)
class ContinueOptions(GuidanceOptions, SamplingOptions):
    """What to continue and how; the other fields are those of `SamplingOptions` and `GuidanceOptions`.

    Args:
        prompt_seconds: length of the prompt from the start of the file, silence included; None takes all of it.
        seconds: music after the prompt's end; notes begin within it and may ring past it.
        variations: how many different continuations.
        end: let the piece end: <E> is legal from about 100 tokens before the time is up, and set when it is up.
        diminish: with `end`, announce it there by <D>; for networks that were trained with it, as the official ones.
        composer, form, genre: words before the music, where the vocabulary has them (see `generate.prefix`).
        seed: same seed, same notes; variation k is the same however many there are. None draws a seed.
        threads: CPU threads; more than one pays only for large networks on an idle machine.
    """

    prompt_seconds: float | None = 15.0
    seconds: float = 30.0
    variations: int = 1
    end: bool = False
    diminish: bool = False
    composer: str | None = None
    form: str | None = None
    genre: str | None = None
    seed: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        SamplingOptions.__post_init__(self)
        GuidanceOptions.__post_init__(self)
        for name in ("prompt_seconds", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value}; it must be more than 0")
        for name in ("variations", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
