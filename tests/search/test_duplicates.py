"""Duplicates against a comparison of all pairs in one matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partimento.search.duplicates import duplicates
from partimento.search.index import Index, Row


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """90 rows: 70 of their own, 20 near copies, of which rows 80-82 have the bytes of row 0 and other vectors."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((70, 12))
    vectors = np.concatenate([vectors, 3 * vectors[:20] + 0.1 * rng.standard_normal((20, 12))])
    content = [f"c{i}" for i in range(90)]
    content[80:83] = [content[0]] * 3
    index = Index.create_or_open(tmp_path, "m1", 12)
    index.add(Row(f"{i:02d}.mid", content[i], 1.0, vectors[i], {}) for i in range(90))
    return index


@pytest.mark.parametrize("block_rows", [7, 64, 4096])
@pytest.mark.parametrize("threshold", [0.6, 0.99, 1.0])
def test_all_pairs(index: Index, block_rows: int, threshold: float) -> None:
    table = index.table.to_arrow().sort_by("path")
    vectors = np.array(table["vector"].to_pylist())
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    content = np.array(table["content_hash"].to_pylist())
    same = content[:, None] == content
    wanted = np.argwhere(np.triu((unit @ unit.T >= threshold) | same, 1))
    found = list(duplicates(index, threshold, block_rows))
    assert len(found) == len(wanted) >= 6
    assert {(p.first, p.second) for p in found} == {(f"{i:02d}.mid", f"{j:02d}.mid") for i, j in wanted}
    for pair in found:
        i, j = int(pair.first[:2]), int(pair.second[:2])
        assert pair.score == pytest.approx(unit[i] @ unit[j], abs=1e-5)
        assert pair.same_bytes == same[i, j]


def test_equal_vectors_reach_the_threshold_of_one(tmp_path: Path) -> None:
    vector = np.random.default_rng(1).standard_normal(512)
    index = Index.create_or_open(tmp_path, "m1", 512)
    index.add([Row("a", "1", 1.0, vector, {}), Row("b", "2", 1.0, vector, {}), Row("c", "3", 1.0, -vector, {})])
    assert [(p.first, p.second, p.same_bytes) for p in duplicates(index, 1.0)] == [("a", "b", False)]


def test_nothing_to_find(tmp_path: Path) -> None:
    index = Index.create_or_open(tmp_path, "m1", 4)
    assert list(duplicates(index)) == []
    with pytest.raises(ValueError, match=r"threshold 99 .* from -1 to 1"):
        duplicates(index, 99)
