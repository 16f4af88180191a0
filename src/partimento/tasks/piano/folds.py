"""Folds: published sides as indices, and seeded cross-validation that keeps a group on one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from partimento.tasks.task import Fold

FOLDS = 5
SEED = 0


def published_fold(sides: Sequence[str], name: str = "published", valid: str = "valid") -> Fold:
    """The fold of the sides that a table gives; an example of any other side is on none.

    Args:
        sides: "train", "test" or the value of `valid`, one an example.
        name: of the fold.
        valid: how the table calls the validation side.
    """
    train, valid_side, test = (np.flatnonzero(np.asarray(sides) == side) for side in ("train", valid, "test"))
    return Fold(name, train, valid_side, test)


def grouped_folds(labels: Sequence[str], groups: Sequence[str], count: int = FOLDS) -> tuple[Fold, ...]:
    """Folds whose test sides together hold every example once; no group is on two sides of a fold.

    The labels are spread as evenly as the groups allow. The valid side is a fifth of what is not tested on.

    Args:
        labels, groups: one an example.
        count: of folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=SEED)
    folds = []
    for number, (rest, test) in enumerate(splitter.split(np.zeros(len(labels)), labels, groups), 1):
        folds.append(Fold(f"fold {number}", *carved(rest, labels, groups), test))
    return tuple(folds)


def carved(rest: np.ndarray, labels: Sequence[str], groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The train and the valid side of what is not tested on: a fifth of it, by group, with all labels if possible.

    Args:
        rest: indices of examples.
        labels, groups: one an example.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    label, group = np.asarray(labels)[rest], np.asarray(groups)[rest]
    parts = min(FOLDS, int(np.unique(label, return_counts=True)[1].min()))
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=SEED)
    train, valid = next(splitter.split(rest, label, group))
    return rest[train], rest[valid]


def shared_groups(fold: Fold, groups: Sequence[str]) -> int:
    """How many test examples share their group with an example to learn from."""
    group = np.asarray(groups)
    return int(np.isin(group[fold.test], group[fold.train]).sum())


def joined(pairs: Sequence[Sequence[str]]) -> Mapping[str, str]:
    """Each name with the first name of those it hangs together with, where the names of one sequence belong together.

    >>> dict(joined([["a", "b"], ["c"], ["b", "d"]]))
    {'a': 'a', 'b': 'a', 'c': 'c', 'd': 'a'}
    """
    first: dict[str, str] = {}
    for names in pairs:
        known = {first.get(name, name) for name in names}
        to = min(known)
        first |= {name: to for name, head in first.items() if head in known}
        first |= dict.fromkeys(names, to)
    return {name: first[name] for name in sorted(first)}
