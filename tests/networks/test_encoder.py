"""The encoder of notes: what it sees, and how words become rows of its tables."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from tiny_words import close, encoder, encoder_config, random_words, rows_of
from torch.nn import functional as F

from partimento.networks.encoder import Encoder, SharedHead, Table, table_rows, table_size
from partimento.objectives.masked import restored
from partimento.tokens.compound import COMPOUND
from partimento.tokens.fields import END, MASK, PAD, SPECIALS, START
from partimento.tokens.octuple import OCTUPLE

TABLES: tuple[Table, ...] = ("fields", "shared")


@torch.no_grad()
def test_a_piece_is_seen_alone_wherever_it_stands() -> None:
    """Neighbours, padding and the place in the row change nothing: positions count inside the attention alone."""
    network = encoder()
    piece, before, after = (random_words(seed, count) for seed, count in ((0, 20), (1, 17), (2, 30)))
    alone = rows_of([piece], length=20)
    expected = network.hidden(alone.words, alone.documents)[0]
    packed = rows_of([before, piece, after], [piece], [after, piece], length=70)
    hidden = network.hidden(packed.words, packed.documents)
    for row, start in enumerate((17, 0, 30)):
        close(hidden[row, start : start + 20], expected)
    assert (hidden[0, :17] - hidden[1, :17]).abs().max() > 0.1  # and other words are something else


@torch.no_grad()
def test_every_word_of_a_piece_is_seen_both_ways() -> None:
    network = encoder()
    packed = rows_of([random_words(0, 12), random_words(1, 8)], length=24)
    plain = network.hidden(packed.words, packed.documents)[0]
    for place, part in ((0, slice(0, 12)), (11, slice(0, 12)), (15, slice(12, 20))):
        words = packed.words.clone()
        words[0, place] = torch.from_numpy(OCTUPLE.special(MASK))
        changed = (network.hidden(words, packed.documents)[0] - plain).abs().amax(-1)
        assert (changed[part] > 1e-4).all()
        outside = torch.ones(24, dtype=torch.bool)
        outside[part] = False
        assert changed[outside].max() == 0


@torch.no_grad()
def test_the_order_of_the_words_is_heard() -> None:
    network = encoder()
    words = random_words(0, 12)
    there, back = (rows_of([w], length=12) for w in (words, words[::-1].copy()))
    forward, backward = (network.hidden(row.words, row.documents)[0] for row in (there, back))
    assert (forward - backward.flip(0)).abs().max() > 0.1


def test_a_shared_table_has_the_rows_of_fairseqs_dictionary() -> None:
    """Its four specials, the lines of MusicBERT's dict.txt, which has one field after another, and MASK."""
    lines = [(field, number) for field, size in enumerate(OCTUPLE.sizes) for number in range(size)]
    dictionary = ["<s>", "<pad>", "</s>", "<unk>", *lines, "<mask>"]
    assert len(dictionary) == table_size(OCTUPLE, "shared") == 1237
    rows = table_rows(OCTUPLE, "shared")
    for field, size in enumerate(OCTUPLE.sizes):
        expected = [dictionary.index((field, number)) for number in range(size)]
        assert rows[field, :size].tolist() == expected
        for kind, symbol in ((PAD, "<pad>"), (MASK, "<mask>"), (START, "<s>"), (END, "</s>")):
            assert rows[field, size + kind] == dictionary.index(symbol)


def test_in_a_table_of_fields_every_id_has_a_row_of_its_own() -> None:
    for fields in (OCTUPLE, COMPOUND):
        rows = table_rows(fields, "fields")
        used = np.concatenate([row[: size + SPECIALS] for row, size in zip(rows, fields.sizes, strict=True)])
        assert sorted(used.tolist()) == list(range(table_size(fields, "fields")))


@pytest.mark.parametrize("table", TABLES)
def test_a_word_is_the_projection_of_its_fields_embeddings(table: Table) -> None:
    network = encoder(table=table)
    words = torch.from_numpy(random_words(3, 5).astype(np.int64))
    words[1] = torch.from_numpy(OCTUPLE.special(START))
    for word, found in zip(words, network.embed(words[None])[0], strict=True):
        parts = [network.embedding.weight[network.rows[field, number]] for field, number in enumerate(word.tolist())]
        close(found, network.project.weight @ torch.cat(parts) + network.project.bias)


def test_a_fields_logits_are_those_of_its_own_layer() -> None:
    network, hidden = encoder(COMPOUND), torch.randn(5, 32, dtype=torch.float64)
    weight, bias = (network.state_dict()[f"head.linear.{name}"] for name in ("weight", "bias"))
    start = 0
    for field, size in enumerate(COMPOUND.sizes):
        found = network.logits(hidden, field)
        close(found, hidden @ weight[start : start + size].T + bias[start : start + size])
        words = torch.tensor([[1, 5, 80, 63]])
        assert network.targets(words, field).tolist() == [words[0, field]]
        start += size
    assert start == len(weight)


def test_the_shared_head_is_one_head_on_every_slot() -> None:
    network, hidden = encoder(table="shared"), torch.randn(5, 32, dtype=torch.float64)
    head = network.head
    assert isinstance(head, SharedHead)
    slots = head.up(hidden).view(5, len(OCTUPLE), 8)
    for field in range(len(OCTUPLE)):
        slot = head.norm(F.gelu(head.dense(slots[:, field])))
        close(network.logits(hidden, field), slot @ network.embedding.weight.T + head.bias)
        words = torch.from_numpy(random_words(field, 4).astype(np.int64))
        assert network.targets(words, field).tolist() == network.rows[field, words[:, field]].tolist()
    assert network.embedding.weight is next(p for n, p in network.named_parameters() if n == "embedding.weight")
    assert sum(p.shape == network.embedding.weight.shape for p in network.parameters()) == 1  # tied


@pytest.mark.parametrize("table", TABLES)
@torch.no_grad()
def test_it_begins_by_knowing_nothing(table: Table) -> None:
    torch.manual_seed(0)
    network = Encoder(encoder_config(table=table))
    network.initialise()
    packed = rows_of([random_words(0, 60)], [random_words(1, 60)], length=60)
    entering = network.embed(packed.words)
    assert 0.001 < entering.std() < 0.04  # a token's embedding has 0.02
    scored = torch.ones(packed.words.shape, dtype=torch.bool)
    losses, _ = restored(network, network.hidden(packed.words, packed.documents), packed.words, scored)
    for loss, size in zip(losses / 120, OCTUPLE.sizes, strict=True):
        assert float(loss) == pytest.approx(log(size if table == "fields" else 1237), abs=0.3)


def test_checkpointing_changes_neither_states_nor_gradients() -> None:
    packed = rows_of([random_words(0, 12), random_words(1, 8)], length=24)
    found = []
    for checkpointing in (False, True):
        network = encoder().train()
        network.checkpointing = checkpointing
        hidden = network.hidden(packed.words, packed.documents)
        hidden.square().mean().backward()
        found.append([hidden, *(p.grad for n, p in network.named_parameters() if not n.startswith("head"))])
    for a, b in zip(*found, strict=True):
        assert a is not None
        assert b is not None
        torch.testing.assert_close(a, b)


def test_an_id_beyond_the_specials_of_the_largest_field_is_refused() -> None:
    words = torch.from_numpy(random_words(0, 3).astype(np.int64))
    words[0, 0] = 256 + SPECIALS
    with pytest.raises(IndexError):
        encoder().embed(words[None])
