"""The first part of Beethoven's bagatelle with its first repeat."""

from partimento.examples.notation import Piece, Voice

HEAD_RIGHT = """
e5 d#5 e5 b4 d5 c5 | 8 a4 16 r c4 e4 a4 | 8 b4 16 r e4 g#4 b4 | 8 c5 16 r e4 e5 d#5 |
e5 d#5 e5 b4 d5 c5 | 8 a4 16 r c4 e4 a4 | 8 b4 16 r e4 c5 b4
"""
HEAD_LEFT = """
4. r | 16 a2 e3 a3 8. r | 16 e2 e3 g#3 8. r | 16 a2 e3 a3 8. r |
4. r | 16 a2 e3 a3 8. r | 16 e2 e3 g#3 8. r
"""
MIDDLE_RIGHT = """
< 8. e5 16 g4 f5 e5 | mf 8. d5 16 f4 e5 d5 | > 8. c5 16 e4 d5 c5 | p 8 b4 16 r e4 e5 r |
> r e5 e6 r r d#5 | e5 r r d#5 e5 d#5
"""
MIDDLE_LEFT = """
< 16 c3 g3 c4 8. r | mf 16 g2 g3 b3 8. r | > 16 a2 e3 a3 8. r | p 16 e2 e3 e4 r r e4 |
> e5 r r d#5 e5 r | r d#5 e5 8. r
"""
HEAD_PEDAL = "4. o | 8. P o | P o | P o | 4. o | 8. P o | P o"
MIDDLE_PEDAL = "8. P o | P o | P o | P o | 4. o | o"

RIGHT = f"""p 16 e5 d#5 | {HEAD_RIGHT} | 4 a4 16 e5 d#5 | {HEAD_RIGHT} | 8 a4 16 r b4 c5 d5 | {MIDDLE_RIGHT} |
pp {HEAD_RIGHT} | 8 a4 16 r b4 c5 d5 | {MIDDLE_RIGHT} | pp {HEAD_RIGHT} | 4. a4"""
LEFT = f"""p 8 r | {HEAD_LEFT} | 16 a2 e3 a3 8. r | {HEAD_LEFT} | 16 a2 e3 a3 8. r | {MIDDLE_LEFT} |
pp {HEAD_LEFT} | 16 a2 e3 a3 8. r | {MIDDLE_LEFT} | pp {HEAD_LEFT} | 16 a2 e3 a3 8. r"""
PEDAL = f"""8 o | {HEAD_PEDAL} | 8. P o | {HEAD_PEDAL} | 8. P o | {MIDDLE_PEDAL} |
{HEAD_PEDAL} | 8. P o | {MIDDLE_PEDAL} | {HEAD_PEDAL} | 4. P"""

PIECE = Piece(
    name="beethoven-fuer-elise-woo-59",
    composer="Ludwig van Beethoven (1770-1827)",
    title="Bagatelle in A minor 'Für Elise', WoO 59 (1810): the first part with its repeats",
    metre="3/8",
    pickup="1/8",
    tempo=((0, 68), (20, 68), (22, 60), (23, 66), (35, 66), (37, 58), (38, 66), (43, 66), (45, 44)),
    voices=(Voice(RIGHT, louder=7), Voice(LEFT, louder=-4)),
    pedal=PEDAL,
)
