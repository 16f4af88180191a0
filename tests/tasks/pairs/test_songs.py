from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from toy_songs import SCALE, notes_of, together, toy_song

from partimento.tasks.pairs.phrases import PITCH, STEP
from partimento.tasks.pairs.songs import DOUBLING, doubling, melody_track, pop909_song, same_songs, song_of_tracks

TUNE = 72 + np.tile(SCALE, 8)  # 64 quarters


def test_the_melody_is_named_or_the_highest_of_single_notes() -> None:
    chords = together(notes_of(TUNE + 12), notes_of(TUNE + 16))  # two at a time, and high
    chords = replace(chords, track=np.zeros(len(chords), np.int32), track_names=("",))
    flute, horn, bass = notes_of(TUNE), notes_of(TUNE - 12), notes_of(TUNE + 24, program=33)
    seldom = notes_of(TUNE[:33] + 20, 0.25)
    assert melody_track(together(chords, horn, flute, bass, seldom)) == 2
    assert melody_track(together(chords, horn, flute, names=("", "Lead Vocal", "flute"))) == 1
    assert melody_track(together(chords, horn, flute, names=("", "Back vocals", "flute"))) == 2
    assert melody_track(together(chords, bass)) is None
    drums = together(flute, horn)
    assert melody_track(replace(drums, is_drum=drums.track == 0)) == 1


def test_a_song_of_tracks() -> None:
    flute, horn = notes_of(TUNE), notes_of(TUNE - 24)
    strings = notes_of(55 + np.arange(16) % 3, 4.0)
    song = song_of_tracks("a", together(flute, horn, strings))
    assert song is not None
    assert [phrase.bar for phrase in song.melody] == [0, 4, 8, 12]
    assert {phrase.part for phrase in song.accompaniments} == {"2"}  # the horn doubles the flute
    assert doubling(song.melody[0].notes, song.melody[0].notes - [0, 0, 12, 0]) == 1 > DOUBLING
    assert song_of_tracks("b", together(strings)) is None


def test_songs_with_a_phrase_in_common_are_one() -> None:
    songs = [toy_song(number) for number in range(5)]
    other = toy_song(1)
    moved = [replace(phrase, notes=phrase.notes + np.array([0, 0, 3, 0])) for phrase in other.melody[2:3]]
    songs[3] = replace(songs[3], melody=(*songs[3].melody, *moved))
    bridge = replace(songs[4], melody=(*songs[4].melody, toy_song(3).melody[0]))
    assert same_songs([*songs[:4], bridge]) == ["000", "001", "002", "001", "001"]


def test_a_song_of_pop909(raw: Callable[[str], Path]) -> None:
    song = pop909_song(raw("pop909"), "001", "001", "train")
    assert song is not None
    assert len(song.melody) > 8
    accompanied = list(song.accompanied())
    assert len(accompanied) > 8
    assert all("piano" in {phrase.part for phrase in parts} for _, parts in accompanied)
    notes = np.concatenate([phrase.notes for phrase in song.melody])
    # Gb major, as the set says, has become C major
    assert np.isin(notes[:, PITCH] % 12, [0, 2, 4, 5, 7, 9, 11]).mean() > 0.9
    for phrase in song.melody:
        assert (np.diff(phrase.notes[:, STEP]) > 0).all()
