"""One Markdown table a benchmark, printed and kept under docs/benchmarks/; docs/benchmarks.md has them all."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"

HEAD = """# Benchmarks

Ours and the peers' in the same run, on two cores of a server CPU without a GPU unless a table says otherwise. Absolute
figures are this machine's; the ratios are what to look at. Each script under `benchmarks/` writes its own table here.
"""


def write_table(name: str, title: str, rows: list[dict[str, object]], notes: str = "") -> None:
    """Print the rows as a table and write it to docs/benchmarks/<name>.md, with the date and the notes under it."""
    head = list(rows[0])
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cell(row[column]) for column in head)} |" for row in rows]
    lines += [
        "",
        f"`python benchmarks/{name}.py`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}. "
        f"{notes}".strip(),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")
    parts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))]
    FOLDER.with_suffix(".md").write_text("\n".join([HEAD, *parts]), encoding="utf-8")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
