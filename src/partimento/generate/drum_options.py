"""What drums are wished for: where fills go, how busy, with which pieces of the kit, and how they are drawn."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from partimento.tokens.drum_kit import CLASSES

NAMES = tuple(drum.name for drum in CLASSES)
SHORT = ("bd", "sd", "ch", "oh", "ph", "rd", "cr", "lft", "hft", "lt", "mt", "ht", "cb", "tb", "ca", "ma")
GROUPS = {
    "hats": ("closed hi-hat", "open hi-hat", "pedal hi-hat"),
    "cymbals": ("ride", "crash"),
    "toms": tuple(name for name in NAMES if name.endswith("tom")),
    "percussion": ("cowbell", "tambourine", "cabasa", "maracas"),
}
BARS = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")
USUAL_DENSITY = 0.5  # 12 to 15 hits a bar, the median of songs


@dataclass(frozen=True)
class DrumOptions:
    """What to play; the same options, song and weights give the same drums.

    Args:
        fills: "auto" puts them where the network expects them; "none"; "every N", in every N-th bar from the first bar
            with notes on; "bars 7,15".
        density: how busy bars without a fill are while other instruments play, from 0 (hardly a hit) to 1; None leaves
            it to the network, which goes on as sparsely as it happens to begin: with no drums given, say something.
        kit: names of the drums that may play, as `drum_classes` takes them; () is all.
        keep_bars: bars whose drums must not change, such as "1-8,17", counted from 1; "" is none.
        keep: names of the drums that must not change in any bar.
        temperature: of the hits: below 1 steadier, above 1 bolder; 0 always takes the likelier of hit and rest.
        humanize: from 0, every velocity and place as expected, to 1, as a drummer's vary.
        limbs: never more than two hands and two feet at once, no open hi-hat that is shut.
        seed: same seed, same drums; variation k is the same however many there are. None draws a seed.
        variations: how many different parts.
    """

    fills: str = "auto"
    density: float | None = None
    kit: tuple[str, ...] = ()
    keep_bars: str = ""
    keep: tuple[str, ...] = ()
    temperature: float = 0.8
    humanize: float = 1.0
    limbs: bool = True
    seed: int | None = None
    variations: int = 1

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            raise ValueError(f"temperature is {self.temperature}; it must be 0 or more")
        for name in ("density", "humanize"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; it must be from 0 to 1")
        if self.variations < 1:
            raise ValueError(f"variations is {self.variations}; it must be at least 1")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        drum_classes(self.kit), drum_classes(self.keep), bar_numbers(self.keep_bars)
        fill_wish(self.fills)


def drum_classes(names: tuple[str, ...]) -> np.ndarray:
    """(16,) bool, the drum classes that are named: whole names, short ones, or groups.

    >>> int(drum_classes(("kick", "sd", "hats")).sum())
    5

    Raises:
        ValueError: if a name is not known; the message has all.
    """
    chosen = np.zeros(len(NAMES), dtype=bool)
    for name in names:
        plain = " ".join(name.lower().replace("_", " ").split())
        if plain in GROUPS:
            chosen[[NAMES.index(member) for member in GROUPS[plain]]] = True
        elif plain in NAMES:
            chosen[NAMES.index(plain)] = True
        elif plain in SHORT:
            chosen[SHORT.index(plain)] = True
        else:
            known = ", ".join(f"{long} ({short})" for long, short in zip(NAMES, SHORT, strict=True))
            raise ValueError(f"no drum is called {name!r}; they are {known}; and the groups {', '.join(GROUPS)}")
    return chosen


def bar_numbers(text: str, most: int | None = None) -> list[int]:
    """Bars counted from 0 of a text that counts from 1.

    >>> bar_numbers("1-3, 17")
    [0, 1, 2, 16]

    Args:
        most: how many bars there are.

    Raises:
        ValueError: if the text is no list of bars, or a bar is not there.
    """
    bars: list[int] = []
    for part in text.split(",") if text.strip() else []:
        found = BARS.fullmatch(part)
        if not found:
            raise ValueError(f"bars {text!r}: write numbers and ranges from 1 on, such as 1-8,17")
        first = int(found[1])
        last = int(found[2] or first)
        if first < 1 or last < first:
            raise ValueError(f"bars {part.strip()!r}: a range goes upwards, and bars count from 1")
        if most is not None and last > most:
            raise ValueError(f"bar {last} is beyond the end; the song has {most} bars")
        bars += range(first - 1, last)
    return sorted(set(bars))


def fill_wish(text: str) -> tuple[str, int | list[int] | None]:
    """("auto", None), ("none", None), ("every", N) or ("bars", [...] counted from 0).

    Raises:
        ValueError: if it is none of these.
    """
    kind, _, rest = text.strip().partition(" ")
    if kind in ("auto", "none") and not rest:
        return kind, None
    if kind == "every" and rest.strip().isdigit() and int(rest) > 1:
        return kind, int(rest)
    if kind == "bars" and rest.strip():
        return kind, bar_numbers(rest)
    raise ValueError(f"fills {text!r}: write auto, none, 'every 8' or 'bars 7,15'")
