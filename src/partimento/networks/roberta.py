"""The encoder of the original MusicBERT: RoBERTa's (Liu et al. 2019) over words of several fields.

Against `networks.encoder`: learned positions, LayerNorm after each residual sum and after the embedding, GELU, biases
everywhere. It exists to run the weights of others; what is trained here has `networks.encoder`.

Shapes: B batch, T words, F fields, D width, N any number of words, R documents of all rows, L words of the longest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from partimento.networks.encoder import SHARED_SPECIALS, SharedHead, table_rows, table_size
from partimento.networks.packed import FILLER
from partimento.tokens.fields import PAD, Fields


@dataclass(frozen=True)
class RobertaConfig:
    """Sizes of the encoder.

    Args:
        width: D, also the features of the embedding of one field.
        feedforward: features inside the feed-forward layers.
        fields: of its words; they share one table and one head.
        context: most words of a document: positions beyond were never learned.
        dropout: on the embedding, the attention weights and the residual branches.
    """

    width: int
    heads: int
    layers: int
    feedforward: int
    fields: Fields
    context: int
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("width", "heads", "layers", "feedforward", "context"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of the {self.heads} heads")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be at least 0 and below 1")


class Roberta(nn.Module):
    """Words (B, T, F) in, hidden sequence (B, T, D) out; `logits` judges what may stand in a field of a word."""

    rows: Tensor

    def __init__(self, config: RobertaConfig) -> None:
        super().__init__()
        self.config = config
        vocabulary = table_size(config.fields, "shared")
        self.register_buffer("rows", torch.from_numpy(table_rows(config.fields, "shared")), persistent=False)
        self.embedding = nn.Embedding(vocabulary, config.width, padding_idx=SHARED_SPECIALS[PAD])
        self.project = nn.Linear(len(config.fields) * config.width, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(_layer(config) for _ in range(config.layers))
        self.head = SharedHead(config.width, config.width, len(config.fields), vocabulary)
        self.checkpointing = False

    def initialise(self) -> None:
        """Draw all weights anew, from N(0, 0.02²) as BERT's; biases are 0."""
        for part in self.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                nn.init.normal_(part.weight, std=0.02)
            if isinstance(part, nn.MultiheadAttention):
                nn.init.normal_(part.in_proj_weight, std=0.02)
                nn.init.zeros_(part.in_proj_bias)
            if isinstance(part, nn.Linear):
                nn.init.zeros_(part.bias)
            if isinstance(part, nn.LayerNorm):
                part.reset_parameters()
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.embedding.weight[SHARED_SPECIALS[PAD]] = 0

    def embed(self, words: Tensor, place: Tensor) -> Tensor:
        """(..., D) what enters the blocks, for words (..., F) at these places (...) of their documents."""
        rows = self.rows[torch.arange(words.shape[-1], device=words.device), words]
        return self.dropout(self.norm(self.project(self.embedding(rows).flatten(-2)) + self.positions(place)))

    def hidden(self, words: Tensor, documents: Tensor) -> Tensor:
        """Hidden sequence (B, T, D), 0 where a row is only filled up.

        Args:
            words: (B, T, F) int64. The original saw each document between a word START and a word END.
            documents: (B, T) int64, number of the piece at each position, rising along a row, FILLER where a row is
                only filled up. Pieces do not see each other, and each has positions of its own.

        Raises:
            ValueError: if a document is longer than the context.
        """
        real, row, place = _rows_of_own(documents)
        count, longest = (int(row[-1]) + 1, int(place.max()) + 1) if len(row) else (0, 0)
        if longest > self.config.context:
            raise ValueError(
                f"a document has {longest:,} words; the network has learned {self.config.context:,} positions"
            )
        states = self.embed(words[real], place)  # (N, D)
        apart = states.new_zeros(count, longest, self.config.width)
        apart[row, place] = states
        padding = torch.ones(count, longest, dtype=torch.bool, device=words.device)
        padding[row, place] = False
        mask = padding if padding.any() else None  # torch's attention is faster without one
        for layer in self.layers if count else ():
            if self.checkpointing and self.training:
                apart = checkpoint(layer, apart, src_key_padding_mask=mask, use_reentrant=False)
            else:
                apart = layer(apart, src_key_padding_mask=mask)
        hidden = apart.new_zeros(*documents.shape, self.config.width)
        hidden[real] = apart[row, place]
        return hidden

    def logits(self, hidden: Tensor, field: int) -> Tensor:
        """Logits (N, V) over the whole shared vocabulary of a field's slot, for hidden states (N, D)."""
        return self.head(hidden, field, self.embedding.weight)

    def targets(self, words: Tensor, field: int) -> Tensor:
        """Which of a field's logits is right, for words (N, F)."""
        return self.rows[field, words[:, field]]


def _layer(config: RobertaConfig) -> nn.TransformerEncoderLayer:
    layer = nn.TransformerEncoderLayer(
        config.width, config.heads, config.feedforward, config.dropout, activation="gelu", batch_first=True
    )
    layer.dropout = nn.Dropout(0.0)  # torch drops between the feed-forward layers too; the original does not
    return layer


def _rows_of_own(documents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A layout (R, L) with one document a row, for documents (B, T) that may be packed.

    Returns:
        real (B, T) bool, where a row is not only filled up; of those positions the row (N,) and the place (N,) there.
    """
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    real = documents != FILLER
    time = torch.arange(documents.shape[1], device=documents.device)
    start = torch.where(begins, time, 0).cummax(dim=1).values
    run = begins.flatten().cumsum(0).view_as(documents)
    row = torch.unique_consecutive(run[real], return_inverse=True)[1]
    return real, row, (time - start)[real]
