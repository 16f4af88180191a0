"""The C kernel against the numpy reader that it stands in for: the same notes to the bit, or the same reason."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import raw_midi
from corpus.test_mutations import COUNT, mutate, sound_files
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento import compiled
from partimento.midi import MidiError, kernel, read_midi
from partimento.notes import Notes


def outcome(data: bytes, monkeypatch: pytest.MonkeyPatch, by_numpy: bool) -> Notes | str:
    with monkeypatch.context() as patch:
        if by_numpy:
            patch.setattr(compiled, "library", None)
        try:
            return read_midi(data)
        except MidiError as error:
            return str(error)


def assert_same(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Notes | str:
    ours, reference = (outcome(data, monkeypatch, by_numpy) for by_numpy in (False, True))
    if isinstance(ours, str) or isinstance(reference, str):
        assert ours == reference
        return reference
    for field in dataclasses.fields(Notes):
        one, other = getattr(ours, field.name), getattr(reference, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype, field.name
            np.testing.assert_array_equal(one, other, err_msg=field.name)
        else:
            assert one == other, field.name
    return reference


@pytest.mark.usefixtures("kernels")
def test_example_files(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [
        path.read_bytes() for path in files("partimento").joinpath("examples").iterdir() if path.name[-4:] == ".mid"
    ]
    assert examples
    for data in examples:
        assert kernel.read(data) is not None
        assert_same(data, monkeypatch)


@pytest.mark.usefixtures("kernels")
@pytest.mark.shared
def test_conformance_files(shared: Path, raw: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with gzip.open(shared / "conformance" / "tokens.json.gz", "rt", encoding="utf-8") as file:
        paths = [row["path"].split("/", 1) for row in json.load(file)]
    assert len(paths) == 48
    for data_set, rest in paths:
        data = (raw(data_set) / rest).read_bytes()
        assert kernel.read(data) is not None
        assert_same(data, monkeypatch)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", raw_midi.BAD)
def test_bad_files_have_the_reason_that_numpy_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(assert_same(raw_midi.BAD[name][0], monkeypatch), str)


DELTAS = st.sampled_from([b"\x00", b"\x00", b"\x01", b"\x05", b"\x81\x00", b"\x80\x01", b"\xff\xff\x7f"])
NOTES = st.builds(
    lambda on, channel, pitch, velocity: bytes([(0x90 if on else 0x80) | channel, pitch, velocity]),
    st.booleans(),
    st.sampled_from([0, 1, 9]),
    st.integers(60, 62),
    st.sampled_from([0, 1, 64]),
)
RUNNING = st.builds(lambda *data: bytes(data), st.integers(60, 64), st.sampled_from([0, 64]))
PEDALS = st.builds(
    lambda channel, value: bytes([0xB0 | channel, 64, value]), st.sampled_from([0, 1, 9]), st.integers(0, 127)
)
OTHERS = st.sampled_from(
    [
        bytes.fromhex(event)
        for event in (
            *("c0 05", "c1 07", "c0 21", "07", "d0 40", "e0 00 40", "a0 3c 10", "b0 07 64"),
            *("ff 51 03 07 a1 20", "ff 51 03 05 00 00", "ff 58 04 03 02 18 08", "ff 03 02 61 62", "ff 03 00"),
            *("ff 21 01 01", "ff 21 00", "ff 59 02 ff 01", "f0 02 90 f7", "f7 01 c0", "ff 2f 00", "f1 05", "fe"),
        )
    ]
)
EVENTS = st.lists(st.tuples(DELTAS, st.one_of(NOTES, NOTES, NOTES, RUNNING, PEDALS, OTHERS)), max_size=25)


@pytest.mark.usefixtures("kernels")
@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=3))
def test_made_up_files(tracks: list[list[tuple[bytes, bytes]]]) -> None:
    chunks = [raw_midi.track(*(delta + event for delta, event in events)) for events in tracks]
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert_same(raw_midi.midi(*chunks), monkeypatch)


@pytest.mark.usefixtures("kernels")
@pytest.mark.timeout(max(300, COUNT // 20))
def test_damaged_files(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(20260202)
    sound = sound_files()
    for _ in range(COUNT):
        assert_same(mutate(rng.choice(sound), rng), monkeypatch)


@pytest.mark.usefixtures("kernels")
def test_long_notes_and_many_tracks_are_sorted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    chunks = []
    for _ in range(70):
        events = []
        for _ in range(rng.randrange(1, 30)):
            status, pitch = rng.choice((0x90, 0x80)) | rng.choice((0, 3)), rng.randrange(58, 61)
            wait = bytes([0x80 | rng.randrange(128), rng.randrange(128)]) if rng.random() < 0.5 else b"\x00"
            events.append(wait + bytes([status, pitch, rng.randrange(1, 128)]))
        chunks.append(raw_midi.track(*events))
    data = raw_midi.midi(*chunks)
    assert kernel.read(data) is not None
    assert_same(data, monkeypatch)


def test_a_note_on_every_six_bytes_and_more_is_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One end for hundreds of beginnings: more notes than the kernel's buffer is laid out for."""
    track = raw_midi.track(b"\x00\x90\x3c\x40", b"\x00\x3c\x40" * 900, b"\x01\x3c\x00")
    assert kernel.read(raw_midi.midi(track)) is None
    assert len(assert_same(raw_midi.midi(track), monkeypatch)) == 901


def test_the_environment_sets_the_kernel_aside() -> None:
    code = "from partimento import compiled; print(compiled.library)"
    environment = os.environ | {"PARTIMENTO_NO_KERNEL": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
