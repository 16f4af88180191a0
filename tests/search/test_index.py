"""The index: exact and approximate search, what it refuses, what it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import lancedb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.search.index import ANN_NAME, Index, Row

DIM = 16


def rows_of(vectors: np.ndarray, content: str = "a", first: int = 0) -> list[Row]:
    names = range(first, first + len(vectors))
    return [Row(f"{i}.mid", f"{content}{i}", float(i), vector, {}) for i, vector in zip(names, vectors, strict=True)]


def gauss(count: int, seed: int = 0, dim: int = DIM) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def cosines(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    return vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)


def test_small_tables_are_searched_exactly(tmp_path: Path) -> None:
    vectors = gauss(500) * np.linspace(0.1, 30, 500, dtype=np.float32)[:, None]  # the length must not count
    index = Index.create_or_open(tmp_path / "index", "m1", DIM)
    assert index.add(rows_of(vectors), batch_size=120) == 500
    for query in gauss(20, seed=1):  # the first reads what it shows from the table, the others hold it
        hits = index.search(query, k=15)
        expected = cosines(vectors, query)
        assert [hit.path for hit in hits] == [f"{i}.mid" for i in np.argsort(-expected)[:15]]
        np.testing.assert_allclose([hit.score for hit in hits], np.sort(expected)[::-1][:15], atol=1e-5)
        assert [f"{hit.seconds:.0f}.mid" for hit in hits] == [hit.path for hit in hits]
    assert not index.table.list_indices()


def test_more_neighbours_than_rows(tmp_path: Path) -> None:
    index = Index.create_or_open(tmp_path, "m1", DIM)
    index.add(rows_of(gauss(3)))
    assert len(index.search(gauss(1, 2)[0], k=50)) == 3


def test_large_tables_get_an_ann_index_that_stays(tmp_path: Path) -> None:
    vectors, queries = gauss(3000), gauss(40, seed=1)
    index = Index.create_or_open(tmp_path, "m1", DIM, ann_threshold=2000)
    index.add(rows_of(vectors))
    wanted = [{hit.path for hit in index.search(query, exact=True)} for query in queries]
    assert not index.table.list_indices()  # an exact search needs none
    found = [{hit.path for hit in index.search(query)} for query in queries]
    assert np.mean([len(a & b) / 10 for a, b in zip(found, wanted, strict=True)]) >= 0.95
    assert [i.name for i in index.table.list_indices()] == [f"{ANN_NAME}3000"]
    plan = index.table.search(queries[0]).distance_type("cosine").limit(10).explain_plan()
    assert "ANN" in plan  # the index on disk serves cosine queries

    again = Index.open(tmp_path, ann_threshold=2000)
    assert not again.build_ann()  # still fresh
    again.add(rows_of(gauss(500, seed=3), first=3000))
    assert not again.build_ann()  # grown by a sixth
    newest = gauss(500, seed=3)[7]
    assert again.search(newest, k=1)[0].path == "3007.mid"  # rows that the index does not know are found too
    again.tidy()
    assert [i.num_unindexed_rows for i in again.table.list_indices()] == [0]
    assert again.search(newest, k=1)[0].path == "3007.mid"
    again.add(rows_of(gauss(500, seed=4), first=3500))
    assert again.search(newest, k=1)[0].path == "3007.mid"
    assert [i.name for i in again.table.list_indices()] == [f"{ANN_NAME}4000"]  # grown by a third: built anew


def test_replaced_rows_leave_the_ann_index(tmp_path: Path) -> None:
    vectors = gauss(2000)
    index = Index.create_or_open(tmp_path, "m1", DIM, ann_threshold=1000)
    index.add(rows_of(vectors))
    assert index.search(vectors[5], k=1)[0].path == "5.mid"
    index.add([Row("5.mid", "changed", 1.0, -vectors[5], {})])
    assert index.search(vectors[5], k=1)[0].path != "5.mid"
    hit = index.search(-vectors[5], k=1)[0]
    assert (hit.path, hit.seconds) == ("5.mid", 1.0)
    assert hit.score == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("ann_threshold", [10, 1000])
def test_every_search_sees_what_others_have_written(tmp_path: Path, ann_threshold: int) -> None:
    vectors = gauss(300)
    index = Index.create_or_open(tmp_path, "m1", DIM, ann_threshold)
    with pytest.raises(ValueError, match="is empty"):
        index.search(vectors[0])
    other = Index.open(tmp_path, ann_threshold)
    other.add(rows_of(vectors[:200]))
    first = [hit for _ in range(3) for hit in index.search(vectors[7], k=1)]  # the second time from memory
    assert first == [first[0]] * 3
    assert (first[0].path, first[0].seconds) == ("7.mid", 7.0)
    other.add(rows_of(vectors[200:], first=200))
    assert [index.search(vectors[250], k=1)[0].path for _ in range(3)] == ["250.mid"] * 3
    other.add([Row("7.mid", "changed", 0.5, vectors[7], {"composer": "Anon."})])
    for _ in range(3):
        hit = index.search(vectors[7], k=1)[0]
        assert (hit.path, hit.seconds, hit.labels) == ("7.mid", 0.5, {"composer": "Anon."})
    other.tidy()
    assert [index.search(v, k=1)[0].path for v in vectors[[7, 9, 250]]] == ["7.mid", "9.mid", "250.mid"]


def test_adding_again_changes_nothing(tmp_path: Path) -> None:
    vectors = gauss(50)
    index = Index.create_or_open(tmp_path, "m1", DIM)
    assert index.add(rows_of(vectors[:30])) == 30
    again = Index.create_or_open(tmp_path, "m1", DIM)
    assert again.add(rows_of(vectors)) == 20
    assert again.add(rows_of(vectors)) == 0
    assert len(again) == len(index) == 50


def test_changed_content_takes_the_place(tmp_path: Path) -> None:
    index = Index.create_or_open(tmp_path, "m1", DIM)
    index.add(rows_of(gauss(10), "a"))
    assert index.add(rows_of(gauss(2, seed=5), "b", first=3)) == 2
    assert len(index) == 10
    assert index.known(["2.mid", "3.mid", "nowhere.mid"]) == {"2.mid": "a2", "3.mid": "b3"}
    assert index.search(gauss(2, seed=5)[0], k=1)[0].path == "3.mid"


def test_one_path_twice_in_a_batch_is_the_last(tmp_path: Path) -> None:
    index = Index.create_or_open(tmp_path, "m1", DIM)
    first, second = gauss(2)
    assert index.add([Row("x", "a", 1.0, first, {}), Row("x", "b", 2.0, second, {})]) == 1
    assert index.known(["x"]) == {"x": "b"}


def test_vectors_of_another_model_are_refused(tmp_path: Path) -> None:
    Index.create_or_open(tmp_path, "abc123", DIM)
    with pytest.raises(ValueError, match=r"of the model abc123, these are of the model def456: .*another folder"):
        Index.create_or_open(tmp_path, "def456", DIM)
    with pytest.raises(ValueError, match=r"16 features, this one has 32: .*abc123"):
        Index.create_or_open(tmp_path, "abc123", 32)
    assert Index.open(tmp_path).model_hash == "abc123"


def test_no_index(tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no index in .*partimento embed FILES"):
            Index.open(folder)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "song.mid").write_bytes(b"")
    for make in (Index.open, lambda file: Index.create_or_open(file, "m1", DIM)):
        with pytest.raises(NotADirectoryError, match=r"song\.mid is a file"):
            make(tmp_path / "song.mid")


def test_empty_index(tmp_path: Path) -> None:
    index = Index.create_or_open(tmp_path, "m1", DIM)
    with pytest.raises(ValueError, match=r"is empty: fill it with `partimento embed FILES"):
        index.search(gauss(1)[0])


def test_bad_vectors(tmp_path: Path) -> None:
    index = Index.create_or_open(tmp_path, "m1", DIM)
    index.add(rows_of(gauss(2)))
    with pytest.raises(ValueError, match="16 features, this one has 8"):
        index.search(np.ones(8))
    with pytest.raises(ValueError, match="shape"):
        index.search(np.ones((1, DIM)))
    with pytest.raises(ValueError, match="at least 1"):
        index.search(np.ones(DIM), k=0)
    for bad in (np.zeros(DIM), np.full(DIM, np.nan)):
        with pytest.raises(ValueError, match=r"broken\.mid: its vector is zero or not finite"):
            index.add([Row("broken.mid", "c", 1.0, bad, {})])
    assert len(index) == 2


def test_what_the_table_holds(tmp_path: Path) -> None:
    labels = {"composer": "Сергей Рахманинов", "opus": '"32"', "": "∅"}
    index = Index.create_or_open(tmp_path, "m1", DIM)
    index.add([Row("楽譜/O'Carolan \\ №1.mid", "c0", 12.5, gauss(1)[0], labels)])
    hit = index.search(gauss(1)[0])[0]
    assert (hit.path, hit.labels, hit.seconds) == ("楽譜/O'Carolan \\ №1.mid", labels, 12.5)
    row = lancedb.connect(tmp_path).open_table("embeddings").to_arrow().to_pylist()[0]
    assert list(row) == ["path", "content_hash", "seconds", "model_hash", "vector", "labels"]
    assert (row["model_hash"], row["content_hash"], json.loads(row["labels"])) == ("m1", "c0", labels)
    np.testing.assert_array_equal(np.array(row["vector"], dtype=np.float32), gauss(1)[0])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8, unique=True))
def test_any_name_is_found_again(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    index = Index.create_or_open(tmp_path_factory.mktemp("index"), "m1", DIM)
    vectors = gauss(len(names))
    index.add(Row(name, str(i), 0.0, vectors[i], {}) for i, name in enumerate(names))
    assert index.known([*names, "x" * 99]) == {name: str(i) for i, name in enumerate(names)}
