"""Partimento: learned representations of music, and what can be made with them.

import partimento

model = partimento.load("piano-small")
vector = model.embed("piece.mid")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partimento.midi import read_midi, write_midi
    from partimento.model import load
    from partimento.notes import Notes

__version__ = "0.1.0"
__all__ = ["Notes", "__version__", "load", "read_midi", "write_midi"]

_HOME = {"Notes": "notes", "load": "model", "read_midi": "midi", "write_midi": "midi"}


def __getattr__(name: str) -> object:
    """The public names, imported when they are first used: `import partimento` costs nothing and loads no torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
