"""The piano roll as a picture."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from listening_pieces import band, scale
from matplotlib.colors import to_rgb

from partimento.notes import from_ms
from partimento.report.pianoroll import NEW_COLOUR, PROMPT_COLOUR, piano_roll


@pytest.fixture(autouse=True)
def no_window():
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def test_notes_stand_at_their_time_and_pitch():
    ax = piano_roll(scale(), prompt_seconds=2.0)
    boxes = [path.vertices for path in ax.collections[0].get_paths()]
    np.testing.assert_allclose([box[:, 0].min() for box in boxes], np.arange(8) * 0.5)
    np.testing.assert_allclose([box[:4, 1].mean() for box in boxes], scale().pitch)
    colours = ax.collections[0].get_facecolor()[:, :3]
    np.testing.assert_allclose(colours[:4], np.tile(to_rgb(PROMPT_COLOUR), (4, 1)))
    np.testing.assert_allclose(colours[4:], np.tile(to_rgb(NEW_COLOUR), (4, 1)))
    assert "C4" in [label.get_text() for label in ax.get_yticklabels()]
    assert [line.get_xdata()[0] for line in ax.lines] == [2.0]


def test_harder_is_darker_and_axes_are_kept():
    from matplotlib import pyplot

    notes = from_ms(np.array([0, 500]), np.array([400, 400]), np.array([60, 60]), np.array([20, 110]))
    mine = pyplot.subplots()[1]
    assert piano_roll(notes, ax=mine) is mine
    soft, hard = mine.collections[0].get_facecolor()[:, 3]
    assert soft < 0.6 < hard


def test_drums_have_a_lane_below():
    ax = piano_roll(band())
    assert ax.get_yticklabels()[0].get_text() == "drums"
    low = min(path.vertices[:, 1].min() for path in ax.collections[0].get_paths())
    assert low < band().pitch[~band().is_drum].min() - 3


def test_no_notes():
    empty = np.array([], dtype=np.int32)
    assert piano_roll(from_ms(empty, empty, empty, empty)).get_xlim() == (0, 1)
