"""From folders to a corpus: labels, duplicates, reasons, and going on after being killed."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import raw_midi

from partimento.corpus.ingest import Limits, ingest
from partimento.corpus.store import Corpus
from partimento.midi import read_midi


def song(number: int) -> bytes:
    """A file of one note that no other number has."""
    return raw_midi.midi(
        raw_midi.track(bytes([0, 0x90, number % 128, 1 + number // 128]), bytes([96, 0x80, number % 128, 0]))
    )


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Seven files: five pieces of two composers in two forms, a duplicate and a text."""
    root = tmp_path / "music"
    for number, path in enumerate(
        ("Bach/fugue/a.mid", "Bach/fugue/b.mid", "Bach/aria/c.mid", "Haydn/d.mid", "楽譜.mid")
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(song(number))
    (root / "Haydn" / "z.mid").write_bytes(song(0))
    (root / "note.mid").write_bytes(b"text")
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_folder_becomes_a_corpus(music: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,mood,year\na,calm,1722\nHaydn/d.mid,glad,\nx.mid,sad,1800\n")
    report = ingest(
        music, tmp_path / "corpus", labels_csv=table, key="file", label_from={"composer": 1, "form": 2}, progress=False
    )
    corpus = Corpus.open(tmp_path / "corpus")
    assert corpus.column("path") == [
        "Bach/aria/c.mid",
        "Bach/fugue/a.mid",
        "Bach/fugue/b.mid",
        "Haydn/d.mid",
        "楽譜.mid",
    ]
    assert [piece.labels for piece in corpus] == [
        {"composer": "Bach", "form": "aria"},
        {"composer": "Bach", "form": "fugue", "mood": "calm", "year": "1722"},
        {"composer": "Bach", "form": "fugue"},
        {"composer": "Haydn", "mood": "glad"},
        {},
    ]
    assert len(corpus.where(composer="Bach", form="fugue")) == 2
    for piece in corpus:
        assert list(piece.notes.pitch) == list(read_midi(music / piece.path).pitch)
        assert piece.seconds == pytest.approx(0.1)
    assert report.duplicates == (("Haydn/z.mid", "Bach/fugue/a.mid"),)
    assert report.rejected == (("note.mid", "not a MIDI file (begins with b'text', not b'MThd')"),)
    assert lines(tmp_path / "corpus" / "rejected.jsonl") == [
        {"path": "note.mid", "reason": "not a MIDI file (begins with b'text', not b'MThd')"}
    ]
    assert report.rows_without_file == ("x.mid",)
    assert len(report.files_without_row) == 5
    assert (report.files, report.pieces, report.notes) == (7, 5, 5)
    labelled = ingest(music, tmp_path / "few", labels_csv=table, key="file", only_labelled=True, progress=False)
    assert Corpus.open(labelled.folder).column("path") == ["Bach/fugue/a.mid", "Haydn/d.mid"]
    for told in (
        "5 pieces of 7 files",
        "1 file with the bytes",
        "1 row of the labels",
        "5 files without a row",
        "1 file could not be used",
        "note.mid: not",
    ):
        assert told in report.summary()
    assert sorted(contents(tmp_path / "corpus")) == [
        "corpus.json",
        "duplicates.jsonl",
        "ingest.json",
        "pieces-00000.arrow",
        "rejected.jsonl",
    ]


def test_every_bad_file_has_its_reason_and_the_run_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "music"
    root.mkdir()
    expected = {f"{name}.mid": reason for name, (_, reason) in raw_midi.BAD.items()}
    for name, (data, _) in raw_midi.BAD.items():
        (root / f"{name}.mid").write_bytes(data)
    million = raw_midi.track(b"\x00\x90\x3c\x40\x01\x3c\x00" + b"\x00\x3c\x40\x01\x3c\x00" * 999_999)
    (root / "million.mid").write_bytes(raw_midi.midi(million))
    expected["million.mid"] = "1,000,000 notes; the limit is 500,000 (--max-notes)"
    silence = raw_midi.track(
        raw_midi.NOTE_ON, raw_midi.NOTE_OFF, raw_midi.TEN_HOURS + b"\x90\x3c\x40", raw_midi.NOTE_OFF
    )
    (root / "silence.mid").write_bytes(raw_midi.midi(silence, division=960))
    expected["silence.mid"] = "a silence of 36,000 s; the limit is 3,600 s (--max-silence)"
    (root / "gone.mid").symlink_to(root / "nothing")
    expected["gone.mid"] = "cannot be read: No such file or directory"
    os.mkfifo(root / "pipe.mid")
    expected["pipe.mid"] = "not a regular file"
    (root / "楽譜.mid").write_bytes(raw_midi.NAMED)
    report = ingest(root, tmp_path / "corpus", progress=False)
    assert Corpus.open(tmp_path / "corpus").column("path") == ["楽譜.mid"]
    told = dict(report.rejected)
    assert sorted(told) == sorted(expected)
    for path, reason in expected.items():
        assert told[path].startswith(reason), path


def test_limits_can_be_moved(tmp_path: Path) -> None:
    root = tmp_path / "music"
    root.mkdir()
    (root / "two.mid").write_bytes(raw_midi.RUNNING_STATUS)
    assert ingest(root, tmp_path / "one", limits=Limits(max_notes=1), progress=False).pieces == 0
    assert len(Corpus.open(tmp_path / "one")) == 0
    assert ingest(root, tmp_path / "two", limits=Limits(max_notes=2), progress=False).pieces == 1
    with pytest.raises(ValueError, match="max_notes is 0"):
        Limits(max_notes=0)


# Dies by SIGKILL just before the n-th file is put in its place; shards of 32 files.
DYING = """
import os, pathlib, signal, sys
import partimento.corpus.ingest as module
from partimento.corpus import shards
count, replace = 0, pathlib.Path.replace
def dying(self, target):
    global count
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
pathlib.Path.replace = dying
shards.SHARD_FILES = shards.BLOCK_PIECES = 32
module.ingest(sys.argv[1], sys.argv[2], label_from={"composer": 1}, jobs=1, progress=False)
"""


def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "music"
    for number in range(80):
        path = root / "AB"[number % 2] / f"{number:02d}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(song(number // 2) if number % 10 == 5 else b"" if number % 10 == 7 else song(number))
    monkeypatch.setattr("partimento.corpus.shards.SHARD_FILES", 32)
    monkeypatch.setattr("partimento.corpus.shards.BLOCK_PIECES", 32)
    whole = ingest(root, tmp_path / "whole", label_from={"composer": 1}, jobs=2, progress=False)
    assert whole.duplicates
    assert len(whole.rejected) == 8
    assert len(list((tmp_path / "whole").glob("pieces-*.arrow"))) == 3
    # 1 the plan; 2 and 3 a shard and its record, three times; then rejected, duplicates, corpus.json.
    for moment in (1, 2, 2, 3, 2, 4, 3):
        command = [sys.executable, "-c", DYING, str(root), str(tmp_path / "broken"), str(moment)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert not (tmp_path / "broken" / "corpus.json").exists()
    resumed = ingest(root, tmp_path / "broken", label_from={"composer": 1}, jobs=2, progress=False)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert resumed.rejected == whole.rejected
    assert resumed.duplicates == whole.duplicates


def test_other_files_or_settings_are_noticed(music: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    first = ingest(music, corpus, progress=False)
    before = {path: path.stat().st_mtime_ns for path in corpus.iterdir()}
    assert ingest(music, corpus, progress=False) == first
    assert {path: path.stat().st_mtime_ns for path in corpus.iterdir()} == before
    with pytest.raises(ValueError, match=r"label from was \{\}, is \{'composer': 1\}.*--overwrite"):
        ingest(music, corpus, label_from={"composer": 1}, progress=False)
    with pytest.raises(ValueError, match="limits was"):
        ingest(music, corpus, limits=Limits(max_notes=9), progress=False)
    (music / "new.mid").write_bytes(song(9))
    with pytest.raises(
        ValueError, match=r"number of files was 7, is 8; files .* was [0-9a-f]{12}, is [0-9a-f]{12}\. Either"
    ):
        ingest(music, corpus, progress=False)
    assert ingest(music, corpus, overwrite=True, progress=False).pieces == first.pieces + 1


def test_only_one_ingest_writes(music: Path, tmp_path: Path) -> None:
    ingest(music, tmp_path / "corpus", progress=False)
    with (tmp_path / "corpus" / "ingest.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another ingest is writing"):
            ingest(music, tmp_path / "corpus", progress=False)


def test_labels_that_cannot_be_made_are_refused(music: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,composer\na.mid,Bach\n")
    with pytest.raises(ValueError, match="comes from the table and from folder names"):
        ingest(music, tmp_path / "corpus", labels_csv=table, label_from={"composer": 1}, progress=False)
    with pytest.raises(ValueError, match="levels count from 1"):
        ingest(music, tmp_path / "corpus", label_from={"composer": 0}, progress=False)
