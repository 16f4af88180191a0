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
        min_p: only tokens at least this many times as likely as the likeliest, in [0, 1].
        time_step_penalty: taken off the logit of <T>, which makes the music denser; negative makes it sparser.
    """

    temperature: float = 0.95
    top_k: int | None = None
    top_p: float | None = None
    min_p: float = 0.035
    time_step_penalty: float = 0.0

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            raise ValueError(f"temperature is {self.temperature}; it must be 0 or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}; it must be at least 1, or None to keep all")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be above 0 and at most 1, or None to keep all")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p is {self.min_p}; it must be between 0 and 1")
        if not math.isfinite(self.time_step_penalty):
            raise ValueError(f"time_step_penalty is {self.time_step_penalty}; it must be a number")


@dataclass(frozen=True)
class ContinueOptions(SamplingOptions):
    """What to continue and how; the sampling fields are those of `SamplingOptions`.

    Args:
        prompt_seconds: length of the prompt from the start of the file, silence included; None takes all of it.
        seconds: music after the prompt's end; notes begin within it and may ring past it.
        variations: how many different continuations.
        end: let the piece end: <E> is legal from about 100 tokens before the time is up, and set when it is up.
        diminish: with `end`, announce it there by <D>; for networks that were trained with it, as the official ones.
        seed: same seed, same notes; variation k is the same however many there are. None draws a seed.
        threads: CPU threads; more than one pays only for large networks on an idle machine.
    """

    prompt_seconds: float | None = 15.0
    seconds: float = 30.0
    variations: int = 1
    end: bool = False
    diminish: bool = False
    seed: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("prompt_seconds", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value}; it must be more than 0")
        for name in ("variations", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
