"""The opening of Satie's first Gymnopédie: two chords in turn, and a melody that comes in over them."""

from partimento.examples.notation import Piece, Voice

PHRASE = "4 r f#5 a5 | g5 f#5 c#5 | b4 c#5 d5 | 2. a4"
MELODY = f"2. r | r | r | r | p < {PHRASE} | mp > f#4~ | f#4~ | f#4~ | f#4 | p < {PHRASE}"

PIECE = Piece(
    name="satie-gymnopedie-1",
    composer="Erik Satie (1866-1925)",
    title="Gymnopédie no. 1 (1888): opening",
    metre="3/4",
    tempo=((1, 72), (14, 72), (17, 52)),
    voices=(
        Voice(MELODY, louder=8, gate=1.0),
        Voice("pp " + " | ".join(["4 r 2 b3+d4+f#4 | 4 r 2 a3+c#4+f#4"] * 8), gate=1.0),
        Voice("pp " + " | ".join(["2. g2 | d2"] * 8), louder=4, gate=1.0),
    ),
    pedal=" | ".join(["2. P"] * 16),
)
