"""Classifier-free guidance (Ho & Salimans 2022): how far a reference pulls the music its way.

The network reads every variation twice, with the reference's embedding before the first token and without it, and the
next token is drawn from strength * conditioned + (1 - strength) * unconditioned logits: 0 is the plain network, 1 the
conditioned one, more goes beyond it. Of the output layer's logits, which are linear in the hidden state, it is the same
to mix the hidden states, at half the work.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from partimento.generate.options import GuidanceOptions
from partimento.networks.decoder import Decoder


def strength(options: GuidanceOptions, drawn: int) -> float:
    """Strength for the next token after so many drawn ones: linear over the ramp's tokens, then `guidance`.

    The original's ramp begins at 0 (`guidance_from`), so that its first notes do not know the reference; ours begins at
    1, and so does a strength of 1 without a ramp at all.

    >>> [strength(GuidanceOptions(guidance=3.0, guidance_ramp=4), drawn) for drawn in (0, 1, 3, 9)]
    [1.5, 2.0, 3.0, 3.0]
    """
    share = min(1.0, (drawn + 1) / options.guidance_ramp) if options.guidance_ramp else 1.0
    return options.guidance_from + share * (options.guidance - options.guidance_from)


def needs_both(options: GuidanceOptions) -> bool:
    """Whether the unconditioned network is to be asked too."""
    return options.guidance != 1 or (options.guidance_from != 1 and options.guidance_ramp > 0)


def mixed(hidden: Tensor, strength: float) -> Tensor:
    """(B, D) guided hidden states of (2B, D), the conditioned rows first."""
    conditioned, plain = hidden.float().chunk(2)
    return torch.lerp(plain, conditioned, strength).to(hidden.dtype)


def check_fits(network: Decoder, condition: np.ndarray) -> None:
    """Refuse a condition that the network cannot take.

    Raises:
        ValueError: if it has no adapter, or one for another number of features.
    """
    features = network.config.condition
    if features is None:
        raise ValueError("this network has no adapter for a condition; load a conditioned checkpoint")
    if condition.shape != (features,):
        raise ValueError(
            f"the condition has shape {condition.shape} and the network's adapter takes ({features},); "
            "take the embedding of the model that it was trained with"
        )
