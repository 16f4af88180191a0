"""The opening of Beethoven's Moonlight sonata, to its cadence in E major."""

from partimento.examples.notation import Piece, Voice

# A triplet a beat: four of them a bar.
TRIPLETS = """
g#3 c#4 e4, g#3 c#4 e4, g#3 c#4 e4, g#3 c#4 e4
g#3 c#4 e4, g#3 c#4 e4, g#3 c#4 e4, g#3 c#4 e4
a3 c#4 e4, a3 c#4 e4, a3 d4 f#4, a3 d4 f#4
g#3 b#3 f#4, g#3 c#4 e4, g#3 c#4 d#4, f#3 b#3 d#4
e3 g#3 c#4, g#3 c#4 e4, g#3 c#4 e4, g#3 c#4 e4
g#3 d#4 f#4, g#3 d#4 f#4, g#3 d#4 f#4, g#3 d#4 f#4
g#3 c#4 e4, g#3 c#4 e4, a3 c#4 f#4, a3 c#4 f#4
g#3 b3 e4, g#3 b3 e4, a3 b3 d#4, a3 b3 d#4
g#3 b3 e4, g#3 b3 e4, g#3 b3 e4, g#3 b3 e4
"""
MELODY = """
1 r | r | r | r | 2. r p 8. g#4 16 g#4 | 2. g#4 8. g#4 16 g#4 | < 2 g#4 mp a4 | > g#4 4 f#4 b4 | pp 4 e4 r 2 r
"""
BASS = """
pp 1 c#2+c#3 | b1+b2 | 2 a1+a2 f#1+f#2 | g#1+g#2 g#1+g#2 | 1 c#2+g#2+c#3 | b#1+g#2+b#2 |
2 c#2+c#3 f#1+f#2 | b1+b2 b1+b2 | pp 1 e2+e3
"""
PEDAL = "1 P | P | 2 P P | 4 P P P P | 1 P | P | 2 P P | P P | 1 P"


def _triplets() -> str:
    bars = TRIPLETS.replace(",", "").strip().splitlines()
    return "pp 8t " + " | ".join(bars)


PIECE = Piece(
    name="beethoven-moonlight-sonata-op-27-2",
    composer="Ludwig van Beethoven (1770-1827)",
    title="Sonata in C sharp minor, op. 27 no. 2 'Moonlight' (1801): opening of the first movement",
    tempo=((1, 52), (8, 52), (10, 40)),
    voices=(Voice(MELODY, louder=6, gate=1.0), Voice(_triplets()), Voice(BASS, louder=3, gate=1.0)),
    pedal=PEDAL,
)
