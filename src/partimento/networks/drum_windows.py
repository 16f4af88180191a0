"""Windows of bars as the drummer reads them: drums, the other instruments, places in the song, what is wished."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

STEPS, CLASSES, FAMILIES, LINES = 32, 16, 4, 64  # of the drum grid; see tokens.drumgrid
UNSAID = 0  # fill, density and feel: nothing is said
NO_FILL, FILL = 1, 2
CYCLES = (4, 8, 16)  # bars of the phrases that bars are counted in
FAR = 16  # bars from the start or to the end of a song beyond which they are not told apart
FEELS = ("straight", "swing", "swung sixteenths", "triplets")  # 1 ... 4 of `feel`


@dataclass(frozen=True)
class DrumWindows:
    """B windows of N bars.

    Args:
        velocity: (B, N, 32, 16) uint8, 1-127 where a drum is hit; where it is hidden, what was drawn or is to be found.
        shift: (B, N, 32, 16) float32, how far from its step a hit is, in steps.
        others: (B, N, 32, 4, 64) uint8, as in `DrumGrid`.
        known: (B, N, 16) bool, which drum classes of a bar are given; the others are hidden.
        phrase: (B, N) int64, bars since the first bar with notes, -1 if that is not known.
        left: (B, N) int64, bars to the end of the song, 0 in its last bar.
        inside: (B, N) bool, whether the song has this bar; what is outside is silent and known.
        fill: (B, N) int64, UNSAID, NO_FILL or FILL.
        density: (B, N) int64, 0 unsaid, or 1 + the class of how many hits there are.
        feel: (B,) int64, 0 unsaid, or 1 + an index into FEELS.
        played: (B,) bool, whether the hits were played by hand and lie beside the grid.
        is_fill: (B, N) int64, the label: 1 fill, 0 none, -1 not known.
        touch: (B,) bool, whether velocity and shift are worth learning.
    """

    velocity: Tensor
    shift: Tensor
    others: Tensor
    known: Tensor
    phrase: Tensor
    left: Tensor
    inside: Tensor
    fill: Tensor
    density: Tensor
    feel: Tensor
    played: Tensor
    is_fill: Tensor
    touch: Tensor

    @property
    def tokens(self) -> int:
        """Bars that are read."""
        return self.inside.numel()

    def __len__(self) -> int:
        return len(self.velocity)

    def __getitem__(self, rows: slice) -> DrumWindows:
        return DrumWindows(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device) -> DrumWindows:
        return DrumWindows(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))

    @property
    def hits(self) -> Tensor:
        """(B, N, 32, 16) bool."""
        return self.velocity > 0

    @property
    def hidden(self) -> Tensor:
        """(B, N) bool, bars of which some class is hidden."""
        return ~self.known.all(-1)


def stack(windows: list[DrumWindows]) -> DrumWindows:
    """The windows of several batches as one.

    Raises:
        RuntimeError: if they differ in their bars.
    """
    return DrumWindows(*(torch.cat([getattr(part, field.name) for part in windows]) for field in fields(DrumWindows)))
