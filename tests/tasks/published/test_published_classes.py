"""Sets of classes and numbers in their published layouts: sides, labels, what is said of a missing file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from published_trees import json_lines, sides, sounds, table, text

from partimento.tasks.audio.published import emomusic, giantsteps, gtzan, hooktheory, nsynth, vocalset
from partimento.tasks.audio.published.listed import share


def test_gtzan_finds_other_suffixes(tmp_path: Path) -> None:
    place = tmp_path / "gtzan"
    lists = {
        "train": ["blues/blues.00029.wav", "rock/rock.00001.wav"],
        "valid": ["pop/pop.00010.wav"],
        "test": ["jazz/jazz.00002.wav"],
    }
    with pytest.raises(FileNotFoundError, match=r"train_filtered.txt is not there.*GTZAN_split"):
        gtzan.gtzan(tmp_path)
    for side, names in lists.items():
        text(place / f"{side}_filtered.txt", "\n".join(names) + "\n")
    sounds(place / "genres", "blues/blues.00029.au", "rock/rock.00001.wav", "pop/pop.00010.wav", "jazz/jazz.00002.au")
    task = gtzan.gtzan(tmp_path)
    assert sides(task) == [["blues.00029.au", "rock.00001.wav"], ["pop.00010.wav"], ["jazz.00002.au"]]
    assert [example.label for example in task.examples] == ["blues", "rock", "pop", "jazz"]
    assert task.split == "fault-filtered"
    text(place / "test_filtered.txt", "polka/polka.00001.wav\n")
    with pytest.raises(ValueError, match=r"polka.00001.wav is labelled 'polka'"):
        gtzan.gtzan(tmp_path)


def test_nsynth(tmp_path: Path) -> None:
    notes = {
        "train": ("bass_acoustic_000-024-025", 24),
        "valid": ("organ_electronic_001-108-127", 108),
        "test": ("reed_acoustic_011-060-050", 60),
    }
    for side, (name, pitch) in notes.items():
        about = {"pitch": pitch, "instrument_family_str": name.partition("_")[0], "instrument_str": name[:-8]}
        text(tmp_path / "nsynth" / f"nsynth-{side}" / "examples.json", json.dumps({name: about}))
        sounds(tmp_path / "nsynth" / f"nsynth-{side}" / "audio", f"{name}.wav")
    task = nsynth.nsynth_pitch(tmp_path)
    assert task.classes == ("24", "60", "108")
    assert sides(task) == [[f"{name}.wav"] for name, _ in notes.values()]
    family = nsynth.nsynth_instrument(tmp_path)
    assert [(e.label, e.group) for e in family.examples][2] == ("reed", "reed_acoustic_011")
    assert len(family.classes) == 11
    (tmp_path / "nsynth" / "nsynth-test" / "examples.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"nsynth-test/examples.json is not there: the labels of the test side"):
        nsynth.nsynth_pitch(tmp_path)


def _artist(valid: bool, nth: int = 0) -> str:
    """An artist of a side."""
    names = (f"artist {i}" for i in range(10_000))
    found = [name for name in names if (share(name, giantsteps.PARTS) >= giantsteps.TRAIN_PARTS) == valid]
    return found[nth]


def test_giantsteps_rules(tmp_path: Path) -> None:
    train, test = tmp_path / giantsteps.TRAIN, tmp_path / giantsteps.TEST
    keys = [(1, "D# minor", 2), (2, "A major", 1), (3, "C minor / F# minor", 2), (4, "-", 0), (5, "F major", 2)]
    keys += [(6, "A# major", 2), (7, "B minor", 2)]
    table(train / "annotations" / "annotations.txt", [("ID", "MANUAL KEY", "C"), *keys])
    learned, held = _artist(False).title(), _artist(True)
    third = _artist(False, 1)
    artists = {5: held, 6: f"{third}, {held}", 7: third}
    rows = [(track, artists.get(track, learned), "a song") for track, _, _ in keys]
    table(train / "annotations" / "beatport_metadata.txt", [("ID", "ARTIST", "SONG TITLE"), *rows])
    sounds(train / "audio", *(f"{track}.LOFI.mp3" for track, _, _ in keys))
    text(test / "annotations" / "key" / "10089.LOFI.key", "D major")
    text(test / "annotations" / "key" / "10090.LOFI.key", "G# minor\n")
    sounds(test / "audio", "10089.LOFI.mp3", "10090.LOFI.wav")
    task = giantsteps.giantsteps_key(tmp_path)
    assert sides(task) == [
        ["1.LOFI.mp3"],
        ["5.LOFI.mp3", "6.LOFI.mp3", "7.LOFI.mp3"],  # the last by its artist's track with one who is held out
        ["10089.LOFI.mp3", "10090.LOFI.wav"],
    ]
    assert [e.label for e in task.examples] == ["Eb minor", "F major", "Bb major", "B minor", "D major", "Ab minor"]
    assert giantsteps.KEYS.index("C major") == 0
    assert giantsteps.KEYS.index("A minor") == 21
    (train / "annotations" / "beatport_metadata.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"beatport_metadata.txt is not there: the artists.*audio_dl.sh"):
        giantsteps.giantsteps_key(tmp_path)


def test_emomusic(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    train = next(name for name in letters if share(name, emomusic.PARTS) < emomusic.TRAIN_PARTS)
    valid = next(name for name in letters if share(name, emomusic.PARTS) >= emomusic.TRAIN_PARTS)
    songs = [(1, train, "development"), (2, valid.upper(), "development"), (3, train, "evaluation")]
    place = tmp_path / "emomusic"
    table(place / "annotations" / "songs_info.csv", [("song_id", "Artist", "Mediaeval 2013 set"), *songs], ",")
    labels = [(i, 5.5 + i, 1.0, 3.5 - i / 2, 1.0) for i in (1, 2, 3)]
    head = ("song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence")
    table(place / "annotations" / "static_annotations.csv", [head, *labels], ",")
    sounds(place / "clips_45seconds", "1.mp3", "2.mp3", "3.mp3")
    task = emomusic.emomusic(tmp_path)
    assert sides(task) == [["1.mp3"], ["2.mp3"], ["3.mp3"]]
    assert task.classes == ("valence", "arousal")
    assert task.targets is not None
    assert task.targets.tolist() == [[3.0, 6.5], [2.5, 7.5], [2.0, 8.5]]
    (place / "annotations" / "static_annotations.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"static_annotations.csv is not there: valence and arousal"):
        emomusic.emomusic(tmp_path)


def test_vocalset(tmp_path: Path) -> None:
    place = tmp_path / "vocalset"
    for singer in ("female1", "male11", "female2"):
        for technique in ("belt", "vibrato", "forte"):
            short = singer.replace("emale", "").replace("ale", "")
            names = (f"{short}_scales_{technique}_{vowel}.wav" for vowel in "aeiou")
            sounds(place / "FULL" / singer / "scales" / technique, *names)
    text(place / "train_singers_technique.txt", "female1\nmale11\n")
    text(place / "test_singers_technique.txt", "female2\n")
    task = vocalset.vocalset_technique(tmp_path)
    train, valid, test = sides(task)
    assert len(train) + len(valid) == 20
    assert valid
    assert sorted(test) == sorted(
        f"f2_scales_{technique}_{vowel}.wav" for technique in ("belt", "vibrato") for vowel in "aeiou"
    )
    assert {example.label for example in task.examples} == {"belt", "vibrato"}
    singers = vocalset.vocalset_singer(tmp_path)
    assert {example.label for example in singers.examples} == {"f1", "f2", "m11"}
    assert len(singers.examples) == 45
    assert all(sides(singers))
    (place / "test_singers_technique.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"test_singers_technique.txt is not there"):
        vocalset.vocalset_technique(tmp_path)


def test_hooktheory(tmp_path: Path) -> None:
    place = tmp_path / "hooktheory"
    for i, side in enumerate(("train", "val", "test")):
        path = f"data/HookTheory/hooktheory_clips/{side}.mp3"
        keys = [
            {"audio_path": path, "ori_uid": f"song {i}", "label": "Db minor"},
            {"audio_path": path, "ori_uid": "x", "label": "A dorian"},
        ]
        json_lines(place / f"HookTheoryKey.{side}.jsonl", keys)
        label = (["pre-chorus", "chorus"], ["solo"], ["verse"])[i]
        json_lines(
            place / f"HookTheoryStructure.{side}.jsonl", [{"audio_path": path, "ori_uid": f"song {i}", "label": label}]
        )
        sounds(place / "hooktheory_clips", f"{side}.mp3")
    key = hooktheory.hooktheory_key(tmp_path)
    assert sides(key) == [["train.mp3"], ["val.mp3"], ["test.mp3"]]
    assert {(e.label, e.group) for e in key.examples} == {("Db minor", f"song {i}") for i in range(3)}
    assert [e.label for e in hooktheory.hooktheory_structure(tmp_path).examples] == ["chorus", "inst", "verse"]
    json_lines(place / "HookTheoryStructure.val.jsonl", [{"audio_path": "a.mp3", "ori_uid": "x", "label": ["coda"]}])
    with pytest.raises(ValueError, match=r"HookTheoryStructure.val.jsonl: 'coda' is none of"):
        hooktheory.hooktheory_structure(tmp_path)
    text(place / "HookTheoryKey.val.jsonl", "{]\n")
    with pytest.raises(ValueError, match=r"HookTheoryKey.val.jsonl, line 1 is no JSON"):
        hooktheory.hooktheory_key(tmp_path)
