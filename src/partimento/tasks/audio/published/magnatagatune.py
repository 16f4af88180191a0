"""MagnaTagATune (Law et al. 2009): the 50 most frequent tags of 29 s clips, sides by folder.

    magnatagatune/annotations_final.csv   tab-separated: clip_id, 188 tags of 0 and 1, mp3_path
    magnatagatune/0 ... f/NAME.mp3        the sixteen folders of mp3.zip

Checked in published code that reads the release (p-lambda/jukemir): columns, delimiter, folders, sides 12:1:3, three
empty files, clips without any of the 50 tags kept.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import About, Clip, Side, cells, rows, tags_task
from partimento.tasks.task import Task

FOLDER = "magnatagatune"
TABLE = "annotations_final.csv"
TAGS = 50
EMPTY = ("35644", "55753", "57881")  # clips whose files have no bytes in the release
GET = (
    "MagnaTagATune is given out by the MIRG group of City University London: annotations_final.csv, and mp3.zip in "
    f"three parts, unpacked into {FOLDER}/"
)
_SIDES: dict[str, Side] = {**dict.fromkeys("0123456789ab", "train"), "c": "valid", **dict.fromkeys("def", "test")}


def magnatagatune(root: Path) -> Task:
    """All clips, those without any of the 50 tags too, as MULE and jukemir measure."""
    return _task(root, False)


def magnatagatune_filtered(root: Path) -> Task:
    """The clips that have at least one of the 50 tags; figures on such lists are some .05 to .08 higher."""
    return _task(root, True)


def _task(root: Path, tagged_only: bool) -> Task:
    path = root / FOLDER / TABLE
    table = rows(path, "the tags of every clip", GET, delimiter="\t")
    if not table:
        raise ValueError(f"{path} has no rows; {GET}")
    names = [name for name in table[0] if name not in ("clip_id", "mp3_path")]
    count = Counter(name for row in table for name in names if row[name] == "1")
    top = sorted(tag for tag, _ in count.most_common(TAGS))
    clips = []
    for row in table:
        clip_id, place = cells(row, "clip_id", "mp3_path", path=path)
        tags = tuple(tag for tag in top if row[tag] == "1")
        if clip_id in EMPTY or not place or (tagged_only and not tags):
            continue
        side = _SIDES.get(place.partition("/")[0])
        if side is None:
            raise ValueError(f"{path}: {place} is in none of the folders 0 to f; take the table of the release")
        song = re.sub(r"-\d+-\d+\.mp3$", "", place)  # the name ends with the seconds of the clip
        clips.append(Clip(root / FOLDER / place, side, song, tags=tags))
    split, note = "published, 12:1:3 folders", "clips without any of the 50 tags are kept, as in MULE and jukemir"
    if tagged_only:
        split += ", tagged clips"
        note = "clips without any of the 50 tags are left out; the published lists also leave out some below 29.1 s"
    figures = {} if tagged_only else paper("mtt", "average_precision")
    return tags_task(About("tags", "MagnaTagATune", split, GET, note, figures), clips, top)
