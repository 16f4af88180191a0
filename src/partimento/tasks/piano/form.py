"""Form: of sonata movements by their analysts (Burger and Jacobs 2025), and the type of a piece by its title."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

from partimento.tasks.piano.classical import DATA, Piece, examples, pieces, some_performances
from partimento.tasks.piano.folds import grouped_folds
from partimento.tasks.piano.sets import table
from partimento.tasks.task import Example, Task

Movement = tuple[str, int, int]  # composer; number of the sonata (Mozart: Köchel, Haydn: Hoboken XVI); movement

# Of one movement analysts often say both Rondo and Rondo-Sonata. Binary movements and variations are too few.
FORMS = {
    "Sonata": "sonata form",
    "Rondo": "rondo",
    "Rondo-Sonata": "rondo",
    "Ternary": "ternary",
    "Minuet": "minuet or scherzo",
    "Scherzo": "minuet or scherzo",
}
# Words of titles in several languages; a title with words of two types has none. Impromptus, ballades and scherzos are
# of too few works.
TYPES = {
    "dance": r"mazurka|valse|waltz|polonaise|tango|malaguena|zortzico|danzas|menuet|passepied|halling|cake_walk",
    "etude": r"etude",
    "fugue": r"fugue",
    "prelude": r"prelude",
    "sonata": r"sonat",
    "song": r"nocturne|nocrne|barcarol|berceuse|songs_with",
}
_LABELLED = {
    "Beethoven": r"Sonata No\. (\d+) .* - ([IV]+)\. ",
    "Haydn": r"XVI,? ?-?(\d+) - ([IV]+)\. ",
    "Mozart": r"K\. ?(\d+).*- ?(\d)(?:st|nd|rd) mov",
}
_TITLED = {
    "Beethoven": (r"Piano_Sonatas_(\d+)-(\d)$", r"Sonata_No\.(\d+)_.*_(\d)$"),
    "Haydn": (r"Keyboard_Sonatas_(\d+)-(\d)$", r"Hoboken_XVI_(\d+)_(\d)$"),
    "Mozart": (r"Piano_Sonatas_(\d+)-(\d)$", r"KV_(\d+)_(\d)"),
}
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}
_KOECHEL = {8: 310, 11: 331, 12: 332}  # of the sonatas by Mozart in ASAP
_HEARD = "pretraining on the open sets heard some of the pieces, without their labels"


def form(root: Path) -> list[Task]:
    """Two tasks in five folds by work: the form of a movement, the type of a piece.

    The files of a movement are one performance of ASAP, the file of piano-midi.de and the one of CIPI, as there are.

    Raises:
        FileNotFoundError: if `sonata_form_labels`, `asap`, `piano_midi_de`, `acpas_meta` or `difficulty` is not below
            `root`.
    """
    return [_movement_form(root), _piece_type(root)]


def _movement_form(root: Path) -> Task:
    files = movement_files(root)
    found = tuple(
        Example(path, label, f"{movement[0]} {movement[1]}")
        for movement, label in movement_labels(root).items()
        for path in files.get(movement, ())
    )
    classes = tuple(dict.fromkeys(FORMS.values()))
    folds = grouped_folds([example.label for example in found], [example.group for example in found])
    data = "Sonata Form Labels: ASAP, piano-midi.de, CIPI"
    return Task("movement form", data, "5 folds by work", "classes", classes, found, folds, _HEARD)


def _piece_type(root: Path) -> Task:
    found = []
    for piece in pieces(root):
        kinds = {kind for kind, words in TYPES.items() for title in piece.titles if re.search(words, title.lower())}
        if len(kinds) == 1:
            found += examples(piece, kinds.pop())
    folds = grouped_folds([example.label for example in found], [example.group for example in found])
    note = f"a type is much of a composer's (all fugues are Bach's); {_HEARD}"
    paper = {"Aria": "82.5 (six other types, split by segment file)"}
    return Task("piece type", DATA, "5 folds by work", "classes", tuple(TYPES), tuple(found), folds, note, paper)


def movement_labels(root: Path) -> dict[Movement, str]:
    """The form of the sonata movements by Beethoven, Haydn and Mozart that most of their analysts agree on.

    Raises:
        ValueError: if a title cannot be read.
    """
    labels = {}
    for line in table(root, "sonata_form_labels", "labels.csv"):
        if line["composer"] not in _LABELLED:  # there are no files of Czerny's and Clementi's sonatas
            continue
        match = re.search(_LABELLED[line["composer"]], line["title"])
        if not match:
            raise ValueError(f"labels.csv of sonata_form_labels: no sonata and movement in {line['title']!r}")
        movement = (line["composer"], int(match[1]), _ROMAN.get(match[2]) or int(match[2]))
        forms = Counter(FORMS.get(name, name) for name in line["labels"].split(",")).most_common(2)
        undecided = len(forms) > 1 and forms[0][1] == forms[1][1]
        if forms[0][0] in FORMS.values() and not undecided:
            labels[movement] = forms[0][0]
    return labels


def movement_files(root: Path) -> dict[Movement, list[Path]]:
    """The MIDI files of the sonata movements by Beethoven, Haydn and Mozart."""
    files: dict[Movement, list[Path]] = defaultdict(list)
    for piece in pieces(root):
        if movement := _movement(piece):
            files[movement] += [*some_performances(piece, most=1), *piece.sequences]
    for line in table(root, "difficulty", "cipi_kern/labels.csv"):
        composer = line["composer"].split()[-1].capitalize()
        # "sonata14-2.krn" names Beethoven's and Haydn's sonata, and the movement
        source = re.search(r"sonata(\d+)-(\d)", line["source_path"])
        koechel = re.search(r"KV (?:475/)?(\d+)", line["work"])
        if source:
            number = int(koechel[1]) if koechel else int(source[1])
            files[composer, number, int(source[2])].append(root / "difficulty" / line["midi"])
    return files


def _movement(piece: Piece) -> Movement | None:
    if piece.composer not in _TITLED:
        return None
    asap, cpm = (
        re.search(pattern, title) for pattern, title in zip(_TITLED[piece.composer], piece.titles, strict=True)
    )
    match = cpm or asap
    if not match:
        return None
    number = int(match[1])
    if piece.composer == "Mozart" and not cpm:
        number = _KOECHEL[number]
    return (piece.composer, number, int(match[2]))
