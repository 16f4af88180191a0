"""Pachelbel's canon, laid out for one piano: three upper voices, two bars apart, over eight notes of bass."""

from partimento.examples.notation import Piece, Voice

BASS = "2 d3 a2 | b2 f#2 | g2 d2 | g2 a2"
TUNE = [
    "2 f#5 e5 | d5 c#5 | b4 a4 | b4 c#5",
    "2 d5 c#5 | b4 a4 | g4 f#4 | g4 e4",
    "4 d4 f#4 a4 g4 | f#4 d4 f#4 e4 | d4 b3 d4 a4 | g4 b4 a4 g4",
    "4 f#4 d4 e4 c#5 | d5 f#5 a5 a4 | b4 g4 a4 f#4 | d4 d5 4. d5 8 c#5",
    "8 d5 c#5 d5 d4 c#4 a4 e4 f#4 | d4 d5 c#5 b4 c#5 f#5 a5 b5 | "
    "g5 f#5 e5 g5 f#5 e5 d5 c#5 | b4 a4 g4 f#4 e4 g4 f#4 e4",
]
SILENCE = "1 r | r | r | r"
LAST = "mp 1 {}"


def _entry(rounds_of_rest: int) -> str:
    """One voice: silent at first, then the tune as far as there is room, then its note of the last chord."""
    rounds = [SILENCE] * rounds_of_rest + ["p < " + TUNE[0], TUNE[1], "mf " + TUNE[2], *TUNE[3:]]
    return " | ".join([*rounds[:6], LAST.format(("d4", "d5", "f#4+a4")[rounds_of_rest - 1])])


PIECE = Piece(
    name="pachelbel-canon-d-major",
    composer="Johann Pachelbel (1653-1706)",
    title="Canon in D major, opening, its four parts laid out for one piano",
    # written in doubled values, two bars for one of the score's
    tempo=((1, 112), (23, 112), (25, 66)),
    voices=(
        Voice(_entry(1), louder=6),
        Voice(_entry(2), louder=2),
        Voice(_entry(3), louder=-2),
        Voice(" | ".join(["mp " + BASS] * 6 + [LAST.format("d2+d3")]), louder=-2),
    ),
    pedal=" | ".join(["2 P P"] * 24 + ["1 P"]),
)
