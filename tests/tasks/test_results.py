"""Results: one line each, and the tables made of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from partimento.tasks import results
from partimento.tasks.results import Result


def result(system: str, data: str, value: float, seed: int = 0, **metrics: float) -> Result:
    return Result(system, "abc", "language_modelling", data, "test", seed, {"nats": value, **metrics}, 1.5)


def test_what_is_appended_is_read_again_in_order(tmp_path: Path) -> None:
    first, second = result("small", "pop909", 9.5), result("small", "emopia", 10.25, nats_low=10.0, nats_high=10.5)
    results.append([first], tmp_path / "results")
    results.append([second], tmp_path / "results")
    assert results.read(tmp_path / "results") == [first, second]
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["language_modelling.jsonl"]


def test_table_has_a_row_for_each_system_and_a_column_for_each_set() -> None:
    rows = [
        result("uniform", "pop909", 30.0),
        result("small", "pop909", 9.5, nats_low=9.25, nats_high=9.75),
        result("small", "emopia", 10.25),
    ]
    assert results.table(rows, "nats").splitlines() == [
        "| system | checkpoint | emopia | pop909 |",
        "|---|---|---:|---:|",
        "| uniform | abc |  | 30.00 |",
        "| small | abc | 10.25 | 9.50 [9.25, 9.75] |",
    ]


def test_seeds_are_averaged_and_a_repeated_evaluation_counts_once() -> None:
    rows = [result("small", "a", 99.0), result("small", "a", 1.0), result("small", "a", 3.0, seed=1)]
    assert "2.00 ± 1.41 (2 seeds)" in results.table(rows, "nats")


def test_counts_are_whole_numbers() -> None:
    assert "| 146,304 |" in results.table([result("small", "a", 1.0, notes=146304)], "notes")


def test_other_splits_are_left_out() -> None:
    assert "9.50" not in results.table([result("small", "a", 9.5)], "nats", split="valid")


def test_the_module_prints_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results.append([result("small", "pop909", 9.5, nats_low=9.25, nats_high=9.75)], tmp_path)
    monkeypatch.setattr(sys, "argv", ["results", str(tmp_path)])
    results.main()
    printed = capsys.readouterr().out
    assert "## language_modelling: nats\n" in printed
    assert "9.50 [9.25, 9.75]" in printed
    assert "nats_low" not in printed


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    results.append([result("small", "a", 1.0)], tmp_path)
    with (tmp_path / "language_modelling.jsonl").open("a") as file:
        file.write('{"system": "small"\n')
    with pytest.raises(ValueError, match=r"language_modelling.jsonl, line 2"):
        results.read(tmp_path)


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="partimento evaluate"):
        results.read(tmp_path)
