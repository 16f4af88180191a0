"""What the rows of an index say, held in memory while searches repeat.

To read path, length and labels of ten rows scattered over a table takes LanceDB half as long as to find the ten. Those
of 200,000 files are 10 to 30 MB, beside the 144 MB of graphs that a search holds anyway. They do not go stale: the
number of a row is its place in the table's files, which are never written over, so a row that changes gets another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa


@dataclass(frozen=True, eq=False)
class HeldRows:
    """Some columns of all rows of a table.

    Args:
        row_ids: (N,) LanceDB's numbers of the rows, ascending.
        columns: the N rows.
    """

    row_ids: np.ndarray
    columns: pa.Table

    @classmethod
    def read(cls, table: lancedb.table.Table, names: Sequence[str]) -> HeldRows:
        """The columns of these names of a table as it is now."""
        rows = table.search().select(list(names)).with_row_id(True).to_arrow().sort_by("_rowid")
        return cls(rows["_rowid"].to_numpy(), rows.select(list(names)))

    def take(self, row_ids: np.ndarray) -> list[dict[str, Any]] | None:
        """The rows of these numbers, in their order; None if one is not among those held."""
        places = np.searchsorted(self.row_ids, row_ids)
        if (places == len(self.row_ids)).any() or (self.row_ids[places] != row_ids).any():
            return None
        return self.columns.take(places).to_pylist()
