"""From hidden states to tokens: only legal ids, by temperature, top-k, top-p and min-p, one uniform number a draw.

Shapes: B rows, D width, R columns of one grammar state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.generate.grammar import Cursor, Expect, Grammar
from partimento.generate.options import SamplingOptions
from partimento.generate.step import stored_for_one_row
from partimento.networks.decoder import Decoder

STEP_COLUMN, END_COLUMN = 0, -1  # <T> and <E> among the columns of Expect.EVENT


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Logits (B, R) with all below the k-th largest of their row at -inf."""
    if k >= logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(k).values[:, -1:], -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Logits (B, R) with all at -inf but the likeliest that reach probability p together (Holtzman et al. 2020)."""
    ordered, index = logits.sort(dim=-1, descending=True, stable=True)
    probability = ordered.softmax(-1)
    before = probability.cumsum(-1) - probability
    dropped = before >= p
    dropped[:, 0] = False
    return logits.masked_fill(torch.zeros_like(dropped).scatter(1, index, dropped), -torch.inf)


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Logits (B, R) with all less likely than p times the likeliest at -inf (Nguyen et al. 2024)."""
    return logits.masked_fill(logits < logits.amax(-1, keepdim=True) + math.log(p), -torch.inf)


def draw(logits: Tensor, uniform: Tensor, options: SamplingOptions) -> Tensor:
    """Columns (B,) drawn from logits (B, R); a column at -inf is never drawn.

    Args:
        uniform: (B,) numbers in [0, 1) of float32 precision, one for each row's draw.
    """
    logits = logits.float()
    if options.temperature == 0:
        return logits.argmax(-1)
    # The largest becomes 0 first, so that no temperature, however small, makes an infinite logit.
    logits = (logits - logits.amax(-1, keepdim=True)) / options.temperature
    if options.top_k is not None:
        logits = keep_top_k(logits, options.top_k)
    if options.top_p is not None and options.top_p < 1:
        logits = keep_top_p(logits, options.top_p)
    if options.min_p > 0:
        logits = keep_min_p(logits, options.min_p)
    # Where the running sum first exceeds the mark it has just grown, so an impossible column is never hit; in float64
    # a float32 number below 1 times the total stays below the total.
    mass = logits.softmax(-1).cumsum(-1, dtype=torch.float64)
    mark = uniform.to(mass)[:, None] * mass[:, -1:]
    return torch.searchsorted(mass, mark, right=True)[:, 0]


class Sampler:
    """Draws the next token of each row; of the output layer it computes the rows that the row's state can take."""

    def __init__(self, network: Decoder, grammar: Grammar, options: SamplingOptions) -> None:
        self.options = options
        self.of_durations = replace(options, min_p=options.min_p_durations)
        self.columns = grammar.columns
        weight = network.head.weight
        rows = (torch.as_tensor(ids, device=weight.device) for ids in grammar.columns)
        self.weights = [stored_for_one_row(weight[ids]) for ids in rows]

    def __call__(
        self, hidden: Tensor, cursors: Sequence[Cursor], may_end: Sequence[bool], uniform: Sequence[float]
    ) -> list[int]:
        """Tokens, one a row.

        Args:
            hidden: (B, D) the hidden state after each row's last token.
            cursors: where each row stands.
            may_end: whether <E> is legal in a row.
            uniform: as in `draw`.

        Raises:
            ValueError: if the network gives no finite logit for any legal token.
        """
        tokens = [0] * len(cursors)
        for expect in sorted({cursor.expect for cursor in cursors}):
            rows = [row for row, cursor in enumerate(cursors) if cursor.expect == expect]
            logits = self.logits(hidden, rows, [cursors[row] for row in rows], [may_end[row] for row in rows])
            options = self.of_durations if expect == Expect.DURATION else self.options
            columns = draw(logits, torch.tensor([uniform[row] for row in rows]), options).tolist()
            ids = self.columns[expect]
            for row, column in zip(rows, columns, strict=True):
                if column >= len(ids):
                    raise ValueError("the network's logits are not numbers; its weights are damaged or it diverged")
                tokens[row] = int(ids[column])
        return tokens

    def logits(self, hidden: Tensor, rows: list[int], cursors: list[Cursor], may_end: list[bool]) -> Tensor:
        """Float32 logits (rows, R) of rows that stand in one state, -inf where the grammar forbids.

        They go to the CPU, where a draw of so few numbers is as fast and the same for every device.
        """
        here = hidden if len(rows) == len(hidden) else hidden[rows]
        expect = cursors[0].expect
        logits = F.linear(here, self.weights[expect]).float().cpu()
        for row, cursor in enumerate(cursors):
            if expect == Expect.ONSET:
                logits[row, : cursor.earliest] = -torch.inf
            elif expect == Expect.EVENT:
                if not may_end[row]:
                    logits[row, END_COLUMN] = -torch.inf
                if not cursor.may_step:
                    logits[row, STEP_COLUMN] = -torch.inf
                if not cursor.may_begin_note:
                    logits[row, STEP_COLUMN + 1 : END_COLUMN] = -torch.inf
        if expect == Expect.EVENT and self.options.time_step_penalty:
            logits[:, STEP_COLUMN] -= self.options.time_step_penalty
        return logits
