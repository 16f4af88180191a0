"""The page as a text: what it carries, what it refuses, how large it is."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from listening_pieces import band, scale

from partimento.midi import read_midi
from partimento.notes import Notes, from_ms
from partimento.report.instruments import PROGRAM_NAMES, parts
from partimento.report.listen import Take, midi_names, page, write_page

ODD = """"><script>alert('x')</script> & </script><!-- 夜想曲 ночь \u2028"""


def data_of(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_page_carries_the_notes_and_the_midi(tmp_path: Path):
    path = write_page([Take("Scale", scale(), prompt_seconds=2.0)], tmp_path / "page.html", title="One scale")
    (take,) = data_of(path.read_text(encoding="utf-8"))["takes"]
    assert take["notes"]["pitch"] == [60, 62, 64, 65, 67, 69, 71, 72]
    assert take["notes"]["onset"] == list(range(0, 4000, 500))
    assert take["prompt"] == 2.0
    assert take["seconds"] == pytest.approx(3.98)
    again = read_midi(base64.b64decode(take["midi"]))
    for column in ("onset", "duration", "pitch", "velocity", "program"):
        np.testing.assert_array_equal(getattr(again, column), getattr(scale(), column))


def test_nothing_is_loaded_from_elsewhere():
    text = page([Take("Scale", scale())], "One scale")
    markup = re.sub(r"<script.*?</script>|<style>.*?</style>", "", text, flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"(?!data:,)", markup)
    assert not re.search(r"@import|url\(", text)
    assert re.findall(r"https?://[^\s\"'<>)]+", text) == ["http://www.w3.org/2000/svg"] * 2  # names, never fetched
    assert "default-src 'none'" in text
    assert "unsafe" not in text.split("</head>")[0].split("<style>")[0]


def test_texts_cannot_leave_their_place():
    text = page([Take(ODD, scale(), detail=ODD, group=ODD)], ODD)
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    take = data_of(text)["takes"][0]
    assert (take["title"], take["detail"], take["group"]) == (ODD, ODD, ODD)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Tango", "Tango.mid"),
        ("a/b\\c:d", "a_b_c_d.mid"),
        ("夜想曲 op. 9", "夜想曲 op. 9.mid"),
        ("song.mid", "song.mid"),
        ("../../etc", "etc.mid"),
        ("???", "piece.mid"),
    ],
)
def test_file_names(title: str, name: str):
    assert midi_names([Take(title, scale())]) == [name]


def test_file_names_differ():
    takes = [Take("One", scale()), Take("one", scale()), Take("One", scale(), group="G")]
    assert midi_names(takes) == ["One.mid", "one (2).mid", "G - One.mid"]


def test_a_prompt_alone_is_prompt_to_its_end():
    (take,) = data_of(page([Take("Prompt", scale(), prompt_seconds=3.6)], "x"))["takes"]
    assert take["prompt"] == take["seconds"]


def test_parts_are_instruments_or_hands():
    its_parts, index = parts(band())
    assert [part.name for part in its_parts] == ["Grand piano", "Finger bass", "Strings 1", "Drums"]
    assert len(PROGRAM_NAMES) == 128
    assert set(index[band().is_drum].tolist()) == {3}


def test_five_takes_of_a_minute_stay_small():
    generator = np.random.default_rng(5)
    count = 600  # ten notes a second
    takes = []
    for number in range(5):
        onset, length = np.sort(generator.integers(0, 60_000, count)), generator.integers(50, 2_000, count)
        pitch, velocity = generator.integers(30, 96, count), generator.integers(20, 120, count)
        takes.append(Take(f"Take {number}", from_ms(onset, length, pitch, velocity)))
    assert len(page(takes, "Five").encode()) < 400_000


def test_a_piece_without_notes_has_a_card():
    empty = np.array([], dtype=np.int32)
    (take,) = data_of(page([Take("Nothing", from_ms(empty, empty, empty, empty))], "x"))["takes"]
    assert take["seconds"] == 0


def test_no_takes_are_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="at least one take"):
        write_page([], tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_sound_is_embedded_and_a_failure_leaves_no_file(tmp_path: Path):
    text = write_page([Take("Scale", scale())], tmp_path / "a.html", render=lambda notes: b"OggS...").read_text("utf-8")
    assert base64.b64encode(b"OggS...").decode() in text

    def fails(notes: Notes) -> bytes:
        raise RuntimeError("no synthesizer")

    with pytest.raises(RuntimeError, match="no synthesizer"):
        write_page([Take("Scale", scale())], tmp_path / "b.html", render=fails)
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
