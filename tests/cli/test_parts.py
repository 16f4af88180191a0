"""`melody` and `accompany-search` on files that are written here, with tiny models; in this process."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from in_process import Run
from labelled_music import tiny_model
from tiny_notes_models import band, played, tiny_encoder, tiny_labeller
from tiny_words import song

from partimento.analysis.parts import DRUMS, PARTS, part_of_notes
from partimento.midi import read_midi, write_midi
from partimento.networks.labeller import Labeller
from partimento.notes_model import load_notes
from partimento.search.index import Index
from partimento.tasks.pairs.baselines import theory
from partimento.tasks.pairs.scoring import log_probabilities
from partimento.tasks.pairs.suggestion import rank_accompaniments

LINE = re.compile(r"(\d\.\d{4})  ([+-]\d) semitones  from bar (\d+)  (.+)")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind."""
    root = tmp_path_factory.mktemp("models")
    tiny_labeller(root / "parts")
    tiny_labeller(root / "judge", "sequence", "accompaniment", ("wrong", "right"))
    tiny_labeller(root / "next", "sequence", "continuation", ("wrong", "right"))
    tiny_encoder(root / "encoder")
    tiny_model(root / "piano")
    return root


def silent(path: Path) -> None:
    """A MIDI file without notes."""
    write_midi(band().select(np.zeros(len(band()), bool)), path)


def test_the_parts_are_the_whole_piece(tmp_path: Path, models: Path, partimento: Run) -> None:
    source, out = tmp_path / "song.mid", tmp_path / "made" / "parts.mid"
    write_midi(band(), source)
    said = partimento("melody", source, "-o", out, "-m", models / "parts")
    assert said.stdout == f"{out}\n"
    notes, split = read_midi(source), read_midi(out)
    assert played(split) == played(notes)
    assert {0, 127} <= set(split.pitch.tolist())
    assert set(split.track_names) <= {*PARTS, DRUMS}
    np.testing.assert_allclose(split.tempo_us, notes.tempo_us)
    part = part_of_notes(load_notes(models / "parts", "cpu"), notes)
    for number, name in enumerate((*PARTS, DRUMS)):
        tracks = [i for i, found in enumerate(split.track_names) if found == name]
        assert played(split.select(np.isin(split.track, tracks))) == played(notes.select(part == number))
    for number, name in enumerate(PARTS):
        pitch = notes.pitch[part == number]
        about = f"{name} {len(pitch)}" + (f" ({pitch.min()}-{pitch.max()})" if len(pitch) else "")
        assert about in said.stderr


def test_one_part_alone(tmp_path: Path, models: Path, partimento: Run) -> None:
    source = tmp_path / "song.mid"
    write_midi(band(), source)
    notes = read_midi(source)
    part = part_of_notes(load_notes(models / "parts", "cpu"), notes)
    kept = {name: [number] for number, name in enumerate(PARTS)} | {"lead": [0, 1]}
    for name, numbers in kept.items():
        out = tmp_path / f"{name}.mid"
        mine = np.isin(part, numbers)
        found = partimento(
            "melody", source, "-o", out, "--keep", name, "-m", models / "parts", status=int(not mine.any())
        )
        if mine.any():
            assert played(read_midi(out)) == played(notes.select(mine))
            assert set(read_midi(out).track_names) <= {PARTS[number] for number in numbers}
        else:
            assert f"none of its {len(notes)} notes is taken for {name}" in found.stderr
            assert not out.exists()
    assert sum((part == number).any() for number in range(3)) > 1


def test_a_folder_in_a_folder_out(tmp_path: Path, models: Path, partimento: Run) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    write_midi(song(0), source / "a.mid")
    write_midi(song(1), source / "deep" / "b.MIDI")
    (source / "broken.mid").write_bytes(b"MThd not really")
    write_midi(band().select(band().is_drum), source / "drums.mid")
    silent(source / "silent.mid")
    melody = ("melody", source, "-o", out, "-m", models / "parts")
    said = partimento(*melody, "--json", status=1)
    rows = [json.loads(line) for line in said.stdout.splitlines()]
    assert [row["path"] for row in rows] == [str(source / "a.mid"), str(source / "deep" / "b.MIDI")]
    assert [row["output"] for row in rows] == [str(out / "a.mid"), str(out / "deep" / "b.mid")]
    for row, number in zip(rows, (0, 1), strict=True):
        assert sum(row[name]["notes"] for name in PARTS) == len(song(number))
        ends = [row[name][end] for name in PARTS if row[name]["notes"] for end in ("lowest", "highest")]
        assert (min(ends), max(ends)) == (song(number).pitch.min(), song(number).pitch.max())
        assert played(read_midi(row["output"])) == played(song(number))
    assert "3 failed:" in said.stderr
    assert f"{source / 'broken.mid'}: " in said.stderr
    assert f"{source / 'drums.mid'}: all its notes are drums" in said.stderr
    assert f"{source / 'silent.mid'}: " in said.stderr
    assert sorted(path.name for path in out.rglob("*.*")) == ["a.mid", "b.mid"]

    # what is there stays, unless it may be replaced
    (out / "a.mid").write_bytes(b"mine")
    again = partimento(*melody, status=1)
    assert f"{source / 'a.mid'}: {out / 'a.mid'} exists; --overwrite replaces it" in again.stderr
    assert (out / "a.mid").read_bytes() == b"mine"
    partimento(*melody, "--overwrite", status=1)
    assert played(read_midi(out / "a.mid")) == played(song(0))


def test_where_parts_go(tmp_path: Path, models: Path, partimento: Run) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_midi(song(0, bars=2), tmp_path / name / "a.mid")
    write_midi(song(1, bars=2), tmp_path / "two" / "b.mid")
    out = tmp_path / "out"
    out.mkdir()
    model = ("-m", models / "parts")
    partimento("melody", tmp_path / "one" / "a.mid", "-o", out, *model)  # into a folder that is there
    partimento("melody", tmp_path / "one", "-o", out / "x", *model)  # a folder of one file is a folder
    partimento("melody", tmp_path / "one" / "a.mid", tmp_path / "two" / "b.mid", "-o", out / "y", *model)
    partimento("melody", tmp_path / "two", tmp_path / "two" / "b.mid", "-o", out / "z", *model)  # one file named twice
    made = {str(path.relative_to(out)) for path in out.rglob("*.mid")}
    assert made == {"a.mid", "x/a.mid", "y/a.mid", "y/b.mid", "z/a.mid", "z/b.mid"}
    said = partimento("melody", tmp_path / "one", tmp_path / "two", "-o", out / "w", *model, status=1)
    assert f"{tmp_path / 'one' / 'a.mid'} and {tmp_path / 'two' / 'a.mid'} would both become" in said.stderr
    assert not (out / "w").exists()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("encoder", "encoder does not tell melody, bridge, accompaniment; understanding-small-melody does"),
        ("judge", "judge does not tell melody"),
        ("piano", "is of the system 'aria'; a model of musicbert or"),
        ("nowhere", "no model"),
    ],
)
def test_melody_wants_a_model_of_parts(tmp_path: Path, models: Path, partimento: Run, model: str, words: str) -> None:
    write_midi(song(0, bars=2), tmp_path / "a.mid")
    said = partimento("melody", tmp_path / "a.mid", "-o", tmp_path / "b.mid", "-m", models / model, status=1)
    assert said.stderr.startswith("partimento: ")
    assert words in said.stderr
    assert not (tmp_path / "b.mid").exists()


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five pieces and one broken file."""
    folder = tmp_path_factory.mktemp("collection")
    for number in range(4):
        chords = song(number)
        write_midi(chords.select(chords.track == 1), folder / f"chords-{number}.mid")
    drums = band().select(band().is_drum)
    write_midi(drums, folder / "drums.mid")
    (folder / "broken.mid").write_bytes(b"MThd not really")
    return folder


@pytest.fixture(scope="module")
def lead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A melody."""
    path = tmp_path_factory.mktemp("lead") / "lead.mid"
    tune = song(7)
    write_midi(tune.select(tune.track == 0), path)
    return path


def test_accompaniments_of_a_folder(models: Path, collection: Path, lead: Path, partimento: Run) -> None:
    search = ("accompany-search", lead, collection, "-m", models / "judge")
    said = partimento(*search, status=1)  # a file could not be read
    assert f"{collection / 'broken.mid'}: " in said.stderr
    found = [LINE.fullmatch(line) for line in said.stdout.splitlines()]
    assert len(found) == 5
    assert all(found)
    rows = [match.groups() for match in found if match]
    scores = [float(row[0]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert rows[-1] == ("0.0000", "+0", "1", str(collection / "drums.mid"))  # nothing pitched

    named = [str(collection / f"chords-{number}.mid") for number in range(4)]
    network = load_notes(models / "judge", "cpu").network
    assert isinstance(network, Labeller)
    judge = partial(log_probabilities, network)
    truth = rank_accompaniments(judge, read_midi(lead), [read_midi(path) for path in named])
    assert [row[3] for row in rows[:4]] == [named[number] for number in truth.order]
    for score, semitones, bar, path in rows[:4]:
        number = named.index(path)
        assert float(score) == pytest.approx(np.exp(truth.scores[number]), abs=2e-3)  # judged in bfloat16 or not
        assert (int(semitones), int(bar)) == (truth.semitones[number], truth.bars[number] + 1)

    as_json = partimento(*search, "--json", "-k", "2", status=1)
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [line["path"] for line in lines] == [row[3] for row in rows[:2]]
    for line, row in zip(lines, rows, strict=False):
        assert set(line) == {"path", "score", "semitones", "bar"}
        assert line["score"] == pytest.approx(float(row[0]), abs=1e-4)
        assert (line["semitones"], line["bar"]) == (int(row[1]), int(row[2]) - 1)


def test_music_theory_judges_where_no_model_is_named(collection: Path, lead: Path, partimento: Run) -> None:
    said = partimento("accompany-search", lead, collection, status=1)
    rows = [match.groups() for line in said.stdout.splitlines() if (match := LINE.fullmatch(line))]
    named = sorted(collection.glob("chords-*.mid"))
    truth = rank_accompaniments(theory, read_midi(lead), [read_midi(path) for path in named])
    assert [row[3] for row in rows] == [*(str(named[i]) for i in truth.order), str(collection / "drums.mid")]
    assert [float(row[0]) for row in rows[:4]] == pytest.approx(truth.scores[truth.order], abs=1e-4)


def test_a_piece_may_be_silent_for_four_bars(tmp_path: Path, models: Path, partimento: Run) -> None:
    piece = song(0, bars=12)
    bar = piece.onset // (4 * piece.ticks_per_quarter)
    (tmp_path / "in").mkdir()
    write_midi(piece.select((piece.track == 1) & ((bar == 0) | (bar == 11))), tmp_path / "in" / "rests.mid")
    write_midi(piece.select(piece.track == 0), tmp_path / "lead.mid")
    for judge in ((), ("-m", models / "judge")):
        said = partimento("accompany-search", tmp_path / "lead.mid", tmp_path / "in", *judge)
        match = LINE.fullmatch(said.stdout.rstrip())
        assert match
        assert 0 < float(match[1]) < 1


def test_accompaniments_of_an_index(
    tmp_path: Path, models: Path, collection: Path, lead: Path, partimento: Run
) -> None:
    index = tmp_path / "index"
    made = partimento("embed", collection, "-o", index, "-m", models / "encoder", "-j", "1", status=1)
    assert f"{index}: 5 pieces (5 new, 0 were there)" in made.stdout
    search = ("accompany-search", lead, index, "-m", models / "judge")
    from_folder = partimento("accompany-search", lead, collection, "-m", models / "judge", status=1)
    said = partimento(*search)
    assert said.stdout == from_folder.stdout
    some = partimento(*search, "--most", "2", "-k", "1")
    assert "2 of 5 pieces are judged; --most takes more" in some.stderr
    assert len(some.stdout.splitlines()) == 1
    found = partimento("search", index, collection / "chords-2.mid", "-k", "1", "-m", models / "encoder")
    assert found.stdout.startswith("1.0000  ")
    assert "chords-2.mid" in found.stdout


def test_an_index_whose_files_are_gone(tmp_path: Path, models: Path, lead: Path, partimento: Run) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2):
        write_midi(song(number, bars=4), tmp_path / "in" / f"{number}.mid")
    partimento("embed", tmp_path / "in", "-o", tmp_path / "index", "-m", models / "encoder", "-j", "1")
    (tmp_path / "in" / "0.mid").unlink()
    said = partimento("accompany-search", lead, tmp_path / "index", "-m", models / "judge", status=1)
    assert said.stdout.rstrip().endswith("1.mid")
    assert "0.mid: cannot be read: No such file" in said.stderr
    Index.create_or_open(tmp_path / "new", "hash", 4)
    empty = partimento("accompany-search", lead, tmp_path / "new", "-m", models / "judge", status=1)
    assert f"{tmp_path / 'new'} has no pieces yet; `partimento embed FILES -o" in empty.stderr


def test_what_accompany_search_cannot_do(
    tmp_path: Path, models: Path, collection: Path, lead: Path, partimento: Run
) -> None:
    judge = ("-m", models / "judge")
    for name in ("encoder", "parts", "next"):
        said = partimento("accompany-search", lead, collection, "-m", models / name, status=1)
        assert "does not judge accompaniments; leave --model out" in said.stderr
    assert "-k 0" in partimento("accompany-search", lead, collection, "-k", "0", *judge, status=2).stderr
    assert "does not exist" in partimento("accompany-search", lead, tmp_path / "none", *judge, status=1).stderr
    broken = collection / "broken.mid"
    assert f"partimento: {broken}: " in partimento("accompany-search", broken, collection, *judge, status=1).stderr
    said = partimento("accompany-search", collection / "drums.mid", collection, *judge, status=1)
    assert "the melody has no pitched note" in said.stderr


def test_weights_in_8_bits_by_the_verbs(tmp_path: Path, models: Path, collection: Path, partimento: Run) -> None:
    source, index = collection / "chords-0.mid", tmp_path / "index"
    piano = song(0)
    write_midi(replace(piano, program=0 * piano.program), tmp_path / "piano.mid")
    embed = ("embed", tmp_path / "piano.mid", "-o", index, "--int8", "-j", "1")
    assert "1 pieces (1 new" in partimento(*embed, "-m", models / "piano").stdout
    found = partimento("search", index, tmp_path / "piano.mid", "-m", models / "piano").stdout
    assert float(found.split()[0]) > 0.99  # the query has whole weights
    refused = partimento("embed", source, "-o", tmp_path / "none", "--int8", "-m", models / "encoder", status=1)
    assert "encoder: weights in 8 bits are for models of piano" in refused.stderr
    out = tmp_path / "new.mid"
    play = ("continue", tmp_path / "piano.mid", "-o", out, "--int8", "-m", models / "piano")
    partimento(*play, "--seconds", "1", "--prompt-seconds", "2", "--seed", "0")
    assert len(read_midi(out)) > 0


def test_a_melody_that_was_split_off_can_be_searched_with(
    tmp_path: Path, models: Path, collection: Path, partimento: Run
) -> None:
    write_midi(replace(song(3), track_names=("", "")), tmp_path / "song.mid")
    parts = load_notes(models / "parts", "cpu")
    part = part_of_notes(parts, read_midi(tmp_path / "song.mid"))
    name = PARTS[int(np.bincount(part).argmax())]
    partimento("melody", tmp_path / "song.mid", "-o", tmp_path / "one.mid", "--keep", name, "-m", models / "parts")
    said = partimento("accompany-search", tmp_path / "one.mid", collection, "-m", models / "judge", "-k", "1", status=1)
    assert LINE.fullmatch(said.stdout.rstrip())
