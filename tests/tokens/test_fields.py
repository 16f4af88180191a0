"""Words of fields and their specials."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.tokens.compound import COMPOUND
from partimento.tokens.fields import END, MASK, PAD, SPECIALS, START, Fields
from partimento.tokens.octuple import OCTUPLE


def test_specials_follow_the_ids_of_each_field() -> None:
    fields = Fields(("bar", "pitch"), (2, 86))
    assert len(fields) == 2
    assert [fields.special(kind).tolist() for kind in (PAD, MASK, START, END)] == [[2, 86], [3, 87], [4, 88], [5, 89]]
    assert len({PAD, MASK, START, END}) == SPECIALS
    assert sorted((PAD, MASK, START, END)) == list(range(SPECIALS))


def test_the_compound_specials_are_those_of_the_published_arrays() -> None:
    np.testing.assert_array_equal(COMPOUND.special(PAD), [2, 16, 86, 64])
    np.testing.assert_array_equal(COMPOUND.special(MASK), [3, 17, 87, 65])


def test_octuples_have_the_published_symbols() -> None:
    assert sum(OCTUPLE.sizes) == 1232
    assert OCTUPLE.index("tempo") == 7


@pytest.mark.parametrize(("names", "sizes"), [((), ()), (("bar",), (1, 2)), (("bar", "pitch"), (2,))])
def test_each_field_has_a_name_and_a_size(names: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="there must be one of each a field"):
        Fields(names, sizes)


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ValueError, match="there is no field 'velocity'; there are bar, position, pitch, duration"):
        COMPOUND.index("velocity")
