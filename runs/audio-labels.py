"""The labels of a rendered folder as `ingest` takes them: split, song and programs of every clip, to stdout.

python runs/audio-labels.py FOLDER > songs.csv
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path


def main() -> None:
    """Read FOLDER/labels.csv."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["path", "song", "split", "programs"])
    with (Path(sys.argv[1]) / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            table.writerow([row["path"], row["song"], row["side"], " ".join(re.findall(r"=(\d+)", row["programs"]))])


if __name__ == "__main__":
    main()
