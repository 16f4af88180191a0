"""What the cards of the bundled models say beyond what their configs hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CardText:
    """The words of a card.

    Args:
        purpose: what it is, and commands.
        network: whose network it is.
        data: where the music is from, and what was kept out.
        limits: what it cannot do.
        licence: why the weights have theirs.
        unit: of the validation loss, nats a ...
        script: that made it.
        tags: for the hub.
    """

    purpose: str
    network: str
    data: str
    limits: str
    licence: str
    unit: str
    script: str
    tags: str


PIANO_DATA = """\
The sets are POP909 (MIT), Pianist8 (CC BY 4.0), EMOPIA (CC BY 4.0) and
piano-midi.de by Bernd Krueger (CC BY-SA 3.0 DE). No test piece of the MIDI-BERT, PianoBART, EMOPIA_cls and ACPAS
splits is in the training data, nor any other piece of the same song or work, with one exception that was found
afterwards: a song of EMOPIA (`6Uf9XBUD3wE`) that Pianist8 tests as `Hillsong_Good_Grace`."""
PIANO_HEARD = """\
It has heard pop arrangements, transcribed pop and new-age piano and sequenced classics, and knows solo piano only.
"""
NOTES_DATA = """\
The sets are POP909 (MIT), Pianist8 (CC BY 4.0), EMOPIA (CC BY 4.0),
piano-midi.de by Bernd Krueger (CC BY-SA 3.0 DE), the Nottingham tunes (GPL-3) and the songs of Freedoom (BSD-3) and
OpenMSX (GPL-2). No test piece of the MIDI-BERT, PianoBART, EMOPIA_cls and ACPAS splits is in the training data, nor any
other piece of the same song or work."""
POP_DATA = """\
The set is POP909 (MIT) on its beats, the training songs of MIDI-BERT's split alone (693 of 865)."""
OCTUPLE_TAGS = "midi, octuple, symbolic-music"
SHARE_ALIKE = "as piano-midi.de's share-alike licence asks"


def _piano(purpose: str, limits: str, unit: str = "token") -> CardText:
    return CardText(
        purpose,
        "The network is Aria's (Bradshaw et al. 2025) at a fraction of its size",
        PIANO_DATA,
        PIANO_HEARD + limits,
        SHARE_ALIKE,
        unit,
        "runs/piano-small.sh",
        "midi, piano, symbolic-music",
    )


def _notes(purpose: str, limits: str, data: str = NOTES_DATA, unit: str = "hidden field") -> CardText:
    network = "The network reads OctupleMIDI as MusicBERT does (Zeng et al. 2021), at a fraction of its size"
    return CardText(purpose, network, data, limits, SHARE_ALIKE, unit, "runs/understanding-small.sh", OCTUPLE_TAGS)


LANGUAGE_MODEL_LIMITS = """\
It keeps style, register and pulse for some bars, not the form of a piece. It may repeat what it has
heard; whoever publishes its output should check it with `--check-copies`."""

TEXTS = {
    "next_token": _piano(
        """\
A small language model of piano performance: it continues piano music.

    partimento continue PROMPT.mid""",
        LANGUAGE_MODEL_LIMITS,
    ),
    "conditioned": _piano(
        """\
A small language model of piano performance: it continues piano music, if asked to in the manner of
another piece.

    partimento continue PROMPT.mid
    partimento continue PROMPT.mid --like REFERENCE.mid --guidance 2""",
        LANGUAGE_MODEL_LIMITS,
    ),
    "embedding": _piano(
        """\
A small embedding of piano performance: pieces that are like each other get vectors that are near each
other.

    partimento embed FOLDER -o INDEX
    partimento search INDEX QUERY.mid""",
        """\
What it holds near each other is what slices of one piece have in common: texture, harmony, rhythm,
register. It knows nothing of titles, composers or moods but what can be read off the notes.""",
        "slice",
    ),
    "masked": _notes(
        """\
A small encoder of notes, for any instruments: it was trained to restore what was hidden of a piece, and is the
beginning for whoever wants notes or pieces labelled.

    partimento embed FOLDER -o INDEX --model understanding-small
    partimento evaluate understanding-small --suite understanding""",
        """\
Nearly all it has heard is piano, pop songs on the piano most of all; other instruments and drums it knows from a
hundred songs of games. Its vectors were never trained to be near each other for like pieces: for search,
`piano-small-embedding` is the better one for piano.""",
    ),
    "melody": _notes(
        """\
It tells of each note of a piece whether it is melody, bridge (a second line that answers or doubles the melody) or
accompaniment.

    partimento melody SONG.mid -o PARTS.mid""",
        """\
The parts are those of POP909's piano arrangements of Chinese pop songs. On other music they are a guess by analogy:
of a band it may take a high string line for the melody, and music without a lead has one all the same.""",
        POP_DATA + "\nThe encoder was pretrained on that and other sets: see `understanding-small`.",
        "note",
    ),
    "accompaniment": _notes(
        """\
It tells whether four bars of an accompaniment belong to four bars of a melody.

    partimento accompany-search MELODY.mid FOLDER""",
        """\
It judges by key, harmony and rhythm of four bars in C major or A minor, on a grid of thirty-seconds. It has learned
from pop songs on the piano.""",
        POP_DATA + "\nThe encoder was pretrained on that and other sets: see `understanding-small`.",
        "pair",
    ),
}

SOUND = CardText(
    """\
A small model of sound. It gives a vector for a recording and a vector every 40 ms along it: what sounds alike
gets vectors that are near each other, and what is played at a moment can be read off its vector.

    partimento embed FOLDER -o INDEX
    partimento search INDEX QUERY.wav
    partimento analyse FILE.wav""",
    "The network is ViT-1D (Kong et al. 2025), a transformer over log-mel columns",
    """\
All of it is rendered: the training songs of POP909 (MIT; MIDI-BERT's split, 693 of 865 songs) and single notes of every
General MIDI program, by the soundfonts FluidR3 (MIT) and TimGM6mb (GPL-2), with random programs, keys, tempos, levels
and rooms. It has heard no recording of a real instrument, and no test piece of any set it is measured on.""",
    """\
It has heard synthesized pop arrangements and single notes. Voices, noises and dense mixes are strange to it. The losses
that made it want a score, which only rendered sound has for nothing.""",
    "as the stricter of the soundfonts asks",
    "crop, weighted sum of the parts",
    "runs/audio-small.sh",
    "audio",
)

DRUMS = CardText(
    """\
A small drummer: it plays to the other instruments of a song in 4/4, with fills where they belong.

    partimento drum SONG.mid -o OUT.mid
    partimento drum SONG.mid --fills 'every 8' --density 0.7 --variations 3""",
    "The network is this software's own (docs/drums.md)",
    """\
The Groove MIDI Dataset (CC BY 4.0), in which drummers play without other instruments, and the songs of Freedoom (BSD-3)
and OpenMSX (GPL-2): the training side of docs/data/drums-split.csv, songs that share drums or melodies on one side.""",
    """\
A hundred songs are all that it has learned from how drums go with other instruments, most of them music for games; how
drummers play it knows from thirteen hours of Groove. A model that has learned from two thousand songs plays better; it
may not be given away. Other metres than 4/4 are not for it.""",
    "as the stricter of the songs' licences asks",
    "bar, all its hits hidden",
    "runs/drums-small.sh",
    "midi, drums, accompaniment",
)


def text_of(config: Mapping[str, Any]) -> CardText:
    """The words for a checkpoint's config.

    Raises:
        ValueError: if there are none for its kind.
    """
    network = config["network"]
    if "rate_hz" in config:
        return SOUND
    if config.get("system") == "drummer":
        return DRUMS
    if heads := config.get("heads"):
        kind = heads[0]["name"]
    elif "encoder" in network:
        kind = "labels"
    elif "fields" in network:
        kind = "masked"
    else:
        kind = "conditioned" if network.get("condition") else network["head"]
    if kind not in TEXTS:
        raise ValueError(f"there is no card for a model of {kind!r}; there are some for {', '.join(TEXTS)}")
    return TEXTS[kind]
