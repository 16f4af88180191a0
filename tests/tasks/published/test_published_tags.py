"""Sets of tags in their published layouts: sides, tags, what is left out, what is said of a missing file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from published_trees import array, sides, sounds, table, tags_of, text

from partimento.tasks.audio.published import jamendo, lastfm_tags, magnatagatune, moods, mumu
from partimento.tasks.audio.published.million_song import previews
from partimento.tasks.audio.published.plain_pickle import read_plain_pickle

TRACKS = [f"TR{letters}X{i:012}" for i, letters in enumerate(("ABC", "ABD", "QRS", "ZZZ", "AAA", "BBB"))]


def _previews(root: Path, *tracks: str) -> None:
    sounds(root / "msd" / "audio", *(f"{t[2]}/{t[3]}/{t[4]}/{t}.mp3" for t in tracks))


def _pickled(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def _magnatagatune(root: Path) -> None:
    many = [f"tag {i:02}" for i in range(52)]  # the last two are rare, so that they are not among the 50
    rows = [["clip_id", *many, "mp3_path"]]
    names = ["0/a-one-0-29.mp3", "0/a-one-29-58.mp3", "b/c-0-29.mp3", "c/d-0-29.mp3", "e/f-0-29.mp3", "f/g-0-29.mp3"]
    for i, name in enumerate(names):
        had = {"b/c-0-29.mp3": many[50:], "f/g-0-29.mp3": []}.get(name, many[:50])
        rows.append([str(i + 2), *("1" if tag in had else "0" for tag in many), name])
    rows.append(["35644", *["1"] * 52, "6/empty-0-29.mp3"])
    table(root / "magnatagatune" / "annotations_final.csv", rows)
    sounds(root / "magnatagatune", *names, "6/empty-0-29.mp3")


def test_magnatagatune_keeps_what_has_no_tag(tmp_path: Path) -> None:
    _magnatagatune(tmp_path)
    task = magnatagatune.magnatagatune(tmp_path)
    assert sides(task) == [
        ["a-one-0-29.mp3", "a-one-29-58.mp3", "c-0-29.mp3"],
        ["d-0-29.mp3"],
        ["f-0-29.mp3", "g-0-29.mp3"],
    ]
    assert len(task.classes) == 50
    assert "tag 51" not in task.classes
    had = tags_of(task)
    assert had["c-0-29.mp3"] == had["g-0-29.mp3"] == []
    assert len(had["a-one-0-29.mp3"]) == 50
    assert task.examples[0].group == task.examples[1].group != task.examples[2].group
    assert task.paper["MULE"] == "40.4"
    filtered = magnatagatune.magnatagatune_filtered(tmp_path)
    assert sides(filtered) == [["a-one-0-29.mp3", "a-one-29-58.mp3"], ["d-0-29.mp3"], ["f-0-29.mp3"]]
    assert not filtered.paper


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"annotations_final.csv is not there: the tags.*mp3.zip"):
        magnatagatune.magnatagatune(tmp_path)
    _magnatagatune(tmp_path)
    (tmp_path / "magnatagatune" / "0" / "a-one-0-29.mp3").unlink()
    assert magnatagatune.magnatagatune(tmp_path).split.endswith("less 1 of 6 clips that are not there")
    (tmp_path / "magnatagatune" / "c" / "d-0-29.mp3").rename(tmp_path / "magnatagatune" / "c" / "d-0-29.wav")
    assert sides(magnatagatune.magnatagatune(tmp_path))[1] == ["d-0-29.wav"]
    (tmp_path / "magnatagatune" / "c" / "d-0-29.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"d-0-29.mp3 is not there, nor any clip of the valid side"):
        magnatagatune.magnatagatune(tmp_path)


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    table(tmp_path / "magnatagatune" / "annotations_final.csv", [["clip", "guitar"], ["2", "1"]])
    with pytest.raises(ValueError, match="has no column clip_id, mp3_path"):
        magnatagatune.magnatagatune(tmp_path)


def test_jamendo(tmp_path: Path) -> None:
    splits = tmp_path / "mtg-jamendo-dataset" / "data" / "splits" / "split-0"
    songs = {
        "train": [["track_214", "artist_1", "album_1", "14/214.mp3", "124.6", "genre---rock", "mood/theme---dark"]],
        "validation": [["track_241", "artist_2", "album_2", "41/241.mp3", "340.1", "mood/theme---happy"]],
        "test": [["track_382", "artist_3", "album_3", "82/382.mp3", "211.1", "genre---rock"]],
    }
    for side, rows in songs.items():
        for stem in ("autotagging", "autotagging_genre"):
            table(splits / f"{stem}-{side}.tsv", [jamendo.HEAD, *rows])
    sounds(tmp_path / "mtg-jamendo-dataset" / "audio", "14/214.mp3", "41/241.low.mp3", "82/382.mp3")
    task = jamendo.jamendo_all(tmp_path)
    assert sides(task) == [["214.mp3"], ["241.low.mp3"], ["382.mp3"]]
    assert task.classes == ("genre---rock", "mood/theme---dark", "mood/theme---happy")
    assert tags_of(task)["214.mp3"] == ["genre---rock", "mood/theme---dark"]
    assert [example.group for example in task.examples] == ["artist_1", "artist_2", "artist_3"]
    assert jamendo.jamendo_genre(tmp_path).name == "genre tags"
    with pytest.raises(FileNotFoundError, match=r"autotagging_top50tags-train.tsv is not there.*download.py"):
        jamendo.jamendo_top50(tmp_path)
    text(splits / "autotagging_moodtheme-train.tsv", "track\n")
    with pytest.raises(ValueError, match="begins with 'track'"):
        jamendo.jamendo_mood(tmp_path)


def test_msds_takes_the_first_of_the_training_list(tmp_path: Path) -> None:
    place = tmp_path / "msd" / "lastfm50"
    _pickled(place / "filtered_list_train.cP", TRACKS[:4])
    _pickled(place / "filtered_list_test.cP", TRACKS[4:])
    vectors = {track: np.array([i % 2, 1, 0], dtype=bool) for i, track in enumerate(TRACKS)}
    _pickled(place / "msd_id_to_tag_vector.cP", vectors)
    text(place / "50tagList.txt", "rock\npop\njazz\n")
    _previews(tmp_path, *TRACKS)
    task = lastfm_tags.msds(tmp_path, training_ids=3)
    assert sides(task) == [[f"{track}.mp3" for track in part] for part in (TRACKS[:3], TRACKS[3:4], TRACKS[4:])]
    assert tags_of(task)[f"{TRACKS[1]}.mp3"] == ["rock", "pop"]
    assert tags_of(task)[f"{TRACKS[2]}.mp3"] == ["pop"]
    _pickled(place / "msd_id_to_tag_vector.cP", {**vectors, TRACKS[0]: np.zeros(2)})
    with pytest.raises(ValueError, match=f"has not 3 tags for {TRACKS[0]}"):
        lastfm_tags.msds(tmp_path, training_ids=3)


def test_previews_by_7digital_number(tmp_path: Path) -> None:
    _pickled(tmp_path / "msd" / "MSD_id_to_7D_id.pkl", {TRACKS[0]: "8947470"})
    _pickled(tmp_path / "msd" / "7D_id_to_path.pkl", {"8947470": "8/9/8947470.clip.mp3"})
    preview = previews(tmp_path)
    audio = tmp_path / "msd" / "audio"
    assert preview(TRACKS[0]) == audio / "8" / "9" / "8947470.clip.mp3"
    assert preview(TRACKS[1]) == audio / "A" / "B" / "D" / f"{TRACKS[1]}.mp3"


@pytest.mark.parametrize(("prefix", "read"), [("", lastfm_tags.msd100), ("sub_", lastfm_tags.msd50)])
def test_splits_of_tag_based_retrieval(tmp_path: Path, prefix: str, read: object) -> None:
    place = tmp_path / "msd" / "msd500"
    array(place / f"{prefix}tags.npy", ["blues", "rock"])
    array(place / f"{prefix}binaries.npy", [[1, 0], [0, 1], [1, 1]])
    for row, side in enumerate(("train", "valid", "test")):
        array(place / f"{prefix}{side}_ids.npy", [f"{row}//{TRACKS[row]}"])
    _previews(tmp_path, *TRACKS[:3])
    assert callable(read)
    task = read(tmp_path)
    assert sides(task) == [[f"{track}.mp3"] for track in TRACKS[:3]]
    assert list(tags_of(task).values()) == [["blues"], ["rock"], ["blues", "rock"]]
    (place / f"{prefix}valid_ids.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"valid_ids.npy is not there.*reproducible_splits"):
        read(tmp_path)


def test_msd500_needs_the_sides_of_the_user(tmp_path: Path) -> None:
    place = tmp_path / "msd" / "msd500"
    rows = [[TRACKS[0], "Rock!", "rock", "genre", 90], [TRACKS[0], "meh", "meh", "other", 10]]
    rows += [[TRACKS[i], "jazz music", "jazz", "genre", 100.0] for i in (1, 2)]
    table(place / "track_tags.tsv", rows)
    with pytest.raises(FileNotFoundError, match=r"msd500_train.txt is not there.*one a line"):
        lastfm_tags.msd500(tmp_path)
    for track, side in zip(TRACKS, ("train", "valid", "test"), strict=False):
        text(place / f"msd500_{side}.txt", f"{track}\n")
    _previews(tmp_path, *TRACKS[:3])
    task = lastfm_tags.msd500(tmp_path)
    assert task.classes == ("jazz", "rock")
    assert list(tags_of(task).values()) == [["rock"], ["jazz"], ["jazz"]]


def test_listening_moods(tmp_path: Path) -> None:
    data = tmp_path / "listening-moods" / "data"
    text(data / "moods.txt", "Calm/Peaceful\nFiery")
    rows = [["artist", "song", "track", "album"]]
    rows += [[f"AR{i:016}", f"SO{i:016}", track, f"album, {i}"] for i, track in enumerate(TRACKS[:4])]
    text(data / "metadata.csv", "".join(f'{a},{s},{t},"{name}"\n' for a, s, t, name in rows))
    for side, which in (("train", [3, 0]), ("val", [1]), ("test", [2])):
        array(data / f"{side}_idx.npy", which)
    with pytest.raises(FileNotFoundError, match=r"mood_target.npy is not there.*AllMusic's moods are not given out"):
        moods.listening_moods(tmp_path)
    array(data / "mood_target.npy", [[0, 1], [1, 0], [1, 1], [0, 0]])
    _previews(tmp_path, *TRACKS[:4])
    task = moods.listening_moods(tmp_path)
    assert sides(task) == [[f"{TRACKS[i]}.mp3" for i in part] for part in ([3, 0], [1], [2])]
    assert tags_of(task)[f"{TRACKS[2]}.mp3"] == ["Calm/Peaceful", "Fiery"]
    assert task.examples[0].group == f"AR{3:016}"
    array(data / "mood_target.npy", [[0, 1]])
    with pytest.raises(ValueError, match=r"\(1, 2\); metadata.csv has 4 tracks and moods.txt 2 moods"):
        moods.listening_moods(tmp_path)


def test_mumu_takes_albums_and_tracks(tmp_path: Path) -> None:
    place = tmp_path / "mumu"
    rows = [f'A{i // 2},mbid,{track},rec,art,"{"Pop,Rock" if i < 4 else "Jazz"}"' for i, track in enumerate(TRACKS)]
    head = "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres"
    text(place / mumu.TABLE, "\n".join([head, *rows]))
    for side, name in (("train", "A0"), ("val", TRACKS[2]), ("test", "A2")):
        text(place / f"items_index_{side}_MuMu.tsv", f"{name}\n")
    text(place / "genre_labels_MuMu.tsv", "Jazz\nPop\nRock\n")
    _previews(tmp_path, *TRACKS)
    task = mumu.mumu(tmp_path)
    assert sides(task) == [[f"{track}.mp3" for track in part] for part in (TRACKS[:2], TRACKS[2:3], TRACKS[4:])]
    assert tags_of(task)[f"{TRACKS[0]}.mp3"] == ["Pop", "Rock"]
    assert [example.group for example in task.examples] == ["A0", "A0", "A1", "A2", "A2"]
    text(place / "items_index_test_MuMu.tsv", "B9\n")
    with pytest.raises(ValueError, match="B9 is neither an album nor a track"):
        mumu.mumu(tmp_path)
    text(place / "items_index_test_other.tsv", "A2\n")
    with pytest.raises(ValueError, match="leave one of them for the test side"):
        mumu.mumu(tmp_path)


def test_a_pickle_that_could_run_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.cP").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ValueError, match=r"names os.system"):
        read_plain_pickle(tmp_path / "list.cP")
    (tmp_path / "cut.cP").write_bytes(pickle.dumps(["a", "b"])[:8])
    with pytest.raises(ValueError, match="no pickle of plain lists"):
        read_plain_pickle(tmp_path / "cut.cP")
