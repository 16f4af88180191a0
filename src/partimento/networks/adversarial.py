"""An encoder with a masker beside it, and what is remembered of every note that it is trained on.

Adversarial-MidiBERT (Zhao 2024, 2407.08306): one encoder is read twice, by the masker as the music is and by the
recoverer with notes hidden. Only the encoder goes into a checkpoint; the memory is part of the state of a run, since
all of it are buffers.

Shapes: B batch, T words, F fields, N notes of all pieces that are trained on.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

from partimento.networks.encoder import Encoder
from partimento.networks.transformer import initialise

LEAST_ACCURACY = 0.01  # below it a field's weight grows no more


class AdversarialEncoder(nn.Module):
    """An encoder, which recovers notes, a masker, which says how much each shall be hidden, and the mask book.

    Args:
        encoder: with its weights.
        notes: N; the number N stands for what is no note.
        hidden: features of the masker's layer.
        dropout: before it.
    """

    allowed: Tensor  # (N + 1,) bool, the mask book: which notes may be hidden
    visits: Tensor  # (N + 1,) int16, how often each was trained on
    seen: Tensor  # int64, notes of this pass up to now
    judged: Tensor  # (2, F) int64, of the hidden notes of this pass how many were right, and how many there were
    weights: Tensor  # (F,) of the fields in the loss

    def __init__(self, encoder: Encoder, notes: int, hidden: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.masker = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(encoder.config.transformer.width, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )
        initialise(self.masker, layers=1)
        fields = len(encoder.config.fields)
        self.register_buffer("allowed", torch.arange(notes + 1) < notes)
        self.register_buffer("visits", torch.zeros(notes + 1, dtype=torch.int16))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("judged", torch.zeros(2, fields, dtype=torch.int64))
        self.register_buffer("weights", torch.full((fields,), 1 / fields))

    def scores(self, words: Tensor, documents: Tensor) -> Tensor:
        """(B, T) float32 in [0, 1]: how much each word shall be hidden, for words (B, T, F) and documents (B, T)."""
        hidden = self.encoder.hidden(words, documents).float()
        with torch.autocast(words.device.type, enabled=False):  # scores rounded to bfloat16 would tie by the hundred
            return self.masker(hidden).squeeze(-1).sigmoid()

    @torch.no_grad()
    def remember(self, notes: Tensor, change: Tensor, judged: Tensor) -> None:
        """Take notes of what was trained on, in this process and all others, and weigh the fields after a whole pass.

        Args:
            notes: (B, T) int64 number of each note, N where there is none.
            change: (B, T) int8, 1 where a note may be hidden from now on, -1 where it may no longer be, 0 otherwise.
            judged: (2, F) of the hidden notes how many fields were right, and how many there were.
        """
        notes, change = _of_all(notes).flatten(), _of_all(change).flatten()
        self.allowed[notes[change < 0]] = False
        self.allowed[notes[change > 0]] = True
        self.visits.index_add_(0, notes, torch.ones_like(notes, dtype=self.visits.dtype))
        self.judged += _of_all(judged[None]).sum(0)
        count = len(self.allowed) - 1
        self.seen += (notes < count).sum()
        if self.seen >= count:
            right, of = self.judged
            accuracy = torch.where(of > 0, right / of.clamp(min=1), 1.0).clamp(min=LEAST_ACCURACY)
            self.weights.copy_(1 / accuracy / (1 / accuracy).sum())
            self.seen -= count
            self.judged.zero_()


def _of_all(rows: Tensor) -> Tensor:
    """The rows of all processes, which have as many each."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return rows
    everyones = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everyones, rows.contiguous())
    return torch.cat(everyones)
