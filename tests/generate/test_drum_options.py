"""What is wished for, in words."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.generate.drum_options import NAMES, SHORT, DrumOptions, bar_numbers, drum_classes, fill_wish


def test_drums_by_name_short_name_and_group() -> None:
    assert np.array_equal(drum_classes(("Kick",)), drum_classes(("bd",)))
    assert np.array(NAMES)[drum_classes(("hats",))].tolist() == ["closed hi-hat", "open hi-hat", "pedal hi-hat"]
    assert drum_classes(("hats", "cymbals", "toms", "percussion", "kick", "snare")).all()
    assert drum_classes(("low_floor_tom",)).nonzero()[0].tolist() == [7]
    for long, short in zip(NAMES, SHORT, strict=True):
        assert np.array_equal(drum_classes((long,)), drum_classes((short,)))


def test_bars() -> None:
    assert bar_numbers("") == []
    assert bar_numbers("3, 1-2,2") == [0, 1, 2]
    for text in ("0", "3-2", "1;2", "x"):
        with pytest.raises(ValueError, match="bars"):
            bar_numbers(text)
    with pytest.raises(ValueError, match="bar 9 is beyond the end; the song has 8 bars"):
        bar_numbers("2-9", 8)


def test_fills() -> None:
    assert [fill_wish(text) for text in ("auto", "none", "every 8", "bars 7,15")] == [
        ("auto", None),
        ("none", None),
        ("every", 8),
        ("bars", [6, 14]),
    ]
    for text in ("often", "every", "every 1", "every x", "bars", "auto 8"):
        with pytest.raises(ValueError, match="write auto, none"):
            fill_wish(text)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"density": 1.5}, "density"),
        ({"humanize": -0.1}, "humanize"),
        ({"variations": 0}, "variations"),
        ({"seed": -1}, "seed"),
        ({"kit": ("kazoo",)}, "no drum is called 'kazoo'"),
        ({"keep_bars": "last"}, "bars 'last'"),
        ({"fills": "many"}, "fills 'many'"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DrumOptions(**wrong)  # type: ignore[arg-type]
