"""Curves: a point for each checkpoint, in the order of the fact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import toy
from matplotlib.image import imread

from partimento.tasks.curves import curve_plot, curve_points
from partimento.tasks.results import Result
from partimento.tasks.suite import Suite, run


@pytest.fixture(scope="module")
def several() -> list[Result]:
    """Three checkpoints, the longest trained of them not the last, and a control."""
    found: list[Result] = []
    pair = [toy.learned(80), toy.learned(80, 4)]
    for tokens, noise in ((1e7, 2.0), (1e6, 8.0), (1e8, 0.1)):
        system = replace(toy.system("model", noise, checkpoint=f"{tokens:g}"), about={"training_tokens": tokens})
        found += run(Suite("toys", seeds=2), pair, [system])
    return [*found, *run(Suite("toys", seeds=2), pair, [toy.system("control", 4.0)])]


def test_points_are_sorted_and_have_their_interval(several: list[Result]) -> None:
    curves = curve_points(several)
    assert list(curves) == ["model"]
    assert [point[0] for point in curves["model"]] == [1e6, 1e7, 1e8]
    values = [point[1] for point in curves["model"]]
    assert values == sorted(values)
    assert all(low <= value <= high for _, value, low, high in curves["model"])
    assert [p[0] for p in curve_points(several, task="toy", split="1 folds")["model"]] == [1e6, 1e7, 1e8]


def test_a_picture_is_drawn(tmp_path: Path, several: list[Result]) -> None:
    curve_plot(several, tmp_path / "curve.png")
    picture = imread(tmp_path / "curve.png")
    assert picture.shape[0] > 400
    assert picture.std() > 0.05


def test_a_fact_that_nobody_says_is_an_error(tmp_path: Path, several: list[Result]) -> None:
    with pytest.raises(ValueError, match="'layers'"):
        curve_plot(several, tmp_path / "curve.png", fact="layers")
