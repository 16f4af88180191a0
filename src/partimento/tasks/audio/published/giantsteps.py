"""GiantSteps key: 24 keys of electronic dance music, trained on the MTG set and tested on the other.

    giantsteps-key-dataset/annotations/key/10089.LOFI.key     "D major"              604 tracks: the test side
    giantsteps-key-dataset/audio/10089.LOFI.mp3
    giantsteps-mtg-key-dataset/annotations/annotations.txt          ID, MANUAL KEY, C   tab-separated
    giantsteps-mtg-key-dataset/annotations/beatport_metadata.txt    ID, ARTIST, ...     tab-separated
    giantsteps-mtg-key-dataset/audio/5061.LOFI.mp3

Checked in both repositories: files and columns. The rules of the training side are those of jukemir (Castellon et al.
2021, checked in its code), which MULE and MARBLE follow: confidence 2, one key, sharps as flats; an artist falls on the
validation side by the SHA-1 of the name in lower case (16 parts of 116), and so do those who share a track with one.
"""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import About, Clip, Side, cells, classes_task, need, rows, share
from partimento.tasks.task import Task

TEST, TRAIN = "giantsteps-key-dataset", "giantsteps-mtg-key-dataset"
GET = (
    f"clone GiantSteps/{TEST} and GiantSteps/{TRAIN} side by side, and let the audio_dl.sh of each fetch the previews "
    "into its folder audio/"
)
TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
KEYS = (*(f"{tonic} major" for tonic in TONICS), *(f"{tonic} minor" for tonic in TONICS))  # as `key_scores` counts them
SURE = "2"
TRAIN_PARTS, PARTS = 100, 116
_FLATS = {"C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb"}


def giantsteps_key(root: Path) -> Task:
    """Which of 24 keys."""
    note = (
        "the song's mean vector; jukemir and MARBLE cut 30 s clips and let them vote; weighted_key counts the fifth "
        "above alone, as mir_eval and what is published; weighted_key_both_fifths is MIREX's rule since 2017"
    )
    about = About(
        "key", "GiantSteps", "MTG for training, artists apart", GET, note, paper("giantsteps-key", "weighted_key")
    )
    return classes_task(about, [*_training(root), *_tested(root)], KEYS)


def flat_key(text: str) -> str:
    """A key as KEYS names it.

    >>> flat_key("A# minor")
    'Bb minor'
    """
    tonic, _, mode = " ".join(text.split()).partition(" ")
    return f"{_FLATS.get(tonic, tonic)} {mode}"


def sides_of_artists(tracks: list[list[str]]) -> dict[str, Side]:
    """The side of each artist.

    Args:
        tracks: the artists of each track of the metadata, in its order.
    """
    side: dict[str, Side] = {}
    for artists in tracks:
        for artist in artists:
            side[artist] = "train" if share(artist.lower(), PARTS) < TRAIN_PARTS else "valid"
    for _ in range(2):  # jukemir's two rounds: those who share a track, and those who share one with them
        for artists in tracks:
            if any(side[artist] == "valid" for artist in artists):
                side |= dict.fromkeys(artists, "valid")
    return side


def _training(root: Path) -> list[Clip]:
    place = root / TRAIN
    labels, about = (place / "annotations" / name for name in ("annotations.txt", "beatport_metadata.txt"))
    artists = {}
    for row in rows(about, "the artists of the training side", GET, delimiter="\t"):
        track, joined = cells(row, "ID", "ARTIST", path=about)
        artists[track] = [name.strip() for name in joined.split(",")]
    side = sides_of_artists(list(artists.values()))
    clips = []
    for row in rows(labels, "the keys of the training side", GET, delimiter="\t"):
        track, key, confidence = cells(row, "ID", "MANUAL KEY", "C", path=labels)
        if confidence != SURE or "/" in key:
            continue
        if track not in artists:
            raise ValueError(f"{about} has no track {track}, whose key {labels} tells; {GET}")
        names = artists[track]
        clips.append(
            Clip(place / "audio" / f"{track}.LOFI.mp3", side[names[0]], ", ".join(names).lower(), label=flat_key(key))
        )
    return clips


def _tested(root: Path) -> list[Clip]:
    place = root / TEST
    keys = sorted(need(place / "annotations" / "key", "the keys of the test side", GET).glob("*.key"))
    if not keys:
        raise FileNotFoundError(
            f"{place / 'annotations' / 'key'} holds no .key files: the keys of the test side; {GET}"
        )
    return [
        Clip(place / "audio" / f"{path.stem}.mp3", "test", path.stem, label=flat_key(path.read_text(encoding="utf-8")))
        for path in keys
    ]
