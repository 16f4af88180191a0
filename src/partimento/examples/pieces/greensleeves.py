"""Greensleeves, an English tune of the sixteenth century, over broken chords made for this project."""

from partimento.examples.notation import Piece, Voice

MELODY = """
p 8 a4 | 4 c5 8 d5 8. e5 16 f#5 8 e5 | 4 d5 8 b4 8. g4 16 a4 8 b4 | 4 c5 8 a4 8. a4 16 g#4 8 a4 | 4 b4 8 g#4 4 e4 8 a4 |
4 c5 8 d5 8. e5 16 f#5 8 e5 | 4 d5 8 b4 8. g4 16 a4 8 b4 | < 8. c5 16 b4 8 a4 8. g#4 16 f#4 8 g#4 | mp 4. a4 a4 |
f 4. g5 8. g5 16 f#5 8 e5 | 4 d5 8 b4 8. g4 16 a4 8 b4 | mf > 4 c5 8 a4 8. a4 16 g#4 8 a4 | mp 4 b4 8 g#4 4. e4 |
mf 4. g5 8. g5 16 f#5 8 e5 | 4 d5 8 b4 8. g4 16 a4 8 b4 | > 8. c5 16 b4 8 a4 8. g#4 16 f#4 8 g#4 | pp 4. a4 a4
"""

A_MINOR, G_MAJOR, E_MAJOR, C_MAJOR = "a2 e3 c4", "g2 d3 b3", "e2 b2 g#3", "c3 g3 e4"
# One broken chord for each half of a bar, down to the last bar.
HALVES = [A_MINOR] * 2 + [G_MAJOR] * 2 + [A_MINOR] * 2 + [E_MAJOR] * 2
HALVES += [A_MINOR] * 2 + [G_MAJOR] * 2 + [A_MINOR, E_MAJOR] + [A_MINOR] * 2
HALVES += [C_MAJOR] * 2 + [G_MAJOR] * 2 + [A_MINOR] * 2 + [E_MAJOR] * 2
HALVES += [C_MAJOR] * 2 + [G_MAJOR] * 2 + [A_MINOR, E_MAJOR]


def _accompaniment() -> str:
    bars = [f"8 {first} {second}" for first, second in zip(HALVES[::2], HALVES[1::2], strict=True)]
    return " | ".join(["p 8 r", *bars[:8], "mp " + bars[8], *bars[9:], "pp 2. a2+e3+c4"])


PIECE = Piece(
    name="greensleeves",
    composer="English, traditional (16th century)",
    title="Greensleeves: the tune, set for piano here",
    metre="6/8",
    pickup="1/8",
    tempo=((0, 78), (8, 78), (8.5, 70), (9, 80), (15, 80), (17, 48)),
    voices=(Voice(MELODY, louder=8), Voice(_accompaniment(), louder=-4)),
    pedal=" | ".join(["8 o", *["4. P P"] * 15, "2. P"]),
)
