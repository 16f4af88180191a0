"""The tune of Brahms's cradle song over an accompaniment made for this project."""

from partimento.examples.notation import Piece, Voice

MELODY = """
p 8 g4 g4 | 4. bb4 8 g4 4 g4 | 2 bb4 8 g4 bb4 | < 4 eb5 4. d5 8 c5 | mp 4 c5 > bb4 8 f4 g4 |
p 4 ab4 f4 8 f4 g4 | 2 ab4 8 f4 ab4 | < d5 c5 4 bb4 d5 | mp 2 eb5 8 eb4 eb4 |
mf 2 eb5 8 c5 ab4 | > 2 bb4 8 g4 eb4 | p 4 ab4 bb4 c5 | 2 bb4 8 eb4 eb4 |
mp 2 eb5 8 c5 ab4 | > 2 bb4 8 g4 eb4 | p 4 ab4 g4 f4 | pp 2. eb4
"""

# A bass and the chord above it, one a bar.
TONIC, DOMINANT, SUBDOMINANT = "eb3 g3+bb3", "bb2 ab3+d4", "ab2 c4+eb4"
HARMONIES = [TONIC, TONIC, TONIC, TONIC, DOMINANT, DOMINANT, DOMINANT, TONIC]
HARMONIES += [SUBDOMINANT, TONIC, DOMINANT, TONIC, SUBDOMINANT, TONIC, DOMINANT]


def _accompaniment() -> tuple[str, str]:
    bass, chords = ["pp 4 r"], ["pp 4 r"]
    for harmony in HARMONIES:
        low, chord = harmony.split()
        bass.append(f"2. {low}")
        chords.append(f"4 r {chord} {chord}")
    return " | ".join([*bass, "2. eb2"]), " | ".join([*chords, "2. bb2+eb3+g3"])


BASS, OFFBEATS = _accompaniment()

PIECE = Piece(
    name="brahms-wiegenlied-op-49-4",
    composer="Johannes Brahms (1833-1897)",
    title="Wiegenlied, op. 49 no. 4 (1868): the tune, set for piano here",
    metre="3/4",
    pickup="1/4",
    tempo=((0, 80), (14, 80), (16.5, 50)),
    voices=(Voice(MELODY, louder=8, gate=1.0), Voice(OFFBEATS, gate=0.8), Voice(BASS, louder=4)),
    pedal=" | ".join(["4 o", *["2. P"] * 16]),
)
