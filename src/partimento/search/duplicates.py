"""Duplicates in an index: pairs of files whose vectors point the same way, or whose bytes are the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from partimento.search.index import Index

BLOCK_ROWS = 4096  # a block of scores takes 64 MiB
ROUNDING = 1e-6  # the cosine of a vector with itself, in float32, may fall short of 1 by this


@dataclass(frozen=True)
class Pair:
    """Two files of an index; `score` is their cosine similarity, `same_bytes` whether the files are equal."""

    first: str
    second: str
    score: float
    same_bytes: bool


def duplicates(index: Index, threshold: float = 0.99, block_rows: int = BLOCK_ROWS) -> Iterator[Pair]:
    """Every pair of rows whose cosine similarity is at least a threshold, and every pair of equal content.

    Exact: all pairs are compared, block by block. The vectors wait in a temporary file; in memory are two blocks, their
    scores, and the paths and hashes of all rows. The time grows with the square of the rows.

    Args:
        threshold: -1 to 1.
        block_rows: rows of a block.

    Raises:
        ValueError: if the threshold is out of range.
    """
    if not -1 <= threshold <= 1:
        raise ValueError(f"threshold {threshold} is no cosine similarity; give one from -1 to 1, such as 0.99")
    return _pairs(index, threshold - ROUNDING, block_rows)


def _pairs(index: Index, threshold: float, block_rows: int) -> Iterator[Pair]:
    with tempfile.TemporaryFile() as file:
        names, hashes = [], []
        for batch in index.batches(["path", "content_hash", "vector"]):
            vectors = batch["vector"].flatten().to_numpy().reshape(-1, index.dim)
            file.write((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).tobytes())
            names.append(batch["path"])
            hashes.append(batch["content_hash"])
        if not names:
            return
        file.flush()
        paths = pa.chunked_array(names)
        content = pa.chunked_array(hashes).combine_chunks().dictionary_encode().indices.to_numpy()  # (N,)
        unit_nd = np.memmap(file, dtype=np.float32, mode="r", shape=(len(paths), index.dim))
        for top in range(0, len(paths), block_rows):
            block = np.array(unit_nd[top : top + block_rows])
            for left in range(top, len(paths), block_rows):
                score = block @ unit_nd[left : left + block_rows].T
                same = content[top : top + block_rows, None] == content[None, left : left + block_rows]
                found = (score >= threshold) | same
                if left == top:
                    found = np.triu(found, 1)
                for i, j in zip(*np.nonzero(found), strict=True):
                    first, second = sorted((paths[top + int(i)].as_py(), paths[left + int(j)].as_py()))
                    yield Pair(first, second, float(score[i, j]), bool(same[i, j]))
