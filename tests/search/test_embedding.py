"""Files into an index: restart, change, failures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import raw_midi

from partimento.midi import write_midi
from partimento.notes import Notes, from_ms
from partimento.search.embedding import embed_files
from partimento.search.index import Index


@dataclass
class Histogram:
    """Pitch histograms as embeddings; it refuses drums and counts what it was given."""

    hash: str = "histogram"
    embed_dim: int = 128
    groups: list[int] = field(default_factory=list)

    def embed_notes(self, pieces: Sequence[Notes]) -> np.ndarray:
        if any(piece.is_drum.any() for piece in pieces):
            raise ValueError("drums have no pitch")
        self.groups.append(len(pieces))
        return np.stack([np.bincount(p.pitch, minlength=128) for p in pieces]).astype(np.float32)


def write_scale(path: Path, first: int) -> Path:
    pitch = np.arange(first, first + 5)
    write_midi(from_ms(np.arange(5) * 250, np.full(5, 250), pitch, np.full(5, 80)), path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "Ноты 楽譜").mkdir()
    return [write_scale(tmp_path / "Ноты 楽譜" / f"O'Neill {i}.mid", 40 + i) for i in range(9)]


def open_index(tmp_path: Path) -> Index:
    return Index.create_or_open(tmp_path / "index", "histogram", 128)


def test_files_become_rows(tmp_path: Path, files: list[Path]) -> None:
    index, model, steps = open_index(tmp_path), Histogram(), []
    result = embed_files(
        model, files, index, batch=4, jobs=1, labels=lambda path: {"stem": Path(path).stem}, progress=steps.append
    )
    assert (result.added, result.skipped, result.failures) == (9, 0, [])
    assert model.groups == [4, 4, 1]
    assert sum(steps) == 9
    query = np.zeros(128)
    query[43:48] = 1
    hit = index.search(query)[0]
    assert hit.path == str(files[3])
    assert hit.labels == {"stem": "O'Neill 3"}
    assert hit.score == pytest.approx(1, abs=1e-5)
    assert hit.seconds == pytest.approx(1.25, abs=0.01)


def test_a_second_run_does_what_is_left(tmp_path: Path, files: list[Path]) -> None:
    index, model = open_index(tmp_path), Histogram()
    embed_files(model, files[:6], index, jobs=1)
    write_scale(files[2], 70)  # changed since
    again = Histogram()
    result = embed_files(again, iter(files), open_index(tmp_path), jobs=1)
    assert (result.added, result.skipped) == (4, 5)
    assert again.groups == [4]
    assert len(index) == 9
    query = np.zeros(128)
    query[70:75] = 1
    assert index.search(query, k=1)[0].path == str(files[2])


def test_a_stopped_run_keeps_what_it_wrote(tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partimento.search.embedding.WRITE_ROWS", 2)

    class Stopped(Histogram):
        def embed_notes(self, pieces: Sequence[Notes]) -> np.ndarray:
            if len(self.groups) == 3:
                raise KeyboardInterrupt
            return super().embed_notes(pieces)

    with pytest.raises(KeyboardInterrupt):
        embed_files(Stopped(), files, open_index(tmp_path), batch=2, jobs=1)
    assert len(open_index(tmp_path)) == 6
    result = embed_files(Histogram(), files, open_index(tmp_path), jobs=1)
    assert (result.added, result.skipped, len(open_index(tmp_path))) == (3, 6, 9)


def test_bad_files_are_listed_and_the_run_goes_on(tmp_path: Path, files: list[Path]) -> None:
    bad = {
        "empty.mid": raw_midi.BAD["empty"][0],
        "text.mid": raw_midi.BAD["text"][0],
        "drums.mid": raw_midi.DRUMS,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    paths = [files[0], *(tmp_path / name for name in bad), tmp_path / "gone.mid", *files[1:]]
    result = embed_files(Histogram(), paths, open_index(tmp_path), jobs=1)
    assert result.added == 9
    reasons = {Path(path).name: reason for path, reason in result.failures}
    assert reasons == {
        "gone.mid": "cannot be read: No such file or directory",
        "empty.mid": "empty file",
        "text.mid": raw_midi.BAD["text"][1],
        "drums.mid": "drums have no pitch",
    }


def test_names_that_are_not_text(tmp_path: Path) -> None:
    try:
        path = write_scale(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mid")), 50)
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    index = open_index(tmp_path)
    assert embed_files(Histogram(), [path], index, jobs=1).added == 1
    assert embed_files(Histogram(), [path], index, jobs=1).skipped == 1
    assert index.search(np.ones(128))[0].path.endswith("\\udcff\\udcfe.mid")


def test_another_model_is_refused_before_it_works(tmp_path: Path, files: list[Path]) -> None:
    def never() -> Iterator[Path]:
        raise AssertionError("a file was asked for")
        yield files[0]

    with pytest.raises(ValueError, match=r"of the model histogram, these are of the model other"):
        embed_files(Histogram(hash="other"), never(), open_index(tmp_path))
