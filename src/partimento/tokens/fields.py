"""A note as a word: one id for each of its fields, such as bar, position, pitch and duration.

A piece is then an int array (T, F). The ids of field f run from 0 to `sizes[f]` - 1, and four more stand for what is no
note: `sizes[f]` + PAD fills a row up, + MASK hides a value or says that it is not known, + START and + END enclose a
piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PAD, MASK, START, END = range(4)
SPECIALS = 4


@dataclass(frozen=True)
class Fields:
    """What a word says of a note.

    Args:
        names: of the fields, F in all.
        sizes: ids of each, without the specials.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.sizes) or not self.names:
            raise ValueError(f"{len(self.names)} names and {len(self.sizes)} sizes; there must be one of each a field")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """The place of a field in a word.

        Raises:
            ValueError: if there is none of this name.
        """
        if name not in self.names:
            raise ValueError(f"there is no field {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)

    def special(self, kind: int) -> np.ndarray:
        """(F,) the word that is PAD, MASK, START or END in every field."""
        return np.array(self.sizes) + kind
