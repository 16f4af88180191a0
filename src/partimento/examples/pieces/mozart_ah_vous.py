"""The theme of Mozart's twelve variations, both halves repeated."""

from partimento.examples.notation import Piece, Voice

FIRST_RIGHT = "4 c5 c5 | g5 g5 | a5 a5 | g5 g5 | f5 f5 | e5 e5 | d5 8. d5 16 e5 | 2 c5"
FIRST_LEFT = "4 c3 c4 | e4 c4 | f4 c4 | e4 c4 | d4 b3 | c4 a3 | f3 g3 | 2 c3"
MIDDLE_RIGHT = "4 g5 g5 | f5 f5 | e5 e5 | d5 d5 | g5 g5 | f5 f5 | e5 8. e5 16 f5 | 4 e5 d5"
MIDDLE_LEFT = "4 e4 g3 | d4 g3 | c4 g3 | b3 g3 | e4 g3 | d4 g3 | c4 8. c4 16 d4 | 4 c4+g3~ b3+g3"


def _form(first: str, middle: str) -> str:
    return f"mf {first} | p {first} | mf {middle} | f {first} | p {middle} | mf {first}"


PIECE = Piece(
    name="mozart-ah-vous-dirai-je-maman-k-265",
    composer="Wolfgang Amadeus Mozart (1756-1791)",
    title="Twelve Variations on 'Ah, vous dirai-je, Maman', K. 265: the theme with its repeats",
    metre="2/4",
    tempo=((1, 116), (46, 116), (49, 80)),
    voices=(
        Voice(_form(FIRST_RIGHT, MIDDLE_RIGHT), louder=5, gate=0.85),
        Voice(_form(FIRST_LEFT, MIDDLE_LEFT), louder=-4, gate=0.85),
    ),
)
