"""Sets over time in their published layouts: moments, stretches, folds, what is said of a missing file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from published_trees import json_lines, sides, sounds, text

from partimento.tasks.audio.published import chord_labs, gtzan, harmonix
from partimento.tasks.audio.published.listed import SIDES

TIMES_S = np.array([0.5, 1.5, 2.5, 3.5])


def test_gtzan_beats(tmp_path: Path) -> None:
    for i, side in enumerate(SIDES):
        text(tmp_path / "gtzan" / f"{side}_filtered.txt", f"pop/pop.0000{i}.wav\n")
        sounds(tmp_path / "gtzan" / "genres", f"pop/pop.0000{i}.wav")
    with pytest.raises(FileNotFoundError, match=r"gtzan_tempo_beat/beats is not there.*TempoBeatDownbeat"):
        gtzan.gtzan_beats(tmp_path)
    beats = tmp_path / "gtzan_tempo_beat" / "beats"
    text(beats / "gtzan_pop_00000.beats", "0.5\t4\n1.0\t1\n1.5\t2\n2.0\t3\n2.5\t4\n3.0\t1\n")
    text(beats / "gtzan_pop_00001.beats", "0.25\n0.75\n")
    with pytest.raises(FileNotFoundError, match=r"gtzan_pop_00002.beats is not there"):
        gtzan.gtzan_beats(tmp_path)
    text(beats / "gtzan_pop_00002.beats", "0.1 1\n")
    task = gtzan.gtzan_beats(tmp_path)
    assert sides(task) == [["pop.00000.wav"], ["pop.00001.wav"], ["pop.00002.wav"]]
    assert task.clips[0].events["downbeats"].tolist() == [1.0, 3.0]
    assert task.clips[1].events["beats"].tolist() == [0.25, 0.75]
    assert not len(task.clips[1].events["downbeats"])
    assert [target.measure for target in task.events] == ["beat", "beat"]


def test_harmonix(tmp_path: Path) -> None:
    place = tmp_path / "harmonixset"
    names = [f"{i:04}_song" for i in range(9)]
    for name in names:
        text(
            place / "dataset" / "segments" / f"{name}.txt",
            "0.0 intro\n1.0 prechorus\n2.0 chorus2\n3.0 gtrsolo\n4.0 end\n",
        )
        text(place / "dataset" / "beats_and_downbeats" / f"{name}.txt", "0.5\t1\t1\n1.0\t2\t1\n1.5\t1\t2\n")
    with pytest.raises(FileNotFoundError, match=r"0000_song.mp3 is not there; 0 of 9 songs are, and 8 folds"):
        harmonix.harmonix_structure(tmp_path)
    sounds(place / "audio", *(f"{name}.mp3" for name in names[:-1]), f"{names[-1]}.flac")
    task = harmonix.harmonix_structure(tmp_path)
    label = task.clips[0].spans["structure"].at(np.append(TIMES_S, 4.5))
    assert [harmonix.FUNCTIONS[i] for i in label[:4]] == ["intro", "verse", "chorus", "inst"]
    assert label[4] == -1
    assert [fold.test.tolist() for fold in task.folds] == [[0, 8], *([i] for i in range(1, 8))]
    assert all(len(set(np.concatenate([fold.train, fold.valid, fold.test]))) == 9 for fold in task.folds)
    beats = harmonix.harmonix_beats(tmp_path)
    assert beats.clips[8].events["downbeats"].tolist() == [0.5, 1.5]
    (place / "audio" / "0003_song.mp3").unlink()
    assert harmonix.harmonix_beats(tmp_path).split.endswith("less 1 of 9 songs that are not there")
    text(place / "dataset" / "segments" / "0000_song.txt", "0.0 intro\nlater end\n")
    with pytest.raises(ValueError, match=r"0000_song.txt, line 2: 'later end'"):
        harmonix.harmonix_structure(tmp_path)


def test_chords1217(tmp_path: Path) -> None:
    names = ["C:maj", "A:min7", "G:sus4", "N"]
    label = [{"start_time": float(i), "end_time": i + 1.0, "chord_str": name} for i, name in enumerate(names)]
    for side in ("train", "val", "test"):
        entry = {"audio_path": f"data/Chords1217/audio/{side}.mp3", "label": label[::-1], "duration": 4.0}
        json_lines(tmp_path / "chords1217" / f"Chords1217.{side}.jsonl", [entry])
        sounds(tmp_path / "chords1217" / "audio", f"{side}.ogg")
    task = chord_labs.chords1217(tmp_path)
    assert sides(task) == [["train.ogg"], ["val.ogg"], ["test.ogg"]]
    spans = task.clips[0].spans
    assert spans["chords"].at(TIMES_S).tolist() == [0, 21, -1, 24]
    assert spans["roots"].at(TIMES_S).tolist() == [0, 9, 7, 12]
    (tmp_path / "chords1217" / "Chords1217.val.jsonl").unlink()
    with pytest.raises(FileNotFoundError, match=r"Chords1217.val.jsonl is not there.*gated"):
        chord_labs.chords1217(tmp_path)


def test_folders_of_labs(tmp_path: Path) -> None:
    place = tmp_path / "chord-labs"
    for i in range(5):
        text(place / "lab" / "beatles" / f"{i}.lab", "0.000 2.000 Eb:7/3\n\n2.0\t4.0\tF#:hdim7\n")
        sounds(place / "audio" / "beatles", f"{i}.wav")
    task = chord_labs.chord_labs(tmp_path)
    assert [clip.group for clip in task.clips] == [f"beatles/{i}" for i in range(5)]
    assert task.clips[2].spans["chords"].at(TIMES_S).tolist() == [3, 3, -1, -1]
    assert task.clips[2].spans["roots"].at(TIMES_S).tolist() == [3, 3, 6, 6]
    assert len(task.folds) == 5
    text(place / "lab" / "beatles" / "4.lab", "0.0 2.0 H:maj\n")
    with pytest.raises(ValueError, match="'H:maj' is no chord"):
        chord_labs.chord_labs(tmp_path)
    text(place / "lab" / "beatles" / "4.lab", "0.0 C:maj\n")
    with pytest.raises(ValueError, match=r"4.lab, line 1: '0.0 C:maj' is not a start, an end and a chord"):
        chord_labs.chord_labs(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["C", "C:maj", "D:min", "Bb:maj7", "G#:7(#9)", "E:9/3", "A:minmaj7", "B:aug", "F:dim", "C:sus2", "D:5", "N", "X"],
)
def test_classes_of_chords_are_those_of_mir_eval(name: str) -> None:
    import mir_eval.chord

    kind, root = chord_labs.chord_class(name)
    tonics = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    candidates = [*(f"{tonic}:{mode}" for mode in ("maj", "min") for tonic in tonics), "N"]
    scores = [float(mir_eval.chord.majmin([name], [each])[0]) for each in candidates]
    assert kind == (scores.index(1.0) if 1.0 in scores else -1)
    assert 0 <= root < 12 if name not in ("N", "X") else root in (12, -1)
