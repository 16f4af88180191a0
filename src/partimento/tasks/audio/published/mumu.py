"""MuMu (Oramas et al. 2017): any of 250 genres that Amazon gives an album, told from previews of its tracks.

    mumu/MuMu_dataset_multi-label.csv     amazon_id, album_mbid, MSD_track_id, ..., genres (between commas)
    mumu/items_index_train_NAME.tsv, items_index_val_NAME.tsv, items_index_test_NAME.tsv     an id a line
    mumu/genre_labels_NAME.tsv            a genre a line
    msd/audio/...                         `million_song`

Checked in programs that read the release: name and columns of the table; in the authors' library Tartarus: the names of
such lists (items_index_val_..., genre_labels_...), of which it has examples. Not checked: which ids the lists of the
release hold, so that albums (amazon_id) and tracks (MSD_track_id) are both taken.
"""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import SIDES, About, Clip, cells, lines, rows, tags_task
from partimento.tasks.audio.published.million_song import GET, previews
from partimento.tasks.task import Task

FOLDER = "mumu"
TABLE = "MuMu_dataset_multi-label.csv"
LISTS = f"MuMu is Zenodo's record 1236906: unpack MuMu_dataset and the data splits into {FOLDER}/, without subfolders"


def mumu(root: Path) -> Task:
    """Which genres the album of a track has."""
    place = root / FOLDER
    path = place / TABLE
    tracks: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for row in rows(path, "the genres of every album", LISTS):
        album, track, listed = cells(row, "amazon_id", "MSD_track_id", "genres", path=path)
        entry = (album, track, tuple(genre.strip() for genre in listed.split(",") if genre.strip()))
        for name in (album, track):
            tracks.setdefault(name, []).append(entry)
    preview = previews(root)
    clips = []
    for side in SIDES:
        index = _only(place, f"items_index_{'val' if side == 'valid' else side}_*.tsv", f"the {side} side")
        for name in lines(index, f"the ids of the {side} side", LISTS):
            if name not in tracks:
                raise ValueError(f"{index}: {name} is neither an album nor a track of {path}; {LISTS}")
            clips += [Clip(preview(track), side, album, tags=tags) for album, track, tags in tracks[name]]
    labels = sorted(place.glob("genre_labels_*.tsv"))
    genres = sorted({tag for clip in clips if clip.side == "train" for tag in clip.tags})
    if len(labels) == 1:
        genres = lines(labels[0], "the genres", LISTS)
    note = "a track has the genres of its album; no album on two sides"
    return tags_task(
        About("album genres", "MuMu", "published", GET, note, paper("mumu", "average_precision")), clips, genres
    )


def _only(place: Path, pattern: str, what: str) -> Path:
    found = sorted(place.glob(pattern))
    if len(found) > 1:
        raise ValueError(f"{place} has {', '.join(path.name for path in found)}: leave one of them for {what}")
    return found[0] if found else place / pattern
