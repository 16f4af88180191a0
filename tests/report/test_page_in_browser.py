"""The page in headless Chromium with the network off: it opens, sounds, seeks, stops and gives its MIDI back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listening_pieces import band, scale

from partimento.midi import read_midi
from partimento.notes import from_ms
from partimento.report.listen import Take, write_page
from partimento.report.render import RenderError, find_fluidsynth, find_soundfont, render_audio

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
ODD = "\"><img src=x onerror=alert(1)> 'q' & 夜想曲"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not CHROMIUM.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is not there; apt install chromium")
        pytest.skip(f"{CHROMIUM} is not there (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A function that writes takes to a page and opens it offline; any request or console error fails the test."""
    troubles: list[str] = []
    context = chromium.new_context(offline=True, accept_downloads=True)

    def refuse(route: Any) -> None:
        troubles.append(f"request: {route.request.url[:80]}")
        route.abort()

    def open_page(takes: list[Take], **options: Any) -> Any:
        path = write_page(takes, tmp_path / "page.html", **options)
        tab = context.new_page()
        tab.on("console", lambda m: troubles.append(m.text) if m.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.route(lambda url: not url.startswith(("file:", "blob:", "data:")), refuse)
        tab.goto(path.as_uri())
        until(tab, "window.partimento !== undefined")
        return tab

    yield open_page
    context.close()
    assert troubles == []


def until(tab: Any, condition: str, seconds: float = 15) -> None:
    """Waits for a condition of the page. Playwright's own wait needs eval, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not tab.evaluate(condition):
        assert time.monotonic() < end, f"{condition} did not come true in {seconds} s"
        tab.wait_for_timeout(30)


def state(tab: Any, name: str) -> Any:
    return tab.evaluate(f"partimento.{name}")


def sound_of(tab: Any, take: int, seconds: float, from_s: float = 0) -> np.ndarray:
    """(samples,) the mean of both channels at 44,100 Hz, computed offline in the page."""
    script = """async ([take, seconds, from_s]) => {
      const [left, right] = await partimento.render(take, seconds, from_s);
      return Array.from(left, (x, i) => Math.round((x + right[i]) * 16384));
    }"""
    return np.array(tab.evaluate(script, [take, seconds, from_s])) / 32768


def wait_for_sound(tab: Any) -> None:
    until(tab, "partimento.time > 0.2 && partimento.rms > 0.001")


def test_plays_seeks_stops(opened: Callable[..., Any]):
    tab = opened([Take("Scale", scale(), prompt_seconds=2.0)])
    assert state(tab, "playing") is None
    tab.get_by_role("button", name="Play Scale").click()
    wait_for_sound(tab)
    before = state(tab, "time")
    until(tab, f"partimento.time > {before} + 0.3")
    assert 1 <= state(tab, "scheduled") < 8  # ahead by a moment, not the whole piece

    roll = tab.get_by_role("slider", name="Position in Scale")
    box = roll.bounding_box()
    keys_px = 30
    roll.click(position={"x": keys_px + (box["width"] - keys_px) * 0.5, "y": 40})
    assert state(tab, "time") == pytest.approx(2.0, abs=0.4)
    assert state(tab, "playing") == 0
    tab.keyboard.press("ArrowLeft")
    until(tab, "partimento.time < 1.5")

    tab.get_by_role("button", name="Stop Scale").click()
    assert state(tab, "playing") is None
    assert state(tab, "time") == 0
    until(tab, "partimento.rms < 0.0005")
    assert tab.locator(".time").inner_text() == "0:00 / 0:03"


def test_keyboard_and_end_of_piece(opened: Callable[..., Any]):
    tab = opened([Take("Short", scale((60, 64)))])
    tab.keyboard.press("Space")
    wait_for_sound(tab)
    tab.keyboard.press("Space")
    assert state(tab, "playing") is None
    held = state(tab, "time")
    assert held > 0
    tab.keyboard.press("Space")
    until(tab, f"partimento.time > {held}")
    until(tab, "partimento.playing === null")  # by itself, after the last note
    assert state(tab, "scheduled") >= 2


def test_continuation_button_begins_before_the_boundary(opened: Callable[..., Any]):
    tab = opened([Take("Scale", scale(), prompt_seconds=2.0)])
    tab.get_by_role("button", name="Play from the end of the prompt").click()
    until(tab, "partimento.playing === 0")
    assert 0.9 <= state(tab, "time") < 2


def test_one_take_plays_at_a_time(opened: Callable[..., Any]):
    tab = opened([Take("Prompt", scale(), group="G"), Take("Continuation", scale(), group="G"), Take("Other", band())])
    tab.get_by_role("button", name="Play Prompt").click()
    wait_for_sound(tab)
    tab.get_by_role("button", name="Play Continuation").click()
    wait_for_sound(tab)
    assert state(tab, "playing") == 1
    assert tab.locator(".take.playing").count() == 1
    assert tab.get_by_role("button", name="Pause Continuation").count() == 1
    assert tab.get_by_role("button", name="Play Prompt").count() == 1
    tab.keyboard.press("3")
    until(tab, "partimento.playing === 2")
    first, second, other = (tab.locator(".take").nth(i).bounding_box() for i in range(3))
    assert first["y"] == second["y"] < other["y"]


def test_volume(opened: Callable[..., Any]):
    tab = opened([Take("Long", from_ms(np.array([0]), np.array([9000]), np.array([60]), np.array([100]), 19))])
    tab.get_by_role("button", name="Play Long").click()
    wait_for_sound(tab)
    tab.wait_for_timeout(300)
    loud = state(tab, "rms")
    tab.get_by_label("Volume").fill("20")
    until(tab, f"partimento.rms < {loud} / 4")
    tab.get_by_label("Volume").fill("0")
    until(tab, "partimento.rms < 1e-5")
    assert state(tab, "playing") == 0


def test_downloads_the_midi(opened: Callable[..., Any], tmp_path: Path):
    notes = band()
    tab = opened([Take("Band 夜", notes)])
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download Band 夜.mid").click()
    assert download.value.suggested_filename == "Band 夜.mid"
    download.value.save_as(tmp_path / "got.mid")
    got = read_midi(tmp_path / "got.mid")
    for column in ("onset", "duration", "pitch", "velocity", "program", "is_drum", "track"):
        np.testing.assert_array_equal(getattr(got, column), getattr(notes, column), err_msg=column)


def test_band_with_drums_and_mute(opened: Callable[..., Any]):
    tab = opened([Take("Band", band())])
    assert tab.locator(".legend button").all_inner_texts() == ["Grand piano", "Finger bass", "Strings 1", "Drums"]
    tab.get_by_role("button", name="Play Band").click()
    wait_for_sound(tab)
    tab.get_by_role("button", name="Drums").click()
    assert tab.get_by_role("button", name="Drums").get_attribute("aria-pressed") == "false"
    assert state(tab, "playing") == 0
    with_drums = "Array.from(partimento.takes[0].muted)"
    assert tab.evaluate(with_drums) == [3]


def test_odd_names_are_texts(opened: Callable[..., Any]):
    tab = opened([Take(ODD, scale(), detail=ODD, group=ODD)], title=ODD)
    assert tab.title() == ODD
    assert tab.locator("h1").inner_text() == ODD
    assert tab.locator("h3").inner_text() == ODD
    assert tab.locator(".detail").inner_text() == ODD
    assert tab.locator("img").count() == 0


def test_answers_stay_hidden_until_they_are_asked_for(opened: Callable[..., Any]):
    pair = [Take(letter, scale(), group="Pair 1", answer=answer) for letter, answer in (("A", ODD), ("B", "a model"))]
    tab = opened([*pair, Take("Alone", scale()), Take("C", scale(), answer="a third")])
    assert tab.locator("details").count() == 3  # the pair's, C's, the key
    assert not tab.get_by_text("a model").first.is_visible()
    reveal = tab.locator("section summary")
    reveal.focus()
    tab.keyboard.press("Space")  # opens, and does not play
    assert tab.locator("section details").inner_text().splitlines() == ["Reveal", f"A {ODD}", "B a model"]
    assert state(tab, "playing") is None
    assert not tab.get_by_text("a third").first.is_visible()
    reveal.click()
    assert not tab.get_by_text("a model").first.is_visible()
    tab.locator(".key summary").click()
    lines = tab.locator(".key").inner_text().splitlines()
    assert lines == ["Key to all of them", f"Pair 1, A {ODD}", "Pair 1, B a model", "C a third"]
    assert tab.locator("img").count() == 0


def test_a_piece_without_notes_and_a_phone(opened: Callable[..., Any]):
    empty = np.array([], dtype=np.int32)
    tab = opened([Take("Nothing", from_ms(empty, empty, empty, empty)), Take("Band", band(), prompt_seconds=2)])
    tab.set_viewport_size({"width": 360, "height": 700})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    tab.get_by_role("button", name="Play Nothing").click()
    until(tab, "partimento.playing === null")
    right_edges = tab.locator(".take .save").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
    assert max(right_edges) <= 360


def test_zoom_scrolls_with_the_music(opened: Callable[..., Any]):
    tab = opened([Take("Long", scale(tuple(range(40, 90)), each_ms=1000))])
    for _ in range(3):
        tab.get_by_role("button", name="Zoom in").click()
    assert tab.evaluate("partimento.takes[0].roll.zoom") > 4
    tab.evaluate("partimento.play(0, 30)")
    until(tab, "document.querySelector('.scroller').scrollLeft > 1000")


def test_piano_has_its_pitch_decays_and_is_damped(opened: Callable[..., Any]):
    long_and_short = [from_ms(np.array([0]), np.array([ms]), np.array([69]), np.array([100])) for ms in (4000, 400)]
    soft = from_ms(np.array([0]), np.array([4000]), np.array([69]), np.array([30]))
    tab = opened([Take("Long", long_and_short[0]), Take("Short", long_and_short[1]), Take("Soft", soft)])
    held, short, quiet = (sound_of(tab, index, 2.5) for index in range(3))

    def level_db(sound: np.ndarray, at_s: float) -> float:
        piece = sound[int(at_s * 44_100) : int((at_s + 0.15) * 44_100)]
        return float(20 * np.log10(np.sqrt((piece**2).mean()) + 1e-9))

    spectrum = np.abs(np.fft.rfft(held[4_410 : 4_410 + 32_768] * np.hanning(32_768)))
    hz = np.arange(len(spectrum)) * 44_100 / 32_768
    assert hz[spectrum.argmax()] == pytest.approx(440, abs=1.5)
    for harmonic in (2, 3):
        near = (hz > 440 * harmonic * 0.99) & (hz < 440 * harmonic * 1.02)
        between = (hz > 440 * (harmonic + 0.3)) & (hz < 440 * (harmonic + 0.7))
        assert spectrum[near].max() > 10 * spectrum[between].max()
    assert level_db(held, 0.05) - 35 < level_db(held, 2.0) < level_db(held, 0.05) - 8
    assert level_db(short, 1.6) < level_db(held, 1.6) - 15
    assert level_db(quiet, 0.1) < level_db(held, 0.1) - 10


def test_drums_are_told_apart_and_a_closed_hat_ends_an_open_one(opened: Callable[..., Any]):
    def hits(*keys: int) -> Take:
        onset = np.arange(len(keys)) * 200
        return Take(str(keys), from_ms(onset, np.full(len(keys), 50), np.array(keys), np.full(len(keys), 100), 0, True))

    tab = opened([hits(36), hits(38), hits(42), hits(46), hits(46, 44)])
    sounds = [sound_of(tab, index, 1.0) for index in range(5)]

    def centre_hz(sound: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float((power * np.arange(len(power))).sum() / power.sum())

    kick, snare, closed, opened_hat = (centre_hz(sound) for sound in sounds[:4])
    assert kick < 250 < snare < 5000 < min(closed, opened_hat)
    tail = slice(int(0.32 * 44_100), int(0.5 * 44_100))
    assert np.abs(sounds[2][tail]).max() < 0.1 * np.abs(sounds[3][tail]).max()
    assert np.abs(sounds[4][tail]).max() < 0.3 * np.abs(sounds[3][tail]).max()


def test_nothing_clips(opened: Callable[..., Any]):
    count = 80
    chord = from_ms(np.zeros(count), np.full(count, 2000), np.arange(24, 24 + count), np.full(count, 127), 0)
    tab = opened([Take("Everything", chord)])
    loudest = np.abs(sound_of(tab, 0, 0.6)).max()
    assert 0.3 < loudest < 1


@pytest.mark.render
def test_rendered_sound_plays(opened: Callable[..., Any]):
    try:
        find_fluidsynth()
        find_soundfont()
    except RenderError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    tab = opened([Take("One", scale()), Take("Two", band())], render=render_audio)
    tab.get_by_role("button", name="Play Two").click()
    wait_for_sound(tab)
    assert tab.evaluate("partimento.takes[1].buffer.duration") > 4
    tab.evaluate("partimento.seek(1, 2.5)")
    until(tab, "partimento.time > 2.6 && partimento.rms > 0.001")
    tab.get_by_role("button", name="Stop Two").click()
    until(tab, "partimento.rms < 0.0005")
