"""Which note-off ends which note-on, by the rule that pretty_midi brought into use.

A note-off ends *every* open note of its pitch that began at an earlier tick. Notes that began at this very tick stay
open if an earlier one was ended, otherwise they are dropped, so there are no notes of no length. Notes that nothing
ends are dropped.
"""

from __future__ import annotations

import numpy as np


def pair_notes(tick: np.ndarray, key: np.ndarray, is_on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the event that begins and of the event that ends each note, in the order of the beginnings.

    Args:
        tick: (E,) ticks of the note-ons and note-offs, not decreasing within a key.
        key: (E,) unsigned integers, equal for events of one track, channel and pitch; 16 bits sort fastest.
        is_on: (E,) bool.

    Returns:
        Two (N,) int64 arrays.
    """
    order = np.argsort(key, kind="stable")
    key, on = key.take(order), is_on.take(order)
    begin, end = _next_ends(key, on)  # places in `order`
    begin_event, end_event = order.take(begin), order.take(end)
    lasts = tick.take(begin_event) < tick.take(end_event)
    end_of = np.full(len(order), -1)  # by the event that begins
    if lasts.all():
        end_of[begin_event] = end_event
    else:
        end_of[begin_event[lasts]] = end_event[lasts]
        later = _later_ends(tick.take(order), key, on, begin[~lasts])
        end_of[order[later[:, 0]]] = order[later[:, 1]]
    begin = np.flatnonzero(end_of >= 0)
    return begin, end_of.take(begin)


def _next_ends(key: np.ndarray, on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the beginnings that an end of their key follows, and of the first one that does."""
    begin, ends = np.flatnonzero(on), np.flatnonzero(~on)
    if not len(begin) or not len(ends):
        return begin[:0], ends[:0]
    # Of the ends, as many are before beginning number n as its place is above n.
    end = ends.take(begin - np.arange(len(begin)), mode="clip")
    ended = (key.take(begin) == key.take(end)) & (begin < end)
    return (begin, end) if ended.all() else (begin[ended], end[ended])


def _later_ends(tick: np.ndarray, key: np.ndarray, on: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """(M, 2) places of those beginnings with an end at their own tick that stay open, and of their later ends."""
    ends = np.flatnonzero(~on)
    which = np.searchsorted(ends, begin)
    end, following = ends[which], np.append(ends, len(on))[which + 1]
    since = np.maximum(np.searchsorted(key, key[begin]), np.append(-1, ends)[which] + 1)  # after the end before
    has_following = np.append(key, 0)[following] == key[begin]
    has_following &= following < len(on)
    ended = tick[since] < tick[begin]  # a note begins at an earlier tick and is open
    found: list[tuple[int, int]] = []
    outlived, until, at = -1, -1, -1  # the last end that a note outlives, the end that it has, and the tick
    columns = (begin, end, following, has_following, ended, tick[begin])
    for one, its_end, later, may_last, is_ended, now in zip(*(column.tolist() for column in columns), strict=True):
        # Or one that outlived the end before this one is open still, and began earlier.
        if may_last and (is_ended or (until == its_end and at < now) or outlived == its_end):
            outlived, until, at = its_end, later, now
            found.append((one, later))
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[tick[pairs[:, 0]] < tick[pairs[:, 1]]]
