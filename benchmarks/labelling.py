"""Notes a second that are labelled, beside a BERT of Hugging Face of the same size in the same run.

python benchmarks/labelling.py [--pieces 40]

Both label every note of whole pieces in windows of 512 notes. Ours is the bundled `understanding-small-melody`; the
BERT has as many layers, the same width, heads and parameters inside its layers, and is given the same embedded notes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from table import write_table
from transformers import BertConfig, BertForTokenClassification

from partimento.midi import read_midi
from partimento.networks.labeller import Labeller
from partimento.networks.labelling import predict
from partimento.networks.rows import pack
from partimento.notes_model import WINDOW, load_notes
from partimento.tokens.word_augment import fit_bars

ROUNDS = 3
PIECE_BY_PIECE = "one piece after another"
BATCHED = "windows of all pieces batched"

Label = Callable[[Sequence[np.ndarray]], object]


class Bert(torch.nn.Module):
    """Hugging Face's BERT with our note embedding in front, so that both read the same."""

    def __init__(self, ours: Labeller) -> None:
        super().__init__()
        sizes = ours.config.encoder.transformer
        inner = sizes.feedforward * 3 // 2  # two matrices of this have the parameters of SwiGLU's three
        self.encoder = ours.encoder
        self.bert = BertForTokenClassification(
            BertConfig(
                vocab_size=2,
                hidden_size=sizes.width,
                num_hidden_layers=sizes.layers,
                num_attention_heads=sizes.heads,
                intermediate_size=inner,
                num_labels=ours.config.classes[0],
            )
        )

    @torch.inference_mode()
    def label(self, words: Sequence[np.ndarray], batch: int, bf16: bool) -> list[np.ndarray]:
        """Logits of the windows, padded in batches in the order in which they come, as its examples do it."""
        fields, found = self.encoder.config.fields, []
        for start in range(0, len(words), batch):
            part = [fit_bars(one, fields) for one in words[start : start + batch]]
            packed = pack([[one] for one in part], fields, max(map(len, part)))
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                embedded = self.encoder.embed(packed.words)
                mask = (packed.documents >= 0).long()
                logits = self.bert(inputs_embeds=embedded, attention_mask=mask).logits
            found += [row[: len(one)].float().numpy() for row, one in zip(logits, part, strict=True)]
        return found


def rate(label: Label, pieces: Sequence[Sequence[np.ndarray]], batched: bool) -> float:
    """Notes a second, the best of some rounds."""
    notes = sum(len(window) for piece in pieces for window in piece)
    times = []
    for _ in range(ROUNDS):
        begun_s = time.perf_counter()
        if batched:
            label([window for piece in pieces for window in piece])
        else:
            for piece in pieces:
                label(piece)
        times.append(time.perf_counter() - begun_s)
    return notes / min(times)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=40)
    parser.add_argument("--model", default="understanding-small-melody")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/partimento/raw/pop909/mid")
    options = parser.parse_args()
    model = load_notes(options.model, "cpu")
    assert isinstance(model.network, Labeller)
    ours, theirs = model.network, Bert(model.network).eval()
    paths = sorted(options.folder.rglob("*.mid"))[: options.pieces]
    words = [model.words(read_midi(path))[0] for path in paths]
    pieces = [[each[start : start + WINDOW] for start in range(0, len(each), WINDOW)] for each in words]
    rows: list[dict[str, object]] = []
    for bf16 in (False, True):
        for batched in (False, True):
            mine = rate(lambda some, bf16=bf16: predict(ours, some, bf16=bf16), pieces, batched)
            peer = rate(lambda some, bf16=bf16: theirs.label(some, 8, bf16), pieces, batched)
            how = BATCHED if batched else PIECE_BY_PIECE
            rows.append(
                {
                    "pieces": how,
                    "precision": "bf16" if bf16 else "fp32",
                    "Partimento, notes/s": mine,
                    "Hugging Face BERT, notes/s": peer,
                    "ratio": mine / peer,
                }
            )
    inner = sum(p.numel() for p in ours.encoder.transformer.parameters())
    about = (
        f"{len(paths)} pieces, {sum(map(len, words)):,} notes; {inner / 1e6:.1f} M parameters in the layers of ours, "
        f"{sum(p.numel() for p in theirs.bert.bert.encoder.parameters()) / 1e6:.1f} M in those of BERT; "
        f"{torch.get_num_threads()} threads; best of {ROUNDS}."
    )
    write_table("labelling", "Labelling notes", rows, about)


if __name__ == "__main__":
    main()
