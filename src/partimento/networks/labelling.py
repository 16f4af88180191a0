"""What a labeller says of sequences of any number and length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from partimento.networks.batching import BATCH_TOKENS, GPU_BATCH_TOKENS, batches_of_like
from partimento.networks.labeller import Labeller
from partimento.networks.packed import FILLER
from partimento.networks.rows import pack
from partimento.tokens.word_augment import fit_bars


@torch.inference_mode()
def predict(
    network: Labeller, words: Sequence[np.ndarray], batch_words: int | None = None, bf16: bool = True
) -> list[list[np.ndarray]]:
    """Log-probabilities of the classes of each head: for each sequence (T, C) float32 for notes, (C,) for sequences.

    Sequences of like lengths go through the network together, on its device; none sees another.

    Args:
        batch_words: most words at once, padding included; by default what suits the device.
        bf16: whether matrix products are in bfloat16, where the device can.
    """
    fields, device = network.config.encoder.fields, next(network.parameters()).device
    batch_words = batch_words or (BATCH_TOKENS if device.type == "cpu" else GPU_BATCH_TOKENS)
    found: list[list[np.ndarray]] = [[] for _ in words]
    network.eval()
    for batch in batches_of_like([len(each) for each in words], batch_words):
        longest = len(words[batch[0]])
        packed = pack([[fit_bars(words[i], fields)] for i in batch], fields, longest).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16 and device.type in ("cpu", "cuda")):
            heads = network(packed.words, packed.documents)
        real = (packed.documents != FILLER).sum(1).tolist()
        for logits in heads:
            log_p = logits.float().log_softmax(-1).cpu().numpy()
            rows = log_p.reshape(len(batch), -1, log_p.shape[-1])
            for place, row, count in zip(batch, rows, real, strict=True):
                found[place].append(row[:count] if network.config.unit == "note" else row[0])
    return found
