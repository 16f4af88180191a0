"""The open solo-piano sets as one table: POP909, Pianist8, EMOPIA and piano-midi.de, with a song-disjoint split.

The test side holds the test pieces of MIDI-BERT's, PianoBART's, EMOPIA_cls's and ACPAS's splits. All other pieces of
the same song or work are kept out: a model trained on the training side has heard none of the songs on the test side.

    python -m partimento.corpus.datasets.solo_piano FOLDER_OF_SETS -o labels.csv
    partimento ingest FOLDER_OF_SETS --labels labels.csv --only-labelled -o CORPUS
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from partimento.corpus.splits import split_by_group

VALID_SHARE = 0.04  # of the songs that no published split tests on

# Files that share 16-note runs: each group is one song.
SAME_SONG = {
    "pianist8": {
        **{
            f"Hisaishi/Hisaishi_{title}.mid": "Hisaishi_medley"
            for title in (
                *("Umi_no_Mieru_Machi", "Toki_ni_wa_Mukashi_no_Hanashi_wo", "Kaze_no_Tani_no_Naushika"),
                *("Kaze_no_Toori_Michi", "Yasashisa_ni_Tsutsumareta_nara", "Tonari_no_Totoro"),
                *("Kimi_wo_Nosete", "Mononoke_Hime", "Once_in_a_While,_Talk_of_the_Old_Days"),
            )
        },
        "Yiruma/Yiruma_The_Day_That'll_Never_Come.mid": "Yiruma_Unknown_4",
        "Yiruma/Yiruma_Dream_a_Little_Dream_of_Me.mid": "Yiruma_Unknown_5",
    },
    "pop909": {"017": "017+018", "018": "017+018"},
}

# Songs that no split tests on, but that a test piece plays too, in another performance, arrangement or medley (song ->
# that test piece). No such pair shares 20 % of the smaller one's 16-note runs; the titles or the melodies are the same.
ALSO_TESTED = {
    ("piano_midi_de", "Beethoven for_elise"): "pianist8/midi/Clayderman/Clayderman_For_Elise.mid",
    ("pianist8", "Clayderman_L_for_love"): "pianist8/midi/Clayderman/Clayderman_A_Comme_Amour.mid",
    ("pianist8", "Ryuichi_Mizu_No_Naka_No_Bagatelle"): "pianist8/midi/Ryuichi/Ryuichi_A_Bagatelle_in_Water.mid",
    ("emopia", "k-FNDbK6Qhg"): "emopia/midis/Q2_ZTrEoB8T9YA_0.mid",
    ("emopia", "6Uf9XBUD3wE"): "pianist8/midi/Hillsong/Hillsong_Good_Grace.mid",
    # fantasias on the carols of the tested ones
    ("piano_midi_de", "Christmas ferd.keller_christmas_fantasia"): "piano_midi_de/midis/Christmas/bk_xmas1.mid",
    ("piano_midi_de", "Christmas opus 99"): "piano_midi_de/midis/Christmas/bk_xmas4.mid",
}

# Collections that titles name without a catalogue number.
COLLECTIONS = (
    *("suite_espanola", "pictures_at_an_exhibition", "petite_suite", "suite_bergamasque", "pour_le_piano"),
    *("hungarian_rhapsodies", "paganini", "transcend", "concert_etude", "children's_corner"),
)


@dataclass(frozen=True)
class Row:
    """One piece: its path below the folder of sets, its set, its song (or work) and the side it is on.

    `tested_by` names the published splits that test on this very piece, joined by "+".
    """

    path: str
    set: str
    song: str
    split: str = "train"
    tested_by: str = ""


def solo_piano(root: Path) -> list[Row]:
    """Every piece of the four sets below `root`, with the side it is on: train, valid, test, or kept-out.

    A kept-out piece is not a test piece itself but belongs to the song or the work of one.
    """
    rows = [*pop909(root), *pianist8(root), *emopia(root), *piano_midi_de(root)]
    tested = {(row.set, key) for row in rows if row.split == "test" for key in row.song.split("|")}
    tested |= {("piano_midi_de", key) for key in _acpas_test_works(root)} | set(ALSO_TESTED)
    rows = [
        replace(row, split="kept-out")
        if row.split == "train" and any((row.set, key) in tested for key in row.song.split("|"))
        else row
        for row in rows
    ]
    free = [i for i, row in enumerate(rows) if row.split == "train"]
    groups = [f"{rows[i].set}/{rows[i].song}" for i in free]
    sides = split_by_group(groups, {"train": 1 - VALID_SHARE, "valid": VALID_SHARE})
    for position in sides["valid"]:
        rows[free[position]] = replace(rows[free[position]], split="valid")
    return sorted(rows, key=lambda row: row.path)


def pop909(root: Path) -> Iterator[Row]:
    """909 pop songs (music-x-lab/POP909-Dataset, MIT); test: MIDI-BERT's 86 songs."""
    for line in _table(root / "pop909" / "midibert_split.csv"):
        song = SAME_SONG["pop909"].get(line["song"], line["song"])
        tested = "midibert" if line["split_midibert"] == "test" else ""
        yield Row(f"pop909/mid/{line['song']}.mid", "pop909", song, "test" if tested else "train", tested)


def pianist8(root: Path) -> Iterator[Row]:
    """411 transcribed pieces of eight pianists (joann8512/Pianist8, CC BY 4.0); test: MIDI-BERT's and PianoBART's."""
    bart = set(_pianobart(root)["pianist8"]["test"])
    for line in _table(root / "pianist8" / "labels_splits.csv"):
        file = line["file"]
        by = ["midibert"] * (line["split_midibert"] == "test") + ["pianobart"] * (file in bart)
        song = SAME_SONG["pianist8"].get(file, Path(file).stem)
        yield Row(f"pianist8/midi/{file}", "pianist8", song, "test" if by else "train", "+".join(by))


def emopia(root: Path) -> Iterator[Row]:
    """1,078 clips of 387 pop songs (EMOPIA, CC BY 4.0); test: MIDI-BERT's, PianoBART's and EMOPIA_cls's clips."""
    bart = {Path(file).name for file in _pianobart(root)["emopia"]["test"]}
    for line in _table(root / "emopia" / "labels_splits.csv"):
        by = ["midibert"] * (line["split_midibert"] == "test")
        by += ["pianobart"] * (line["file"] in bart) + ["emopia_cls"] * (line["split_emopia_cls"] == "test")
        yield Row(f"emopia/midis/{line['file']}", "emopia", line["song_id"], "test" if by else "train", "+".join(by))


def piano_midi_de(root: Path) -> Iterator[Row]:
    """337 sequenced classical pieces (piano-midi.de, CC BY-SA 3.0 DE); test: ACPAS's pieces. A song here is a work."""
    tested = {line["CPM_title"] for line in _acpas(root) if line["split"] == "test"}
    for line in _table(root / "piano_midi_de" / "metadata.csv"):
        song = "|".join(sorted(work_keys(line["composer"], line["title"])))
        by = "acpas" if line["title"] in tested else ""
        midi = line["midi"].replace("_D850", "_d850")  # as the four files are spelt
        yield Row(f"piano_midi_de/{midi}", "piano_midi_de", song, "test" if by else "train", by)


def work_keys(composer: str, title: str) -> set[str]:
    """Names of the work a movement belongs to, by every catalogue its title gives.

    >>> sorted(work_keys("Mozart", "Sonata_No.11_A_major_KV_331_2"))
    ['Mozart kv 331', 'Mozart sonata 11']
    >>> sorted(work_keys("Beethoven", "Piano_Sonatas_21-1"))
    ['Beethoven sonata 21']
    """
    plain = title.lower().replace("-", "_")
    keys = set()
    for name, pattern in (
        ("bwv", r"bwv_(\d+)"),
        ("kv", r"kv_(\d+)"),
        ("d", r"(?:^|_)d[_.](\d+)"),
        ("opus", r"op(?:us)?[_.](\d+)"),
        ("sonata", r"sonatas?_(?:no\.)?(\d+)"),
    ):
        if found := re.search(pattern, plain):
            keys.add(f"{composer} {name} {found[1]}")
    keys |= {f"{composer} {name}" for name in COLLECTIONS if name in plain}
    if not keys:
        keys.add(f"{composer} " + re.sub(r"[\d_]+$", "", plain))
    return keys


def _acpas_test_works(root: Path) -> set[str]:
    titles = [
        (line["composer"], line[column])
        for line in _acpas(root)
        if line["split"] == "test"
        for column in ("ASAP_title", "CPM_title")
        if line[column]
    ]
    return set().union(*(work_keys(*title) for title in titles))


def _acpas(root: Path) -> list[dict[str, str]]:
    return _table(root / "acpas_meta" / "distinct_pieces.csv")


def _pianobart(root: Path) -> dict[str, dict[str, list[str]]]:
    path = root / "midibert" / "splits" / "pianobart_pianist8_emopia.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Write the table as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "root", type=Path, help="folder that holds pop909, pianist8, emopia, piano_midi_de, midibert, acpas_meta"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV to write")
    options = parser.parse_args()
    rows = solo_piano(options.root)
    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)


if __name__ == "__main__":
    main()
