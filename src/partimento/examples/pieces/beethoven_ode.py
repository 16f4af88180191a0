"""The tune of joy from Beethoven's ninth symphony in four parts made for this project, its second half repeated."""

from partimento.examples.notation import Piece, Voice

QUESTION = "4 f#4 f#4 g4 a4 | a4 g4 f#4 e4 | d4 d4 e4 f#4 | 4. f#4 8 e4 2 e4"
ANSWER = "4 f#4 f#4 g4 a4 | a4 g4 f#4 e4 | d4 d4 e4 f#4 | 4. e4 8 d4 2 d4"
CONTRAST = "4 e4 e4 f#4 d4 | e4 8 f#4 g4 4 f#4 d4 | e4 8 f#4 g4 4 f#4 e4 | d4 e4 a3 f#4~"

QUESTION_INNER = "2 a3+d4 a3+d4 | a3+d4 4 a3+d4 a3+c#4 | 2 f#3+b3 4 a3+c#4 a3+d4 | 4. a3+d4 8 a3+c#4 2 a3+c#4"
ANSWER_INNER = "2 a3+d4 a3+d4 | a3+d4 4 a3+d4 a3+c#4 | 2 f#3+b3 4 a3+c#4 a3+d4 | 4. a3+c#4 8 f#3+a3~ 2 f#3+a3"
CONTRAST_INNER = """
2 a3+c#4 4 a3+d4 f#3+a3 | 2 a3+c#4 4 a3+d4 f#3+a3 | 2 a3+c#4 4 a3+d#4 g3+b3 | e3+b3 a3+c#4 2 e3+g3
"""

QUESTION_BASS = "2 d3 f#3 | d3 4 d3 a2 | 2 b2 4 c#3 d3 | 4. a2 8 a2 2 a2"
ANSWER_BASS = "2 d3 f#3 | d3 4 d3 a2 | 2 b2 4 c#3 d3 | 4. a2 8 d3~ 2 d3"
CONTRAST_BASS = "2 a2 4 d3 d3 | 2 a2 4 d3 d3 | 2 a2 4 b2 e3 | g#2 a2 2 a2"


def _form(question: str, contrast: str, answer: str) -> str:
    return f"p {question} | < {answer} | mf {contrast} | {answer} | f {contrast} | {answer}"


PIECE = Piece(
    name="beethoven-ode-to-joy-op-125",
    composer="Ludwig van Beethoven (1770-1827)",
    title="The tune of joy from the ninth symphony, op. 125 (1824), set for piano here",
    tempo=((1, 112), (23, 112), (25, 76)),
    voices=(
        Voice(_form(QUESTION, CONTRAST, ANSWER), louder=8, gate=0.9),
        Voice(_form(QUESTION_INNER, CONTRAST_INNER, ANSWER_INNER), louder=-4, gate=0.9),
        Voice(_form(QUESTION_BASS, CONTRAST_BASS, ANSWER_BASS), gate=0.9),
    ),
)
