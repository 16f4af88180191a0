"""Last.fm tags of the Million Song Dataset: MSDS, MSD100, MSD50 and MSD500.

    msd/lastfm50/filtered_list_train.cP, filtered_list_test.cP, msd_id_to_tag_vector.cP, 50tagList.txt
    msd/msd500/train_ids.npy, valid_ids.npy, test_ids.npy, binaries.npy, tags.npy, and the same with "sub_" before
    msd/msd500/track_tags.tsv, msd500_train.txt, msd500_valid.txt, msd500_test.txt

MSDS: Lee et al.'s lists (2017) of Choi et al.'s split, in which artists are on several sides. Checked: files and sizes,
in the split's description. MSD100 and MSD50: Won et al.'s splits (2021), artists apart. Checked in the code that writes
them: "reproducible_splits" holds arrays of "row//id"; those with "sub_" have 50 tags, the others 100. MSD500: its table
(id, tag, cleaned tag, category, score, without a header) is described in the same repository; no list of its sides is
known to be published, so that of the user is read, one id a line, and figures compare as far as the sides agree.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import SIDES, About, Clip, Side, lines, need, tags_task
from partimento.tasks.audio.published.million_song import FOLDER, GET, previews
from partimento.tasks.audio.published.plain_pickle import read_plain_pickle
from partimento.tasks.task import Task

DATA = "Million Song Dataset"
TRAINING_IDS = 201_680  # of the training list; the 11,774 after them are the validation side
LEAST_SCORE = 50.0
LISTS_50 = f"the files of the folder MSD_split of jongpillee/music_dataset_split go into {FOLDER}/lastfm50/"
LISTS_500 = (
    "minzwon/tag-based-music-retrieval links msd500.tar.gz and reproducible_splits.tar.gz; unpack both into "
    f"{FOLDER}/msd500/"
)
SIDES_500 = (
    "write the ids of each side into msd500_train.txt, msd500_valid.txt and msd500_test.txt, one a line; no published "
    "list is known"
)


def msds(root: Path, training_ids: int = TRAINING_IDS) -> Task:
    """50 tags on the split that tagging papers share.

    Args:
        training_ids: how many of the training list are for training; the rest validate.
    """
    place = root / FOLDER / "lastfm50"
    lists = [need(place / f"filtered_list_{side}.cP", f"the {side} list", LISTS_50) for side in ("train", "test")]
    vectors_at = need(place / "msd_id_to_tag_vector.cP", "the tags of every track", LISTS_50)
    tags = lines(place / "50tagList.txt", "the names of the tags", LISTS_50)
    train, test = (list(map(str, read_plain_pickle(path))) for path in lists)
    vectors = {str(name): np.ravel(vector) for name, vector in read_plain_pickle(vectors_at).items()}
    preview = previews(root)
    clips = []
    for side, ids in (("train", train[:training_ids]), ("valid", train[training_ids:]), ("test", test)):
        for name in ids:
            if name not in vectors or len(vectors[name]) != len(tags):
                raise ValueError(f"{vectors_at} has not {len(tags)} tags for {name}; {LISTS_50}")
            had = tuple(tags[i] for i in np.flatnonzero(vectors[name]))
            clips.append(Clip(preview(name), _side(side), name, tags=had))
    note = "tracks of one artist are on several sides"
    figures = paper("msds", "average_precision")
    return tags_task(About("top 50 tags", DATA, "MSDS, published", GET, note, figures), clips, tags)


def msd100(root: Path) -> Task:
    """100 cleaned tags, artists apart."""
    return _retrieval_split(root, "msd100", "")


def msd50(root: Path) -> Task:
    """50 cleaned tags on fewer tracks, artists apart."""
    return _retrieval_split(root, "msd50", "sub_")


def msd500(root: Path) -> Task:
    """500 cleaned tags, on sides that the user gives."""
    place = root / FOLDER / "msd500"
    path = need(place / "track_tags.tsv", "the cleaned tags of every track", LISTS_500)
    had: dict[str, set[str]] = {}
    with path.open(encoding="utf-8", newline="") as table:
        for number, row in enumerate(csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            if len(row) != 5:
                raise ValueError(f"{path}, line {number} has {len(row)} columns, not 5; {LISTS_500}")
            if number == 1 and not row[4].strip().replace(".", "", 1).isdigit():
                continue  # a header
            if float(row[4]) >= LEAST_SCORE:
                had.setdefault(row[0], set()).add(row[2])
    preview = previews(root)
    clips = []
    for side in SIDES:
        for name in lines(place / f"msd500_{side}.txt", f"the ids of the {side} side", SIDES_500):
            clips.append(Clip(preview(name), side, name, tags=tuple(sorted(had.get(name, ())))))
    tags = sorted({tag for clip in clips for tag in clip.tags})
    note = "sides as the user's lists give them; no published list is known"
    figures = paper("msd500", "average_precision")
    return tags_task(About("500 tags", DATA, "MSD500, the user's sides", GET, note, figures), clips, tags)


def _retrieval_split(root: Path, name: str, prefix: str) -> Task:
    place = root / FOLDER / "msd500"

    def array(part: str, what: str) -> np.ndarray:
        return np.load(need(place / f"{prefix}{part}.npy", what, LISTS_500), allow_pickle=False)

    tags = array("tags", "the names of the tags").astype(str).tolist()
    binaries = array("binaries", "the tags of every track")
    if binaries.shape[1] != len(tags):
        raise ValueError(f"{place}: {prefix}binaries.npy has {binaries.shape[1]} tags, {prefix}tags.npy {len(tags)}")
    preview = previews(root)
    clips = []
    for side in SIDES:
        for entry in array(f"{side}_ids", f"the ids of the {side} side").astype(str).tolist():
            row, _, track = entry.partition("//")
            had = tuple(tags[i] for i in np.flatnonzero(binaries[int(row)]))
            clips.append(Clip(preview(track), side, track, tags=had))
    figures = paper(name, "average_precision")
    about = About(f"{len(tags)} tags", DATA, f"{name.upper()}, published", GET, "no artist on two sides", figures)
    return tags_task(about, clips, tags)


def _side(name: str) -> Side:
    return next(side for side in SIDES if side == name)
