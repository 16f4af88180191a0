"""Bach's first prelude: one broken-chord pattern for 32 bars, then two bars that run and a last chord."""

from partimento.examples.notation import Piece, Voice

# Five notes a bar, from the bass up; each half bar plays them as 1 2 3 4 5 3 4 5 and holds the two lowest.
CHORDS = """
c4 e4 g4 c5 e5     | c4 d4 a4 d5 f5     | b3 d4 g4 d5 f5     | c4 e4 g4 c5 e5
c4 e4 a4 e5 a5     | c4 d4 f#4 a4 d5    | b3 d4 g4 d5 g5     | b3 c4 e4 g4 c5
a3 c4 e4 g4 c5     | d3 a3 d4 f#4 c5    | g3 b3 d4 g4 b4     | g3 bb3 e4 g4 c#5
f3 a3 d4 a4 d5     | f3 ab3 d4 f4 b4    | e3 g3 c4 g4 c5     | e3 f3 a3 c4 f4
d3 f3 a3 c4 f4     | g2 d3 g3 b3 f4     | c3 e3 g3 c4 e4     | c3 g3 bb3 c4 e4
f2 f3 a3 c4 e4     | f#2 c3 a3 c4 eb4   | ab2 f3 b3 c4 d4    | g2 f3 g3 b3 d4
g2 e3 g3 c4 e4     | g2 d3 g3 c4 f4     | g2 d3 g3 b3 f4     | g2 eb3 a3 c4 f#4
g2 e3 g3 c4 g4     | g2 d3 g3 c4 f4     | g2 d3 g3 b3 f4     | c2 c3 g3 bb3 e4
"""

LOUDNESS = {1: "p", 5: "<", 7: "mp", 8: ">", 11: "p", 12: "<", 14: "mp", 15: ">", 19: "p", 21: "<", 24: "mf", 28: "f"}
LOUDNESS |= {29: ">", 32: "mp"}


def _voices() -> tuple[Voice, Voice, Voice]:
    right, tenor, bass = [], [], []
    for bar, chord in enumerate(CHORDS.replace("\n", " | ").strip(" |").split(" | "), start=1):
        low, second, *upper = chord.split()
        mark = LOUDNESS.get(bar, "")
        run = " ".join(upper * 2)
        right.append(f"{mark} 8 r 16 {run} 8 r 16 {run}")
        tenor.append(f"{mark} 16 r 8. {second}~ 4 {second} 16 r 8. {second}~ 4 {second}")
        bass.append(f"{mark} 2 {low} {low}")
    right += [
        "p 8 r 16 f3 a3 c4 f4 c4 a3 c4 a3 f3 a3 f3 d3 f3 d3",
        "8 r 16 g4 b4 d5 f5 d5 b4 d5 b4 g4 b4 d4 f4 e4 d4",
        "pp 1 e4+g4+c5",
    ]
    tenor += ["p 16 r 8. c3~ 2. c3", "16 r 8. b2~ 2. b2", "pp 1 c3"]
    bass += ["p 1 c2", "c2", "pp 1 c2"]
    return Voice(" | ".join(right), louder=3), Voice(" | ".join(tenor)), Voice(" | ".join(bass), louder=2)


PIECE = Piece(
    name="bach-prelude-c-major-bwv-846",
    composer="Johann Sebastian Bach (1685-1750)",
    title="Prelude no. 1 in C major, BWV 846 (The Well-Tempered Clavier I, 1722), whole",
    tempo=((1, 84), (31, 84), (33, 74), (35, 48)),
    voices=_voices(),
    pedal=" | ".join(["1 P"] * 35),
)
