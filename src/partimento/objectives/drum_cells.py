"""What the drummer learns: the hidden drums of a window, cell by cell, and which of its bars are fills.

The sum over the hidden cells of a bar of the chain rule's logarithms is the bar's own: nats a bar, exact.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.drum_cells import shift_bin, velocity_bin
from partimento.networks.drum_windows import CLASSES, UNSAID, DrumWindows
from partimento.networks.drummer import PATCH, PATCHES, Drummer, Heard

TOUCH_SHARE = 0.25  # of velocity and shift in the loss, which are told of hits that are drawn already
LOCATION_SHARE = 10.0  # a hundredth of the nats, and few bars have a label


def drum_cells(
    network: Drummer,
    batch: DrumWindows,
    generator: torch.Generator | None = None,
    touch_share: float = TOUCH_SHARE,
    location_share: float = LOCATION_SHARE,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean loss a hidden bar; `generator` is not used.

    Returns:
        the loss, and for the log, of which "count" is the number of hidden bars: "loss" nats of hits; "bits_per_bar"
        the same in bits; "velocity" and "shift" nats of what hits are told, and "location" nats of which bars are
        fills, in bars in which nothing is said of that.
    """
    heard = network.hear(batch)
    hits, velocity, shift = told(network, batch, heard)
    count = (batch.hidden & batch.inside).sum()
    asked = (batch.is_fill >= 0) & batch.hidden & batch.inside
    asked = asked & (batch.fill == UNSAID) & (batch.density == UNSAID)
    found = F.binary_cross_entropy_with_logits(
        network.fill_logits(heard), batch.is_fill.clamp(min=0).float(), asked.float(), reduction="sum"
    )
    bars = count.clamp(min=1)
    loss = (hits + touch_share * (velocity + shift) + location_share * found) / bars
    logs = {"loss": hits, "bits_per_bar": hits / math.log(2), "velocity": velocity, "shift": shift, "location": found}
    return loss, {name: value.detach() for name, value in logs.items()} | {"count": count}


def told(network: Drummer, batch: DrumWindows, heard: Heard) -> tuple[Tensor, Tensor, Tensor]:
    """Nats of all hidden cells, of the velocities and of the shifts of their hits, each summed over the batch."""
    states, copied = network.judge(batch, heard)
    chosen = (batch.hidden & batch.inside).nonzero(as_tuple=True)
    rows = states[chosen].flatten(0, 1)  # (M * P, D)
    near = copied[chosen].reshape(len(rows), PATCH, -1, 2, CLASSES)
    hits = batch.hits[chosen].view(len(rows), PATCH, CLASSES)
    hidden = ~batch.known[chosen].repeat_interleave(PATCHES, 0)[:, None]  # (M * P, 1, C)
    before = network.cells.before(rows, near[..., 0, :], hits)
    logits = network.cells.logits(before, near[..., 0, :], hits)
    nats = F.binary_cross_entropy_with_logits(logits, hits.float(), hidden.expand_as(hits).float(), reduction="sum")
    nothing = nats.new_zeros(())
    if not network.config.touch:
        return nats, nothing, nothing
    window = chosen[0].repeat_interleave(PATCHES)
    row, step, drum = (hits & hidden & batch.touch[window, None, None]).nonzero(as_tuple=True)
    if not len(row):
        return nats, nothing, nothing
    loudness, displacement = network.cells.touches(
        before[row, step],
        hits[row, step],
        near[row, step, :, :, drum],
        drum,
        network.played(batch)[window[row]],
    )
    true_velocity = batch.velocity[chosen].view(len(rows), PATCH, CLASSES)[row, step, drum]
    true_shift = batch.shift[chosen].view(len(rows), PATCH, CLASSES)[row, step, drum]
    total = partial(F.cross_entropy, reduction="sum")
    return nats, total(loudness, velocity_bin(true_velocity)), total(displacement, shift_bin(true_shift))


@torch.no_grad()
def bits_of_bars(network: Drummer, batch: DrumWindows) -> Tensor:
    """(B, N) float32 bits of the hidden cells of each bar, 0 where nothing is hidden.

    They add up to the bits of all that is hidden given the rest, by the chain rule in the order of time.
    """
    logits = network.cell_logits(batch)
    nats = F.binary_cross_entropy_with_logits(logits, batch.hits.float(), reduction="none")
    hidden = ~batch.known[:, :, None] & batch.inside[:, :, None, None]
    return (nats * hidden).sum((2, 3)) / math.log(2)
