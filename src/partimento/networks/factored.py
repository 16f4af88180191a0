"""Embedding and output rows that share parts while they are learned.

A row is its own vector plus the vectors of the features it has: weight = own + features @ shared. Rare tokens then
learn from their relatives. It is a reparametrisation: after training the sum is stored and nothing of it is left in the
network.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class SharedParts(nn.Module):
    """Adds to each row of a weight (V, D) the sum of its features' vectors.

    Args:
        features: (V, F) float32, how much of each feature a row has.
        width: D.
        std: of the features' vectors at the start.
    """

    features: Tensor

    def __init__(self, features: np.ndarray, width: int, std: float = 0.02) -> None:
        super().__init__()
        self.register_buffer("features", torch.from_numpy(features), persistent=False)
        self.shared = nn.Parameter(torch.randn(features.shape[1], width) * std)

    def forward(self, own: Tensor) -> Tensor:
        with torch.autocast(own.device.type, enabled=False):
            return own + self.features @ self.shared


def share_parts(layer: nn.Embedding | nn.Linear, features: np.ndarray) -> None:
    """Let the rows of a layer's weight share the parts that `features` (V, F) names."""
    parametrize.register_parametrization(layer, "weight", SharedParts(features, layer.weight.shape[1]))


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """The state dict the network has without shared parts: each sum under the weight's own name."""
    state = {name: value for name, value in network.state_dict().items() if ".parametrizations." not in f".{name}"}
    for name, module in network.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            weight = module.weight
            assert isinstance(weight, Tensor)
            state[f"{name}.weight"] = weight.detach()
    return state
