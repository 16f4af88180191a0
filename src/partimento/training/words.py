"""Packed rows of words from the pieces of a corpus, for training and for validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.networks.rows import PackedWords, pack
from partimento.tokens.fields import Fields
from partimento.tokens.word_augment import fit_bars
from partimento.training.stream import Encode, PieceStream


class WordBatches(PieceStream):
    """The endless training stream of words, cut into rows; a piece goes on in the next row.

    The bars of each part begin anew at a place drawn for it.

    Args:
        encode: words (T, F) of a piece; draws its augmentation from the generator it is given.
        fields: of the words.
        length: words a row; the other arguments as `PieceStream`.
    """

    def __init__(
        self, pieces: int, encode: Encode, fields: Fields, length: int, seed: int, augmented_epochs: int | None = None
    ) -> None:
        super().__init__(pieces, encode, seed, augmented_epochs=augmented_epochs)
        self.fields, self.length = fields, length

    def rows(self, count: int) -> PackedWords:
        """The next `count` rows."""
        return pack([self._row() for _ in range(count)], self.fields, self.length)

    def _row(self) -> list[np.ndarray]:
        p = self.position
        generator = np.random.default_rng((self.seed, p.epoch, p.place, p.token))
        return [fit_bars(part, self.fields, generator) for part in self.take(self.length)]


def validation_words(
    pieces: Sequence[int], encode: Encode, fields: Fields, length: int, most: int, least: int = 16
) -> PackedWords:
    """Up to `most` rows from the given pieces, unaugmented: windows of one piece each, spread evenly over all windows.

    Args:
        least: notes of the last window of a piece; a shorter one is left out.

    Raises:
        ValueError: if there is no window.
    """
    windows = []
    for piece in pieces:
        words = encode(piece, None)
        windows += [words[start : start + length] for start in range(0, len(words), length)]
    windows = [window for window in windows if len(window) >= least]
    if not windows:
        raise ValueError("no pieces to validate on: the corpus is too small to hold any out; add pieces")
    chosen = [windows[i] for i in np.linspace(0, len(windows) - 1, min(most, len(windows))).astype(int)]
    return pack([[fit_bars(window, fields)] for window in chosen], fields, length)
