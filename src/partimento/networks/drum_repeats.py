"""Repeated bars: what was played at the bars whose music a bar repeats, brought to where it may be played again.

A pointer network over bars (Vinyals et al. 2015) whose weights know how alike two bars of the other instruments are;
Museformer (2210.10349) and the self-similarity models of Dahale et al. 2022 (section 3.2) have the like.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.drum_windows import DrumWindows


def likeness(windows: DrumWindows) -> Tensor:
    """(B, N, N, 2) float32 from 0 to 1: the cosine of two bars' sounding cells, and that of their rhythms.

    A rhythm is how many notes of a family begin on a step. A silent bar is like no bar.
    """
    batch, bars = windows.inside.shape
    pitches = windows.others[..., 1:]
    sounding = (pitches > 0).reshape(batch, bars, -1).float()
    rhythm = begins(windows).sum(-1).reshape(batch, bars, -1).float()
    pairs = [torch.matmul(x, x.transpose(1, 2)) for x in (F.normalize(sounding, dim=-1), F.normalize(rhythm, dim=-1))]
    return torch.stack(pairs, -1)


def begins(windows: DrumWindows) -> Tensor:
    """(B, N, 32, 4, 63) bool, where a note begins as far as the grid tells: a cell sounds and its forerunner did not.

    A note struck again at another velocity is seen, one struck again at the same is not.
    """
    pitches = windows.others[..., 1:]
    time = pitches.flatten(1, 2)
    before = F.pad(time, (0, 0, 0, 0, 1, 0))[:, :-1]
    return ((time > 0) & (time != before)).unflatten(1, (*windows.inside.shape[1:], -1))


def may_see(windows: DrumWindows) -> Tensor:
    """(B, N, N) bool: which bars (last) a bar may look at: given ones, and hidden ones before it; not itself."""
    bars = windows.inside.shape[1]
    earlier = torch.ones(bars, bars, dtype=torch.bool, device=windows.inside.device).tril(-1)
    other = ~torch.eye(bars, dtype=torch.bool, device=windows.inside.device)
    return (earlier | ~windows.hidden[:, None, :]) & other & windows.inside[:, None, :]


class RepeatedBars(nn.Module):
    """Weights (B, H, N, N) of the bars that each bar looks at; what is left to 1 looks nowhere.

    Args:
        width: D, features of a bar.
        heads: H.
        bars: most bars of a window.
        key: features of a query.
    """

    def __init__(self, width: int, heads: int, bars: int, key: int = 16) -> None:
        super().__init__()
        self.heads, self.bars = heads, bars
        self.query = nn.Linear(width, heads * key, bias=False)
        self.key = nn.Linear(width, heads * key, bias=False)
        self.alike = nn.Parameter(torch.zeros(heads, 2))
        self.lag = nn.Parameter(torch.zeros(heads, 2 * bars - 1))

    def initialise(self) -> None:
        """Half of the heads begin as lovers of likeness, the others of the bar before."""
        nn.init.zeros_(self.alike)
        nn.init.zeros_(self.lag)
        with torch.no_grad():
            self.alike[::2] = 3.0
            self.lag[1::2, self.bars] = 2.0  # one bar back

    def forward(self, bars: Tensor, like: Tensor, seen: Tensor) -> Tensor:
        """The weights, float32.

        Args:
            bars: (B, N, D) each bar as the encoder has it.
            like: (B, N, N, 2) `likeness`.
            seen: (B, N, N) `may_see`.
        """
        batch, count, _ = bars.shape
        q, k = (f(bars).view(batch, count, self.heads, -1).transpose(1, 2) for f in (self.query, self.key))
        scores = torch.matmul(q, k.transpose(2, 3)).float() / q.shape[-1] ** 0.5
        place = torch.arange(count, device=bars.device)
        lag = place[:, None] - place[None, :] + self.bars - 1
        scores = scores + torch.einsum("hf,bijf->bhij", self.alike.float(), like) + self.lag[:, lag].float()
        scores = scores.masked_fill(~seen[:, None], -torch.inf)
        nowhere = torch.zeros_like(scores[..., :1])
        return torch.cat([scores, nowhere], -1).softmax(-1)[..., :-1]
