"""From folders of sound to a corpus of recordings, and windows of them."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import raw_midi
import soundfile

from partimento.audio import AudioError, read_audio
from partimento.cli import main
from partimento.corpus.files import find_files
from partimento.corpus.ingest import IngestReport, ingest
from partimento.corpus.recordings import Recordings
from partimento.corpus.store import Corpus

RATE_HZ = 8_000


def sound(path: Path, number: int, seconds: float = 0.5, channels: int = 1) -> Path:
    """A file of a tone that no other number has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    soundfile.write(path, np.stack([0.5 * np.sin((1000 + 20 * number) * time_s)] * channels, axis=1), RATE_HZ)
    return path


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Seven files: five recordings of two instruments, a copy, and a text."""
    root = tmp_path / "sound"
    sound(root / "oboe" / "forte" / "a.wav", 0)
    sound(root / "oboe" / "forte" / "b.flac", 1, seconds=1.0, channels=2)
    sound(root / "oboe" / "piano" / "c.ogg", 2)
    sound(root / "tuba" / "d.WAV", 3)
    sound(root / "楽.flac", 4)
    shutil.copy(root / "oboe" / "forte" / "a.wav", root / "tuba" / "z.wav")
    (root / "text.mp3").write_bytes(b"text" * 1000)
    (root / "notes.txt").write_text("not taken")
    return root


def taken(root: Path, output: Path, **options: object) -> IngestReport:
    """What `ingest` takes of sound."""
    return ingest(root, output, kind="audio", progress=False, jobs=1, **options)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_becomes_a_corpus(recorded: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,mood\na,calm\ntuba/d.WAV,glad\nx.wav,sad\n")
    report = taken(
        recorded, tmp_path / "corpus", labels_csv=table, key="file", label_from={"instrument": 1, "dynamic": 2}
    )
    recordings = Recordings.open(tmp_path / "corpus")
    assert recordings.column("path") == [
        "oboe/forte/a.wav",
        "oboe/forte/b.flac",
        "oboe/piano/c.ogg",
        "tuba/d.WAV",
        "楽.flac",
    ]
    assert [one.labels for one in recordings] == [
        {"dynamic": "forte", "instrument": "oboe", "mood": "calm"},
        {"dynamic": "forte", "instrument": "oboe"},
        {"dynamic": "piano", "instrument": "oboe"},
        {"instrument": "tuba", "mood": "glad"},
        {},
    ]
    second = recordings[1]
    assert (second.seconds, second.rate_hz, second.channels, second.silence_s) == (1.0, RATE_HZ, 2, None)
    assert second.location == recorded / "oboe" / "forte" / "b.flac"
    assert recordings.seconds.tolist() == [0.5, 1.0, 0.5, 0.5, 0.5]
    assert recordings.label("mood") == ["calm", None, None, "glad", None]
    assert recordings.label_names == ("dynamic", "instrument", "mood")
    with pytest.raises(KeyError, match="no label 'key'; it has dynamic, instrument, mood"):
        recordings.label("key")
    oboes = recordings.where(instrument="oboe", dynamic="forte")
    assert [one.path for one in oboes] == ["oboe/forte/a.wav", "oboe/forte/b.flac"]
    assert [one.path for one in recordings.select([4, 0])] == ["楽.flac", "oboe/forte/a.wav"]
    assert len(recordings.select([])) == 0
    assert report.duplicates == (("tuba/z.wav", "oboe/forte/a.wav"),)
    assert [path for path, _ in report.rejected] == ["text.mp3"]
    assert report.rows_without_file == ("x.wav",)
    assert (report.files, report.pieces, report.notes, report.seconds) == (7, 5, 0, 3.0)
    assert "5 recordings of 7 files, 0.0 h" in report.summary()
    assert "text.mp3: cannot be decoded: " in report.summary()
    assert sorted(contents(tmp_path / "corpus")) == [
        "corpus.json",
        "duplicates.jsonl",
        "ingest.json",
        "recordings.arrow",
        "rejected.jsonl",
    ]
    assert taken(recorded, tmp_path / "few", labels_csv=table, key="file", only_labelled=True).pieces == 2


def test_windows_are_parts_of_the_files_and_zeros_after_them(recorded: Path, tmp_path: Path) -> None:
    taken(recorded, tmp_path / "corpus", label_from={"instrument": 1})
    recordings = Recordings.open(tmp_path / "corpus").where(instrument="oboe")
    whole = read_audio(recorded / "oboe" / "forte" / "b.flac", 16_000)
    inside = recordings.window(1, 0.25, 0.5, 16_000)
    assert inside.dtype == np.float32
    assert np.abs(inside - whole[4_000:12_000]).max() < 1e-5
    late = recordings.window(1, 0.75, 0.5, 16_000)
    assert late.shape == (8_000,)
    assert np.abs(late[:4_000] - whole[12_000:]).max() < 1e-5
    assert not late[4_000:].any()
    assert not recordings.window(1, 7.0, 0.5, 16_000).any()
    assert np.allclose(recordings.window(1, 0.25, 0.5, 16_000, channels="sum"), 2 * inside, atol=1e-6)
    (recorded / "oboe" / "forte" / "b.flac").write_bytes(b"changed" * 100)
    with pytest.raises(AudioError, match=r"b.flac: cannot be decoded"):
        recordings.window(1, 0.25, 0.5, 16_000)


def test_a_corpus_moves_with_its_sound_or_is_told_where_it_is(recorded: Path, tmp_path: Path) -> None:
    taken(recorded, tmp_path / "corpus")
    expected = Recordings.open(tmp_path / "corpus").window(0, 0.1, 0.1, RATE_HZ)
    together = tmp_path / "elsewhere"
    together.mkdir()
    shutil.copytree(tmp_path / "corpus", tmp_path / "deep" / "down" / "corpus")
    alone = Recordings.open(tmp_path / "deep" / "down" / "corpus")
    assert alone.root == recorded
    shutil.move(recorded, together / "sound")
    shutil.move(tmp_path / "corpus", together / "corpus")
    moved = Recordings.open(together / "corpus")
    assert moved[0].location == together / "sound" / "oboe" / "forte" / "a.wav"
    assert np.array_equal(moved.window(0, 0.1, 0.1, RATE_HZ), expected)
    with pytest.raises(FileNotFoundError, match=r"the sound of .* say where: Recordings.open\(folder, root\)"):
        Recordings.open(tmp_path / "deep" / "down" / "corpus")
    told = Recordings.open(tmp_path / "deep" / "down" / "corpus", root=together / "sound")
    assert np.array_equal(told.window(0, 0.1, 0.1, RATE_HZ), expected)
    with pytest.raises(FileNotFoundError, match="gone is no folder"):
        Recordings.open(together / "corpus", root=tmp_path / "gone")


def test_several_sources_have_one_root(tmp_path: Path) -> None:
    for folder, number in (("one", 0), ("two", 1)):
        sound(tmp_path / folder / "x" / "a.wav", number)
    single = sound(tmp_path / "three" / "b.wav", 2)
    ingest([tmp_path / "one", tmp_path / "two", single], tmp_path / "corpus", kind="audio", progress=False, jobs=1)
    recordings = Recordings.open(tmp_path / "corpus")
    assert recordings.root == tmp_path
    assert [(one.path, str(one.location.relative_to(tmp_path))) for one in recordings] == [
        ("b.wav", "three/b.wav"),
        ("one/x/a.wav", "one/x/a.wav"),
        ("two/x/a.wav", "two/x/a.wav"),
    ]


def test_a_copy_in_another_process_opens_the_files_again(recorded: Path, tmp_path: Path) -> None:
    taken(recorded, tmp_path / "corpus", label_from={"instrument": 1})
    tubas = Recordings.open(tmp_path / "corpus").where(instrument="tuba")
    sent = pickle.dumps(tubas)
    assert len(sent) < 1000
    copy = pickle.loads(sent)
    assert [one.path for one in copy] == [one.path for one in tubas] == ["tuba/d.WAV"]
    assert np.array_equal(copy.window(0, 0.0, 0.1, RATE_HZ), tubas.window(0, 0.0, 0.1, RATE_HZ))


def test_a_check_refuses_what_is_broken_inside_and_tells_of_silence(tmp_path: Path) -> None:
    root = tmp_path / "sound"
    sound(root / "whole.flac", 0, seconds=2.0)
    broken = root / "broken.flac"
    broken.write_bytes(sound(root / "broken.flac", 1, seconds=20.0).read_bytes()[:-20_000])
    samples = np.concatenate([np.zeros(3 * RATE_HZ), 0.1 * np.ones(RATE_HZ)])
    soundfile.write(root / "silent.wav", samples, RATE_HZ)
    assert taken(root, tmp_path / "headers").rejected == ()
    report = taken(root, tmp_path / "checked", check=True)
    ((path, reason),) = report.rejected
    assert path == "broken.flac"
    assert reason.startswith("cannot be decoded beyond")
    assert Recordings.open(tmp_path / "checked").column("silence_s") == [3.0, 0.0]
    assert report.silence_s == 3.0
    assert "2 recordings of 3 files, 0.0 h, 0.0 h of it silent" in report.summary()
    with pytest.raises(ValueError, match=r"check was False, is True.*--overwrite"):
        taken(root, tmp_path / "headers", check=True)
    assert taken(root, tmp_path / "headers", check=True, overwrite=True).pieces == 2


# Dies by SIGKILL just before the n-th file is put in its place; parts of 4 files.
DYING = """
import os, pathlib, signal, sys
import partimento.corpus.recording_files as module
from partimento.corpus.ingest import ingest
count, replace = 0, pathlib.Path.replace
def dying(self, target):
    global count
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
pathlib.Path.replace = dying
module.PART_FILES = 4
ingest(sys.argv[1], sys.argv[2], label_from={"group": 1}, jobs=1, progress=False, kind="audio")
"""


def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "sound"
    for number in range(11):
        path = sound(root / "AB"[number % 2] / f"{number:02d}.wav", 0 if number == 9 else number, seconds=0.1)
        if number == 7:
            path.write_bytes(b"")
    monkeypatch.setattr("partimento.corpus.recording_files.PART_FILES", 4)
    whole = taken(root, tmp_path / "whole", label_from={"group": 1})
    assert (len(whole.rejected), len(whole.duplicates)) == (1, 1)
    # 1 the plan; then three records; then the lists and corpus.json.
    for moment in (3, 2, 3):
        command = [sys.executable, "-c", DYING, str(root), str(tmp_path / "broken"), str(moment)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        with pytest.raises(FileNotFoundError, match="its ingest did not finish; run it again to go on"):
            Recordings.open(tmp_path / "broken")
    resumed = taken(root, tmp_path / "broken", label_from={"group": 1})
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert resumed == IngestReport(**(vars(whole) | {"folder": tmp_path / "broken"}))


def test_every_bad_file_has_its_reason(tmp_path: Path) -> None:
    root = tmp_path / "sound"
    sound(root / "good.wav", 0)
    (root / "empty.wav").write_bytes(b"")
    (root / "gone.wav").symlink_to(root / "nothing")
    os.mkfifo(root / "pipe.flac")
    expected = {
        "empty.wav": "empty file",
        "gone.wav": "cannot be read: No such file or directory",
        "pipe.flac": "not a regular file",
    }
    try:
        sound(root / "named.wav", 1).rename(os.fsdecode(os.fsencode(root) + b"/caf\xe9.wav"))
        expected["caf\\xe9.wav"] = "its name is not UTF-8, so that the corpus cannot point to it; rename it"
    except OSError:
        (root / "named.wav").unlink()  # this file system allows names in UTF-8 alone
    assert dict(taken(root, tmp_path / "corpus").rejected) == expected
    assert Recordings.open(tmp_path / "corpus").column("path") == ["good.wav"]


def test_the_two_kinds_of_corpus_are_told_apart(recorded: Path, tmp_path: Path) -> None:
    taken(recorded, tmp_path / "recordings")
    with pytest.raises(ValueError, match="is a corpus of recordings, not of notes"):
        Corpus.open(tmp_path / "recordings")
    music = tmp_path / "music"
    music.mkdir()
    (music / "a.mid").write_bytes(raw_midi.RUNNING_STATUS)
    ingest(music, tmp_path / "notes", progress=False, jobs=1)
    with pytest.raises(ValueError, match="is a corpus of notes, not of recordings"):
        Recordings.open(tmp_path / "notes")
    with pytest.raises(ValueError, match="was made from other files or settings"):
        taken(recorded, tmp_path / "notes")
    assert taken(recorded, tmp_path / "notes", overwrite=True).pieces == 5
    assert not list((tmp_path / "notes").glob("pieces-*"))


def test_ingest_as_a_user_runs_it(recorded: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "partimento", "ingest", recorded, "-o", "corpus", "--label-from", "instrument=1"]
    run = subprocess.run([*map(str, command), "--check"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    assert run.stdout.startswith("corpus: 5 recordings of 7 files, 0.0 h, 0.0 h of it silent\n")
    assert "  text.mp3: cannot be decoded: " in run.stdout
    [line] = (tmp_path / "corpus" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["path"] == "text.mp3"
    recordings = Recordings.open(tmp_path / "corpus")
    assert set(recordings.label("instrument")) == {"oboe", "tuba", None}
    assert len(recordings.where(instrument="oboe")) == 3


def test_a_folder_of_both_kinds_asks_which(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / "a.mid").write_bytes(raw_midi.RUNNING_STATUS)

    def run(*options: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["ingest", str(recorded), "-o", str(tmp_path / "corpus"), "--jobs", "1", *options])
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    code, _, told = run()
    assert code == 1
    assert "1 MIDI file and 7 sound files in" in told
    assert "choose with --kind midi or --kind audio" in told
    assert not (tmp_path / "corpus").exists()
    code, printed, _ = run("--kind", "audio")
    assert (code, "5 recordings of 7 files" in printed) == (1, True)
    code, printed, _ = run("--kind", "midi", "--overwrite")
    assert (code, "1 piece of 1 file" in printed) == (0, True)


def test_a_folder_of_neither_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no files \(.mid, .*\.wav, .*\.m4a.*\) in"):
        ingest(tmp_path / "empty", tmp_path / "corpus", kind=None)
    with pytest.raises(ValueError, match=r"no files \(.wav, .*\) in"):
        find_files([tmp_path / "empty"], (".wav", ".flac"))


def test_a_set_of_real_recordings(raw: Callable[[str], Path], tmp_path: Path) -> None:
    folder = raw("philharmonia")
    few = tmp_path / "few"
    (few / "notes").mkdir(parents=True)
    for path in sorted((folder / "notes").glob("*.opus"))[::60]:
        (few / "notes" / path.name).symlink_to(path)
    taken(few, tmp_path / "corpus", labels_csv=folder / "labels.csv", key="file", check=True)
    recordings = Recordings.open(tmp_path / "corpus")
    assert len(recordings) == 100
    assert len(set(recordings.label("instrument"))) == 12
    told = np.array([float(value or "nan") for value in recordings.label("seconds")])
    assert np.abs(recordings.seconds - told).max() < 0.002
    assert all(rate_hz == 16_000 for rate_hz in recordings.column("rate_hz"))
    assert np.isfinite(recordings.window(7, 0.1, 1.0, 16_000)).all()
