"""Masked notes: what is hidden together, how it is shown, what is never scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_words import random_words, rows_of
from torch import Tensor

from partimento.networks.packed import FILLER
from partimento.networks.rows import PackedWords
from partimento.objectives.masked import Masking, Unit, _numbers, hide
from partimento.tokens.compound import COMPOUND
from partimento.tokens.fields import END, MASK, START, Fields
from partimento.tokens.octuple import BAR, INSTRUMENT, OCTUPLE, TEMPO, VELOCITY

UNITS: tuple[Unit, ...] = ("random", "octuple", "bar", "bar_instrument")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(batch: PackedWords, masking: Masking, seed: int = 0, fields: Fields = OCTUPLE) -> tuple[Tensor, Tensor]:
    return hide(batch.words, batch.documents, fields, masking, generator(seed))


def batch_of(rows: int = 4, count: int = 60, bars: int = 4, fields: Fields = OCTUPLE) -> PackedWords:
    """Rows of two pieces each and a bit of padding."""
    parts = [[random_words(10 * row + n, count, fields, bars) for n in range(2)] for row in range(rows)]
    return rows_of(*parts, length=2 * count + 5, fields=fields)


def keys(batch: PackedWords, unit: Unit, bar: Tensor) -> list[tuple[int, ...]]:
    """What the notes of one unit have in common, one tuple a position: the slow reference."""
    found: list[tuple[int, ...]] = []
    for row, documents in enumerate(batch.documents.tolist()):
        for place, document in enumerate(documents):
            key = (row, document, int(bar[row, place]))
            instrument = int(batch.words[row, place, INSTRUMENT]) if unit == "bar_instrument" else 0
            found.append((*key, instrument))
    return found


@pytest.mark.parametrize("unit", UNITS)
def test_shares(unit: Unit) -> None:
    batch = batch_of(rows=10, count=250, bars=256)
    shown, scored = drawn(batch, Masking(units=(unit,), share=0.3))
    real = batch.documents != FILLER
    sizes = torch.tensor(OCTUPLE.sizes)
    assert scored[real].float().mean().item() == pytest.approx(0.3, abs=0.02)
    hidden, kept = shown == sizes + MASK, shown == batch.words
    outcomes = [float(part[scored].float().mean()) for part in (hidden, kept, ~hidden & ~kept)]
    # a replacement may be what stood there: about one in a hundred over the sizes of these fields
    assert outcomes == pytest.approx([0.8, 0.1, 0.1], abs=0.03)
    assert torch.equal(shown[~scored], batch.words[~scored])


@pytest.mark.parametrize("masked_share", [0.8, 0.0])
def test_a_replacement_is_any_id_of_the_field(masked_share: float) -> None:
    batch = batch_of(rows=20, count=200)
    masking = Masking(units=("random",), share=1.0, masked=masked_share, replaced=1 - masked_share)
    shown, scored = drawn(batch, masking)
    for field, size in enumerate(OCTUPLE.sizes):
        other = shown[..., field][scored[..., field] & (shown[..., field] != size + MASK)]
        assert other.min() >= 0
        assert other.max() < size
        assert len(other.unique()) > 0.95 * size


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_no_note_or_was_not_known_is_neither_hidden_nor_scored(unit: Unit) -> None:
    batch = batch_of()
    words = batch.words.clone()
    words[:, 0], words[:, 59] = (torch.from_numpy(OCTUPLE.special(kind)) for kind in (START, END))
    words[:, 1:30, VELOCITY] = OCTUPLE.special(MASK)[VELOCITY]
    words[:, 10:50, BAR] = OCTUPLE.special(MASK)[BAR]
    words[0, -5:] = 0  # what fills a row up may look like a note
    batch = PackedWords(words, batch.documents)
    everything = Masking(units=(unit,), share=1.0, masked=1.0, replaced=0.0, unknown=(("velocity", 1.0),))
    shown, scored = drawn(batch, everything)
    never = torch.zeros(scored.shape, dtype=torch.bool)
    never[:, [0, 59]] = never[:, -5:] = True
    never[:, 1:30, VELOCITY] = never[:, 10:50, BAR] = True
    assert torch.equal(scored, ~never)
    assert torch.equal(shown[never], words[never])
    assert (shown == torch.tensor(OCTUPLE.sizes) + MASK)[~never].all()


@pytest.mark.parametrize("unit", ["bar", "bar_instrument"])
def test_the_notes_of_a_bar_share_one_draw_a_field(unit: Unit) -> None:
    batch = batch_of()
    shown, scored = drawn(batch, Masking(units=(unit,), share=0.5, masked=0.5, replaced=0.25))
    hidden = shown == torch.tensor(OCTUPLE.sizes) + MASK
    found: dict[tuple[int, ...], set[tuple[tuple[bool, ...], tuple[bool, ...]]]] = {}
    parts = (scored.flatten(0, 1).tolist(), hidden.flatten(0, 1).tolist())
    for key, one, other in zip(keys(batch, unit, batch.words[..., BAR]), *parts, strict=True):
        if key[1] != FILLER:
            found.setdefault(key, set()).add((tuple(one), tuple(other)))
    assert {len(draws) for draws in found.values()} == {1}
    assert len(found) == (32 if unit == "bar" else 64)
    alone = {key: next(iter(draws))[0] for key, draws in found.items()}
    assert any(len(set(fields)) == 2 for fields in alone.values())  # the fields of a bar are drawn each alone
    pairs = {key[:3]: [fields for other, fields in alone.items() if other[:3] == key[:3]] for key in alone}
    if unit == "bar_instrument":
        assert any(one != other for one, other in pairs.values())
    documents = [(fields, alone[row, 1, *rest]) for (row, document, *rest), fields in alone.items() if document == 0]
    assert any(one != other for one, other in documents)  # a bar of this number in another piece is another bar


def test_all_fields_of_an_octuple_share_one_draw() -> None:
    batch = batch_of()
    shown, scored = drawn(batch, Masking(units=("octuple",), share=0.5, masked=0.5, replaced=0.5))
    hidden = shown == torch.tensor(OCTUPLE.sizes) + MASK
    for part in (scored, hidden):
        of_word = part[batch.documents != FILLER]
        assert torch.equal(of_word.all(1), of_word.any(1))
        assert 0.1 < of_word[:, 0].float().mean() < 0.6
    _, scored = drawn(batch, Masking(units=("random",), share=0.5))
    assert not torch.equal(scored.all(-1), scored.any(-1))


def test_the_bars_of_compound_words_begin_where_they_say_so() -> None:
    batch = batch_of(fields=COMPOUND)
    generator_ = np.random.default_rng(0)
    batch.words[..., 0] = torch.from_numpy(generator_.choice([0, 1], batch.documents.shape, p=[0.2, 0.8]))
    _, scored = drawn(batch, Masking(units=("bar",), share=0.5), fields=COMPOUND)
    bar = (batch.words[..., 0] == 0).cumsum(1)
    found: dict[tuple[int, ...], set[tuple[bool, ...]]] = {}
    for key, fields in zip(keys(batch, "bar", bar), scored.flatten(0, 1).tolist(), strict=True):
        if key[1] != FILLER:
            found.setdefault(key, set()).add(tuple(fields))
    assert {len(draws) for draws in found.values()} == {1}
    assert len(found) > 60


def test_of_several_units_one_is_drawn_for_each_row() -> None:
    batch = batch_of(rows=40, count=30)
    _, scored = drawn(batch, Masking(units=("octuple", "random"), share=0.5))
    real = batch.documents[0] != FILLER
    together = [bool((row[real].all(1) == row[real].any(1)).all()) for row in scored]
    assert 8 < sum(together) < 32


def test_a_field_can_be_unknown_in_a_whole_piece() -> None:
    batch = batch_of(rows=40, count=20)
    masking = Masking(units=("random",), share=0.3, unknown=(("velocity", 0.5), ("tempo", 0.2)))
    shown, scored = drawn(batch, masking)
    plain, same = drawn(batch, replace(masking, unknown=()))
    assert torch.equal(scored, same)  # what is scored does not depend on it
    for name, field, share in (("velocity", VELOCITY, 0.5), ("tempo", TEMPO, 0.2)):
        gone = shown[..., field] == OCTUPLE.sizes[OCTUPLE.index(name)] + MASK
        pieces = [gone[row][batch.documents[row] == number] for row in range(40) for number in range(2)]
        whole = [bool(piece.all()) for piece in pieces]
        assert np.mean(whole) == pytest.approx(share, abs=0.17)
        assert any(piece.any() for piece, all_ in zip(pieces, whole, strict=True) if not all_)  # masked here and there
        whole_rows = torch.tensor(whole).view(40, 2)
        assert (whole_rows[:, 0] != whole_rows[:, 1]).any()  # pieces of one row are drawn each alone
    others = [field for field in range(8) if field not in (VELOCITY, TEMPO)]
    assert torch.equal(shown[..., others], plain[..., others])
    with pytest.raises(ValueError, match="there is no field 'loudness'"):
        drawn(batch, replace(masking, unknown=(("loudness", 0.5),)))


@pytest.mark.parametrize("unit", UNITS)
def test_the_generator_decides(unit: Unit) -> None:
    batch = batch_of()
    masking = Masking(units=(unit, "random"), unknown=(("velocity", 0.5),))
    before = batch.words.clone()
    one, again, other = (drawn(batch, masking, seed) for seed in (1, 1, 2))
    assert torch.equal(one[0], again[0])
    assert torch.equal(one[1], again[1])
    assert not torch.equal(one[1], other[1])
    assert torch.equal(batch.words, before)


def test_numbers_are_those_of_a_dictionary() -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 3):
        parts = [torch.from_numpy(random.integers(-1, 300, (3, 40))) for _ in range(count)]
        parts[0] = parts[0] % 3 - 1
        found = _numbers(*parts)
        slow: dict[tuple[int, ...], int] = {}
        seen = set()
        for row in range(3):
            for place in range(40):
                key = (row, *(int(part[row, place]) for part in parts))
                number = int(found[row, place])
                assert slow.setdefault(key, number) == number
                seen.add(number)
        assert seen == set(range(len(slow)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": ()}, "units is empty"),
        ({"share": 0.0}, "share is 0.0; it must be above 0"),
        ({"share": 1.1}, "share is 1.1"),
        ({"masked": 0.9, "replaced": 0.2}, "masked 0.9 and replaced 0.2 must be shares"),
        ({"masked": -0.1}, "must be shares"),
    ],
)
def test_wrong_maskings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Masking(**wrong)  # type: ignore[arg-type]


def test_a_unit_needs_its_field() -> None:
    with pytest.raises(ValueError, match="there is no field 'instrument'"):
        drawn(batch_of(fields=COMPOUND), Masking(units=("bar_instrument",)), fields=COMPOUND)


def test_rows_are_cut_along_their_first_axis() -> None:
    batch = batch_of(rows=3)
    part = batch[1:]
    assert (len(batch), len(part), part.tokens) == (3, 2, 2 * 125)
    assert torch.equal(part.words, batch.words[1:])
    assert torch.equal(part.to(torch.device("cpu")).documents, batch.documents[1:])
