"""The example pieces as notes, one file each."""

from partimento.examples.notation import Piece
from partimento.examples.pieces import (
    bach_c_major,
    beethoven_elise,
    beethoven_moonlight,
    beethoven_ode,
    brahms_wiegenlied,
    greensleeves,
    mozart_ah_vous,
    pachelbel_canon,
    petzold_minuet,
    satie_gymnopedie,
)

PIECES: tuple[Piece, ...] = (
    bach_c_major.PIECE,
    beethoven_elise.PIECE,
    beethoven_moonlight.PIECE,
    beethoven_ode.PIECE,
    brahms_wiegenlied.PIECE,
    greensleeves.PIECE,
    mozart_ah_vous.PIECE,
    pachelbel_canon.PIECE,
    petzold_minuet.PIECE,
    satie_gymnopedie.PIECE,
)
