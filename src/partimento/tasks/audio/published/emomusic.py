"""Emomusic (Soleymani et al. 2013): arousal and valence of 744 clips of 45 s.

    emomusic/annotations/songs_info.csv           song_id, Artist, Mediaeval 2013 set ("development", "evaluation"), ...
    emomusic/annotations/static_annotations.csv   song_id, mean_arousal, mean_valence, ...
    emomusic/clips_45seconds/1.mp3

Checked in jukemir's code, which reads the release: columns and folders. The evaluation set is the test side; of the
rest an artist falls on the validation side by the SHA-1 of the name (2 parts of 10), as there. It is MARBLE's EMO.
"""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import About, Clip, Side, cells, rows, share, values_task
from partimento.tasks.task import Task

FOLDER = "emomusic"
GET = (
    "Emomusic (1000 Songs for Emotional Analysis of Music) is given out by the authors on request: unpack "
    f"annotations.tar.gz into {FOLDER}/annotations/ and clips_45seconds.tar.gz into {FOLDER}/"
)
TRAIN_PARTS, PARTS = 8, 10


def emomusic(root: Path) -> Task:
    """Mean valence and arousal, from 1 to 9, of each clip."""
    place = root / FOLDER
    about_songs, labels = (place / "annotations" / name for name in ("songs_info.csv", "static_annotations.csv"))
    songs: dict[int, tuple[Side, str]] = {}
    for row in rows(about_songs, "the sides and artists of the clips", GET):
        song, artist, part = cells(row, "song_id", "Artist", "Mediaeval 2013 set", path=about_songs)
        name = plain_name(artist)
        side: Side = "train" if share(name, PARTS) < TRAIN_PARTS else "valid"
        songs[int(song)] = ("test" if part == "evaluation" else side, name)
    clips = []
    for row in rows(labels, "valence and arousal of the clips", GET):
        song, valence, arousal = cells(row, "song_id", "mean_valence", "mean_arousal", path=labels)
        if int(song) not in songs:
            raise ValueError(f"{about_songs} has no song {song}, which {labels} has; {GET}")
        side, artist = songs[int(song)]
        path = place / "clips_45seconds" / f"{int(song)}.mp3"
        clips.append(Clip(path, side, artist, values=(float(valence), float(arousal))))
    split = "MediaEval 2013, artists of train and valid apart"
    return values_task(
        About("emotion", "Emomusic", split, GET, "", paper("emomusic", "r2")), clips, ("valence", "arousal")
    )


def plain_name(artist: str) -> str:
    """An artist's name as it is hashed: small letters of ASCII, words with one space between.

    >>> plain_name("Sigur  Rós (live)")
    'sigur rs live'
    """
    kept = "".join(letter for letter in artist.lower() if letter.isascii() and (letter.isalpha() or letter.isspace()))
    return " ".join(kept.split())
