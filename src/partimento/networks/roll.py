"""An encoder with a head beside it that says, at every note, what sounds in its bar."""

from __future__ import annotations

from torch import Tensor, nn

from partimento.networks.encoder import Encoder


class RollEncoder(nn.Module):
    """An encoder and a linear layer on its hidden states; only the encoder goes into a checkpoint.

    Args:
        encoder: with its weights.
        steps, columns: of the piano roll.
    """

    def __init__(self, encoder: Encoder, steps: int, columns: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.steps, self.columns = steps, columns
        self.head = nn.Linear(encoder.config.transformer.width, steps * columns, bias=False)
        # thousands of outputs whose errors add up: silence at first, and small steps, or their noise drowns the fields
        self.scale = self.head.in_features**-0.5
        nn.init.zeros_(self.head.weight)

    def roll(self, hidden: Tensor) -> Tensor:
        """(N, steps, columns) for hidden states (N, D)."""
        return self.head(hidden * self.scale).unflatten(-1, (self.steps, self.columns))
