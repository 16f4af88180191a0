"""The index: a LanceDB table of vectors, one row a file, all of one model.

Small tables are searched exactly. From `ANN_THRESHOLD` rows on an IVF_HNSW_SQ index answers: graphs (Malkov & Yashunin,
2018) over vectors of one byte a feature. `benchmarks/search.py` compares the kinds; IVF kinds without a graph miss
neighbours where the vectors fill their space (intrinsic dimension 32).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import HnswSq
from lancedb.query import LanceVectorQueryBuilder

from partimento.search.held import HeldRows

TABLE = "embeddings"
MODEL_KEY = b"model_hash"
SHOWN = ("path", "seconds", "labels")
ANN_THRESHOLD = 100_000  # rows; an exact search of that many takes about 0.15 s
ANN_NAME = "nearest_"  # the name of the ANN index ends with the number of rows it was built for
REBUILD_GROWTH = 0.25  # the graphs are made anew when the table has grown by this share since
ROWS_A_PARTITION = 200_000  # one graph each; smaller ones build faster, but all are searched, which takes longer
GRAPH_LINKS = 20
BUILD_CANDIDATES = 150
SEARCH_CANDIDATES = 128
EVERY_PARTITION = 10_000  # more partitions than there are
ADD_BATCH = 1_000
KEEP_VERSIONS = timedelta(minutes=1)  # how long a search under way in another process may still read replaced files

logger = logging.getLogger("partimento")


@dataclass(frozen=True, eq=False)
class Row:
    """One embedded file.

    Args:
        path: the file, the key of the table.
        content_hash: sha256 of its bytes, hexadecimal.
        seconds: its length.
        vector: (D,) finite, not zero; any length, only its direction counts in a search.
        labels: label by name.
    """

    path: str
    content_hash: str
    seconds: float
    vector: np.ndarray
    labels: dict[str, str]


@dataclass(frozen=True)
class Hit:
    """One result of a search; `score` is the cosine similarity, -1 to 1."""

    path: str
    score: float
    labels: dict[str, str]
    seconds: float


class Index:
    """Vectors of files in a folder, all made by one model.

    Args:
        folder: a local folder, or what LanceDB opens (`s3://bucket/index`).
        table: its open table.
        ann_threshold: rows from which searches are approximate.
    """

    def __init__(self, folder: str | Path, table: lancedb.table.Table, ann_threshold: int = ANN_THRESHOLD) -> None:
        self.folder = str(folder)
        self.table = table
        self.ann_threshold = ann_threshold
        self.model_hash = table.schema.metadata[MODEL_KEY].decode()
        self.dim: int = table.schema.field("vector").type.list_size
        self._rows: int | None = None  # None when rows have come since they were counted
        self._ann_is_current = False
        self._searched = False
        self._held: HeldRows | None = None

    @classmethod
    def create_or_open(cls, folder: str | Path, model_hash: str, dim: int, ann_threshold: int = ANN_THRESHOLD) -> Index:
        """The index in a folder, made if there is none yet.

        Raises:
            ValueError: if the folder holds vectors of another model or another size.
            NotADirectoryError: if it is a file.
        """
        database = _connect(folder)
        if TABLE in database.list_tables().tables:
            table = database.open_table(TABLE)
        else:
            table = database.create_table(TABLE, schema=_schema(model_hash, dim))
        index = cls(folder, table, ann_threshold)
        index.check(model_hash, dim)
        return index

    @classmethod
    def open(cls, folder: str | Path, ann_threshold: int = ANN_THRESHOLD) -> Index:
        """The index in a folder.

        Raises:
            FileNotFoundError: if there is none.
        """
        is_absent = "://" not in str(folder) and not Path(folder).exists()  # to connect would make the folder
        if is_absent or TABLE not in (database := _connect(folder)).list_tables().tables:
            raise FileNotFoundError(f"no index in {folder}: make one with `partimento embed FILES... -o {folder}`")
        return cls(folder, database.open_table(TABLE), ann_threshold)

    def __len__(self) -> int:
        return self.table.count_rows()

    def check(self, model_hash: str, dim: int) -> None:
        """Refuse vectors of another model.

        Raises:
            ValueError: naming both models and the way out.
        """
        if model_hash != self.model_hash:
            raise ValueError(
                f"{self.folder} holds vectors of the model {self.model_hash}, these are of the model {model_hash}: "
                "use the model that made the index, or embed the files into another folder"
            )
        if dim != self.dim:
            raise ValueError(
                f"{self.folder} holds vectors of {self.dim} features, this one has {dim}: use the model "
                f"{self.model_hash} that made the index, or embed the files into another folder"
            )

    def add(self, rows: Iterable[Row], batch_size: int = ADD_BATCH) -> int:
        """Write rows; the number written.

        A row whose path and content hash are there already is passed over; one whose path is there with other content
        takes its place. Each batch is written whole or not at all.

        Raises:
            ValueError: if a vector has another size, is not finite or is zero.
        """
        rows, written = iter(rows), 0
        while batch := list(islice(rows, batch_size)):
            last = {row.path: row for row in batch}
            merge = self.table.merge_insert("path").when_not_matched_insert_all()
            merge = merge.when_matched_update_all(where="target.content_hash != source.content_hash")
            result = merge.execute(self._to_arrow(list(last.values())))
            written += result.num_inserted_rows + result.num_updated_rows
            self._rows, self._ann_is_current = None, False
        return written

    def known(self, paths: Sequence[str]) -> dict[str, str]:
        """The content hash of each of these paths that is in the index."""
        found: dict[str, str] = {}
        for start in range(0, len(paths), ADD_BATCH):
            names = paths[start : start + ADD_BATCH]
            quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
            query = self.table.search().where(f"path IN ({quoted})").select(["path", "content_hash"])
            table = query.limit(len(names)).to_arrow()
            found |= dict(zip(table["path"].to_pylist(), table["content_hash"].to_pylist(), strict=True))
        return found

    def search(self, vector: np.ndarray, k: int = 10, exact: bool | None = None) -> list[Hit]:
        """The k rows of highest cosine similarity to a vector (D,), the nearest first.

        Args:
            exact: None is exact below `ann_threshold` rows and approximate above; the first approximate search of a
                table that has grown builds its ANN index, which stays in the folder.

        Raises:
            ValueError: if the index is empty, or the vector has another size, is not finite or is zero.
        """
        vector = self._checked(vector, "the query")
        if k < 1:
            raise ValueError(f"k is {k}; at least 1 neighbour can be asked for")
        if not self._rows:
            self._rows = len(self)
        if not self._rows:
            raise ValueError(
                f"the index in {self.folder} is empty: fill it with `partimento embed FILES... -o {self.folder}`"
            )
        if exact is None:
            exact = self._rows < self.ann_threshold
        query = LanceVectorQueryBuilder(self.table, vector, "vector")  # `table.search` would read the schema each time
        query = query.distance_type("cosine").limit(k)
        if exact:
            query = query.bypass_vector_index()
        else:
            if not self._ann_is_current:
                self.build_ann()
                self._ann_is_current = True
            query = query.nprobes(EVERY_PARTITION).ef(max(SEARCH_CANDIDATES, 2 * k))
        return [
            Hit(row["path"], 1.0 - row["_distance"], json.loads(row["labels"]), row["seconds"])
            for row in self._found(query)
        ]

    def _found(self, query: Any) -> list[dict[str, Any]]:
        """The columns `SHOWN` and `_distance` of the rows that a query finds.

        A first search reads them from the table; from the second one on those of all rows are held in memory, until
        one is found that came later.
        """
        if self._searched:
            if self._held is None:
                self._held = HeldRows.read(self.table, SHOWN)
            found = query.select(["_distance"]).with_row_id(True).to_batches().read_all()
            rows = self._held.take(found["_rowid"].to_numpy())
            if rows is not None:
                return [row | {"_distance": d} for row, d in zip(rows, found["_distance"].to_pylist(), strict=True)]
        self._searched, self._held = True, None
        rows = query.with_row_id(False).select([*SHOWN, "_distance"]).to_list()
        return list(rows)

    def build_ann(self, force: bool = False) -> bool:
        """Build the ANN index if the table is large enough and has grown since the last one; whether it was built."""
        rows = len(self)
        old = [index.name for index in self.table.list_indices() if index.name.startswith(ANN_NAME)]
        built_for = max((int(name.removeprefix(ANN_NAME)) for name in old), default=0)
        is_fresh = built_for > 0 and abs(rows - built_for) <= REBUILD_GROWTH * built_for
        if not force and (rows < self.ann_threshold or is_fresh):
            return False
        logger.info("building the search index of %s for %d rows", self.folder, rows)
        for name in old:
            self.table.drop_index(name)
        config = HnswSq(
            distance_type="cosine",
            num_partitions=max(1, round(rows / ROWS_A_PARTITION)),
            m=GRAPH_LINKS,
            ef_construction=BUILD_CANDIDATES,
        )
        self.table.create_index("vector", config=config, name=f"{ANN_NAME}{rows}")
        return True

    def tidy(self) -> None:
        """Merge the small files that additions leave, bring rows added since into the ANN index and build it if due."""
        self.table.optimize(cleanup_older_than=KEEP_VERSIONS)
        self.build_ann()

    def batches(self, columns: Sequence[str], batch_size: int = 4096) -> Iterator[pa.RecordBatch]:
        """All rows, some columns, a batch at a time."""
        yield from self.table.search().select(list(columns)).to_batches(batch_size)

    def _to_arrow(self, rows: Sequence[Row]) -> pa.Table:
        vectors = np.stack([self._checked(row.vector, row.path) for row in rows])
        columns = {
            "path": pa.array([row.path for row in rows], pa.string()),
            "content_hash": pa.array([row.content_hash for row in rows], pa.string()),
            "seconds": pa.array([row.seconds for row in rows], pa.float64()),
            "model_hash": pa.array([self.model_hash] * len(rows), pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), self.dim),
            "labels": pa.array([json.dumps(row.labels, ensure_ascii=False) for row in rows], pa.string()),
        }
        return pa.table(columns, schema=_schema(self.model_hash, self.dim))

    def _checked(self, vector: np.ndarray, name: str) -> np.ndarray:
        vector = np.asarray(vector, dtype=np.float32)
        if vector.ndim != 1:
            raise ValueError(f"{name}: a vector has one axis, this array has the shape {vector.shape}")
        if len(vector) != self.dim:
            self.check(self.model_hash, len(vector))
        if not np.isfinite(vector).all() or not vector.any():
            raise ValueError(f"{name}: its vector is zero or not finite, so it has no direction to compare")
        return vector


def _connect(folder: str | Path) -> lancedb.DBConnection:
    if "://" not in str(folder) and Path(folder).is_file():
        raise NotADirectoryError(f"{folder} is a file; an index is a folder, so name another place for it")
    # An interval of zero: each search sees what another process has added or tidied away.
    return lancedb.connect(str(folder), read_consistency_interval=timedelta(0))


def _schema(model_hash: str, dim: int) -> pa.Schema:
    fields = [
        pa.field("path", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("seconds", pa.float64()),
        pa.field("model_hash", pa.string()),
        pa.field("vector", pa.list_(pa.float32(), dim)),
        pa.field("labels", pa.string()),  # a JSON object
    ]
    return pa.schema(fields, metadata={MODEL_KEY: model_hash.encode()})
