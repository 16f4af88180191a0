"""The drum sets on the grid: what is read, what is kept, on which side it is."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.corpus.datasets import drum_cache
from partimento.corpus.datasets.drums import BEAT, DrumPiece, read_drums, read_split, refused, without_delay
from partimento.midi import read_midi, write_midi
from partimento.notes import Notes, from_ms
from partimento.tokens.drum_columns import drum_columns, earlier
from partimento.tokens.drum_kit import ROLAND_TD11
from partimento.tokens.drumgrid import to_grid

SPLIT = Path(__file__).parents[3] / "docs" / "data" / "drums-split.csv"


def song(bars: int = 12, late_ticks: int = 0, snare: int = 38) -> Notes:
    """Kick and snare and a bass, 500 ticks a quarter."""
    beats = np.arange(4 * bars)
    onset = np.concatenate([beats * 500 + late_ticks, beats[::4] * 500])
    pitch = np.concatenate([np.where(beats % 2, snare, 36), np.full(bars, 40)])
    is_drum = np.arange(len(onset)) < len(beats)
    return from_ms(onset, np.full(len(onset), 100), pitch, np.full(len(onset), 90), np.where(is_drum, 0, 33), is_drum)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A folder with a small multitrack of five songs, two of them of no use, and a groove of one session."""
    root = tmp_path / "raw"
    files = {"a/one.mid": song(), "a/two.mid": song(14), "b/loose.mid": song(late_ticks=17), "b/few.mid": song(9)}
    lines = []
    for number, (path, notes) in enumerate(files.items()):
        (root / "multitrack" / path).parent.mkdir(parents=True, exist_ok=True)
        write_midi(notes, root / "multitrack" / path)
        lines.append(f"{path}\t{'open:BSD' if number == 0 else 'research-only:unclear'}")
    (root / "multitrack" / "b" / "broken.mid").write_bytes(b"MThd")
    lines.append("b/broken.mid\tresearch-only:unclear")
    (root / "multitrack" / "index.tsv").write_text("path\ttier\n" + "\n".join(lines) + "\n")
    (root / "groove" / "d").mkdir(parents=True)
    write_midi(song(late_ticks=20, snare=37), root / "groove" / "d" / "beat.mid")
    write_midi(song(1, late_ticks=26), root / "groove" / "d" / "fill.mid")
    rows = ["session,style,beat_type,midi_filename,split"]
    rows += [f"d/s,rock,{kind},d/{kind}.mid,{side}" for kind, side in (("beat", "validation"), ("fill", "test"))]
    (root / "groove" / "info.csv").write_text("\n".join(rows) + "\n")
    return root


def test_pieces_are_read_once_and_are_those_of_the_files(sets: Path, tmp_path: Path) -> None:
    drums = read_drums(sets, None, tmp_path / "cache", jobs=1)
    paths = [piece.path for piece in drums.pieces]
    assert paths == [
        *("multitrack/a/one.mid", "multitrack/a/two.mid"),
        *("groove/d/beat.mid", "groove/d/fill.mid"),
    ]
    grid, direct = drums[0], to_grid(read_midi(sets / paths[0]))
    for name in ("velocity", "shift", "others", "bar_ticks"):
        np.testing.assert_array_equal(getattr(grid, name), getattr(direct, name))
    np.testing.assert_array_equal(drums.hits(1), drums[1].hits)
    assert [piece.tier for piece in drums.pieces] == ["open", "research-only", "open", "open"]
    assert [len(grid) for grid in drums] == [12, 14, 12, 1]
    # the files are not opened again
    for path in (sets / "multitrack" / "a").iterdir():
        path.unlink()
    again = read_drums(sets, None, tmp_path / "cache", jobs=1)
    assert again.pieces == drums.pieces
    assert (again.hits(0) == drums.hits(0)).all()
    reasons = refused(sets, tmp_path / "cache", "multitrack")
    assert reasons == {"multitrack/b/broken.mid": "truncated header (4 of 14 bytes)"}


def test_a_cache_of_other_files_is_made_anew(sets: Path, tmp_path: Path) -> None:
    read_drums(sets, None, tmp_path / "cache", sets=["multitrack"], jobs=1)
    index = sets / "multitrack" / "index.tsv"
    index.write_text("\n".join(index.read_text().splitlines()[:2]) + "\n")
    drums = read_drums(sets, None, tmp_path / "cache", sets=["multitrack"], jobs=1)
    assert [piece.path for piece in drums.pieces] == ["multitrack/a/one.mid"]
    with pytest.raises(ValueError, match="no set pop909"):
        read_drums(sets, None, tmp_path / "cache", sets=["pop909"])


def test_a_session_plays_with_a_steady_delay(sets: Path, tmp_path: Path) -> None:
    groove = read_drums(sets, None, tmp_path / "cache", sets=["groove"], jobs=1)
    beat, fill = groove.pieces
    assert (beat.side, fill.side, beat.group, fill.kind) == ("valid", "test", "groove/d/s", "fill")
    assert beat.delay_ms == pytest.approx(20, abs=0.1)
    assert fill.delay_ms == beat.delay_ms  # that of the session, told by its beats
    assert np.abs(groove[0].shift).max() < 0.01
    assert groove[1].shift[groove[1].hits] == pytest.approx(6 / 62.5, abs=0.01)
    assert groove[0].hits[0, 8, 1]  # a side stick of Roland's is the snare


def test_drums_moved_earlier_stay_in_their_bars() -> None:
    columns = drum_columns(song(1), ROLAND_TD11)
    moved = earlier(columns, 0.75)
    assert moved.hit_step.tolist() == [0, 7, 15, 23]
    assert moved.hit_shift.tolist() == pytest.approx([-0.5, 0.25, 0.25, 0.25])
    assert earlier(columns, -9).hit_step.max() == 31
    piece = DrumPiece("groove/x.mid", "groove", kind=BEAT, group="g")
    late = earlier(columns, -0.3)
    ((found, back),) = without_delay([(piece, late)])
    assert found.delay_ms == pytest.approx(0.3 * 62.5, abs=0.01)
    np.testing.assert_allclose(back.hit_shift, 0, atol=1e-3)


def test_the_split_says_the_side(sets: Path, tmp_path: Path) -> None:
    table = tmp_path / "split.csv"
    table.write_text(
        "path,tier,side,group\nmultitrack/a/one.mid,open,test,g\nmultitrack/a/two.mid,research-only,train,h\n"
    )
    drums = read_drums(sets, table, tmp_path / "cache", sets=["multitrack"], jobs=1)
    assert [piece.side for piece in drums.pieces] == ["test", "train"]
    assert [piece.path for piece in drums.where(side="test", tier="open").pieces] == ["multitrack/a/one.mid"]
    assert len(drums.where(tier="nothing")) == 0
    table.write_text("path,tier,side,group\nmultitrack/a/one.mid,open,test,g\n")
    with pytest.raises(ValueError, match=r"multitrack/a/two.mid is not in .*split.csv"):
        read_drums(sets, table, tmp_path / "cache", sets=["multitrack"], jobs=1)


def test_columns_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    columns = [drum_columns(song(3)), drum_columns(song(5, late_ticks=9))]
    drum_cache.write(tmp_path / "kept.npz", "about", "facts", columns)
    assert drum_cache.about(tmp_path / "kept.npz") == "about"
    facts, read = drum_cache.read(tmp_path / "kept.npz")
    assert facts == "facts"
    for one, other in zip(columns, read, strict=True):
        for name in drum_cache.COLUMNS:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype


def test_no_group_of_the_split_is_on_two_sides() -> None:
    with SPLIT.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("multitrack/")]
    sides = defaultdict(set)
    for row in rows:
        sides[row["group"]].add(row["side"])
    assert len(rows) == 2098
    assert all(len(found) == 1 for found in sides.values())
    count = Counter((row["tier"], row["side"]) for row in rows)
    assert min(count["open", side] for side in ("valid", "test")) >= 10
    share = sum(row["side"] == "train" for row in rows) / len(rows)
    assert share == pytest.approx(0.8, abs=0.01)


def test_the_split_knows_every_piece(raw: Callable[[str], Path]) -> None:
    from partimento.corpus.datasets.drums import listed

    split = read_split(SPLIT)
    root = raw("multitrack").parent
    raw("groove")
    pieces = [*listed(root, "multitrack"), *listed(root, "groove")]
    assert {piece.path for piece in pieces} == set(split)
    assert all(split[piece.path][0] == piece.tier for piece in pieces)
    assert all(split[piece.path][1] == piece.side for piece in pieces if piece.set == "groove")
