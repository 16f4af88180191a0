"""Two hands, two feet, and a hat that is open or shut."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.generate.drum_options import SHORT
from partimento.generate.playable import may_hit, violations


def hits(*names: str) -> np.ndarray:
    return np.isin(SHORT, names)


@pytest.mark.parametrize(
    ("names", "forbidden"),
    [
        ((), ()),
        (("bd", "ph"), ("oh",)),
        (("sd",), ()),
        (("ch",), ("oh",)),
        (("oh",), ("ch", "ph")),
        (("sd", "cr"), tuple(name for name in SHORT if name not in ("bd", "ph", "sd", "cr"))),
    ],
)
def test_what_can_be_hit_beside(names: tuple[str, ...], forbidden: tuple[str, ...]) -> None:
    assert set(np.array(SHORT)[~may_hit(hits(*names))]) == {*names, *forbidden}


def test_violations() -> None:
    fine, three_hands, both_hats = hits("bd", "ph", "sd", "rd"), hits("sd", "ch", "cr"), hits("oh", "ph")
    assert violations(np.stack([fine, three_hands, both_hats])).tolist() == [False, True, True]


def test_following_the_rule_never_violates() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        step = np.zeros(16, dtype=bool)
        for drum in random.permutation(16):
            if may_hit(step)[drum] and random.random() < 0.7:
                step[drum] = True
        assert not violations(step)
