"""The tasks of solo piano: each builder makes the tasks of one question from the folder of unpacked sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from partimento.tasks.piano.composer import composer
from partimento.tasks.piano.difficulty import difficulty
from partimento.tasks.piano.duplicates import duplicates
from partimento.tasks.piano.emotion import emotion
from partimento.tasks.piano.form import form
from partimento.tasks.piano.game_emotion import game_emotion
from partimento.tasks.piano.period import period
from partimento.tasks.piano.pianist import pianist
from partimento.tasks.piano.same_piece import same_piece
from partimento.tasks.task import Task

BUILDERS: tuple[Callable[[Path], list[Task]], ...] = (
    pianist,
    emotion,
    game_emotion,
    composer,
    period,
    form,
    difficulty,
    same_piece,
    duplicates,
)
