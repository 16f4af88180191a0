"""The minuet from the notebook for Anna Magdalena Bach, each half once."""

from partimento.examples.notation import Piece, Voice

RIGHT = """
mf 4 d5 8 g4 a4 b4 c5 | 4 d5 g4' g4' | e5 8 c5 d5 e5 f#5 | 4 g5 g4' g4' |
c5 8 d5 c5 b4 a4 | 4 b4 8 c5 b4 a4 g4 | > 4 f#4 8 g4 a4 b4 g4 | 2. a4 |
p 4 d5 8 g4 a4 b4 c5 | 4 d5 g4' g4' | e5 8 c5 d5 e5 f#5 | 4 g5 g4' g4' |
c5 8 d5 c5 b4 a4 | 4 b4 8 c5 b4 a4 g4 | < 4 a4 8 b4 a4 g4 f#4 | mf 2. g4 |
f 4 b5 8 g5 a5 b5 g5 | 4 a5 8 d5 e5 f#5 d5 | 4 g5 8 e5 f#5 g5 d5 | 4 c#5 8 b4 c#5 4 a4 |
mf < 8 a4 b4 c#5 d5 e5 f#5 | 4 g5 f#5 e5 | f f#5 a4 c#5 | 2. d5 |
p 4 d5 8 g4 f#4 4 g4 | e5 8 g4 f#4 4 g4 | d5 c5 b4 | 8 a4 g4 f#4 g4 4 a4 |
< 8 d4 e4 f#4 g4 a4 b4 | mf 4 c5 b4 a4 | > 8 b4 d5 4 g4 f#4 |
p 2. b3+d4+g4
"""

LEFT = """
mf 2 g3+b3+d4 4 a3 | 2. b3 | c4 | b3 | a3 | g3 | > 4 d4 b3 g3 | d4 8 d3 c4 b3 a3 |
p 2 b3 4 a3 | g3 b3 g3 | 2. c4 | 4 b3 8 c4 b3 a3 g3 | 2 a3 4 f#3 | 2 g3 4 b3 | < c4 d4 d3 | mf 2 g3 4 g2 |
f 2. g3 | f#3 | 4 e3 g3 e3 | 2 a3 4 a2 | mf < 2. a3 | 4 b3 d4 c#4 | f d4 f#3 a3 | d4 d3 c4 |
p 4 b3~ b3+d4~ b3+d4 | c4~ c4+e4~ c4+e4 | b3 a3 g3 | 2 d4 4 r | < 2 d3~ 4 d3+f#3 | mf e3 g3 f#3 | > g3 b2 d3 |
p g3 d3 g2
"""

PIECE = Piece(
    name="petzold-minuet-g-major-bwv-anh-114",
    composer="Christian Petzold (1677-1733)",
    title="Minuet in G major, BWV Anh. 114 (Notebook for Anna Magdalena Bach, 1725), without repeats",
    metre="3/4",
    tempo=((1, 126), (15, 126), (17, 108), (17.34, 126), (30, 126), (32.5, 84)),
    voices=(Voice(RIGHT, louder=6, gate=0.92), Voice(LEFT, louder=-4, gate=0.9)),
)
