"""Sequences of like lengths in batches, so that little is padding and the work stays near the processor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BATCH_TOKENS = 2048  # most positions, padding included, that go through the network at once: what a CPU's cache holds
GPU_BATCH_TOKENS = 32768


def batches_of_like(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices of windows in batches of like lengths, the longest first, none over `most` positions with its padding.

    A window longer than that is a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        rows = max(1, most // lengths[order[0]])
        yield order[:rows]
        order = order[rows:]
