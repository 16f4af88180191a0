"""Low-rank adapters: a trained network learns something else by a small correction of each of its matrices.

LoRA (Hu et al. 2021, section 4.1): W + alpha / rank · B A with A of `rank` rows and B zero at the start; W is frozen.
Adapted are all matrices of the blocks, attention (queries, keys and values share their A, since they are one matrix
here) and feed-forward. The head is trained whole, and of the embedding the row of <E>, from which a slice is pooled.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.decoder import Decoder
from partimento.networks.unfilled import unfilled


class LowRankLinear(nn.Module):
    """A linear layer without bias whose weight is frozen, with a low-rank correction that is learned.

    Args:
        weight: (out, in) of the layer it stands for.
        rank: rows of A.
        alpha: the correction is scaled by alpha / rank, so that another rank needs no other learning rate.
    """

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.low_a = nn.Parameter(torch.randn(rank, inputs) * inputs**-0.5)
        self.low_b = nn.Parameter(torch.zeros(outputs, rank))
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight) + F.linear(F.linear(x, self.low_a), self.low_b) * self.scale

    def merged_weight(self) -> Tensor:
        """(out, in) weight of the plain layer that gives the same."""
        return (self.weight + self.scale * self.low_b @ self.low_a).detach()


class OneRowEmbedding(nn.Module):
    """An embedding whose weight (V, D) is frozen but for one row."""

    def __init__(self, weight: Tensor, index: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.row = nn.Parameter(weight.detach()[index].clone())
        self.index = index

    def forward(self, ids: Tensor) -> Tensor:
        return torch.where((ids == self.index)[..., None], self.row, F.embedding(ids, self.weight))

    def merged_weight(self) -> Tensor:
        """(V, D) weight of the plain embedding that gives the same."""
        weight = self.weight.detach().clone()
        weight[self.index] = self.row.detach()
        return weight


def add_adapters(network: Decoder, rank: int, alpha: float, end: int) -> None:
    """Freeze a network but for its head, and give its blocks adapters.

    Args:
        rank: of the corrections; at least 1.
        alpha: see `LowRankLinear`.
        end: id of <E>, whose embedding is learned too.

    Raises:
        ValueError: if the rank is less than 1.
    """
    if rank < 1:
        raise ValueError(f"the rank of LoRA is {rank}; it must be at least 1")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith("head."))
    for part in list(network.transformer.modules()):
        for name, layer in part.named_children():
            if isinstance(layer, nn.Linear):
                setattr(part, name, LowRankLinear(layer.weight, rank, alpha))
    network.add_module("embedding", OneRowEmbedding(network.embedding.weight, end))


def merged(network: Decoder) -> Decoder:
    """The plain network that gives the same as one with adapters; one without them comes back with its own weights."""
    state = network.state_dict()
    for name, part in network.named_modules():
        if isinstance(part, LowRankLinear | OneRowEmbedding):
            for own, _ in part.named_parameters():
                del state[f"{name}.{own}"]
            state[f"{name}.weight"] = part.merged_weight()
    plain = unfilled(lambda: Decoder(network.config))
    plain.load_state_dict(state, assign=True)
    return plain


def trained_parameters(network: nn.Module) -> int:
    """How many numbers training moves."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
