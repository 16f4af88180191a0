"""Continuations of held-out pieces by a model, beside human ones: results, their tables, and five blind pairs.

python runs/continuation-scores.py CORPUS [--model NAME] [--pieces N] [--jobs N]
python runs/continuation-scores.py --tables          the tables alone, from the results that are there
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import torch

import partimento
from partimento.corpus.store import Corpus
from partimento.report.blind import write_pairs
from partimento.search.copies import LONG_RUN, open_index
from partimento.tasks import results
from partimento.tasks.continuations import LATER, OTHER, TASK, TRUE, blind_pairs, cases, evaluate
from partimento.tasks.copied import COPIED, half_minutes
from partimento.tasks.results import Result

ROOT = Path(__file__).parents[1]
VALUES = {
    "note_density": "notes/s",
    "note_length": "note length, s",
    "pitch_class_entropy": "pitch-class entropy, bits",
    "pitch_range": "range, semitones",
    "inter_onset": "between onsets, s",
    "groove": "groove",
    "self_similarity": "self-similarity",
}
DISTANCES = VALUES | {"pitch_classes": "pitch classes", "inter_onsets": "inter-onset classes"}
COPIES = {
    "copied_notes": "longest run, notes",
    f"copied_notes_over_{LONG_RUN}": f"over {LONG_RUN} notes",
    "copied_distinct": "longest run, distinct",
    f"copied_distinct_over_{LONG_RUN}": f"over {LONG_RUN} distinct",
}
INTRODUCTION = """# Continuations, counted

`runs/continuations-scored.sh`: held-out pieces, one a song, as many of each set, continued from their 30th second for
30 s after prompts of {prompts} s. {seeds} 95 % intervals are over songs. *{later}* is human music
of the same piece: a continuation cannot be asked to be nearer to the true one than it is. *{other}* is human music of
another song, *prompt repeated* the prompt over and over. Definitions and papers: `partimento.tasks.excerpts`."""


def main() -> None:
    """Evaluate, append to results/, write docs/continuation-scores.md and the page of blind pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--model", default="piano-small", help="bundled name or folder")
    parser.add_argument("--pieces", type=int, default=40)
    parser.add_argument("--prompts", type=float, nargs="+", default=[5.0, 15.0, 30.0], help="seconds")
    parser.add_argument("--variations", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "continuation-scores.md")
    parser.add_argument("--page", type=Path, default=Path("out/blind-pairs.html"))
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--card", type=Path, help="Markdown file to which what is to be in the model card is appended")
    options = parser.parse_args()
    if not options.tables:
        if options.corpus is None:
            parser.error("name the corpus")
        measure(options)
    options.output.write_text(tables(results.read(options.results)), encoding="utf-8")
    print(options.output)
    if options.card:
        with options.card.open("a", encoding="utf-8") as file:
            file.write(card(results.read(options.results), options.model))


def card(found: Sequence[Result], model: str) -> str:
    """How much of what the model plays is in its training data, in a sentence for the model card."""
    mine = {(r.data, r.seed): r.metrics for r in found if r.task == TASK and r.system == model}
    human = next(r.metrics for r in reversed(found) if r.task == COPIED)

    def percent(name: str, all_of: Sequence[dict[str, float]]) -> str:
        return f"{100 * mean(metrics[f'{name}_over_{LONG_RUN}'] for metrics in all_of):.1f} %"

    notes, distinct = (percent(name, list(mine.values())) for name in ("copied_notes", "copied_distinct"))
    human_notes, human_distinct = (percent(name, [human]) for name in ("copied_notes", "copied_distinct"))
    return (
        f"\nCopies: of its continuations of held-out pieces {notes} share a run of over {LONG_RUN} notes with the "
        f"training data in any key, {distinct} one of over {LONG_RUN} distinct notes; of held-out human music "
        f"{human_notes} and {human_distinct} do. See docs/continuation-scores.md.\n"
    )


def measure(options: argparse.Namespace) -> None:
    """Append the results of one model, and write the page."""
    torch.set_num_threads(1)
    corpus, model = Corpus.open(options.corpus), partimento.load(options.model)
    begun = time.perf_counter()
    copies = open_index(corpus)
    print(f"note runs: {len(copies.intervals):,} notes, {time.perf_counter() - begun:.1f} s")
    half_minutes(corpus, copies, options.results)
    evaluate(
        *(corpus, model, copies, options.results),
        pieces=options.pieces,
        prompts_s=options.prompts,
        variations=options.variations,
        jobs=options.jobs,
    )
    options.page.parent.mkdir(parents=True, exist_ok=True)
    pairs = blind_pairs(model, cases(corpus, options.pieces)[:5])
    print(write_pairs(pairs, options.page, model.name, "Which goes on as the piece does?"))


def tables(found: Sequence[Result]) -> str:
    """The Markdown page; of several results of the same system, prompt and seed the last counts."""
    mine = [r for r in found if r.task == TASK]
    last = {(r.system, r.data, r.seed): r.metrics for r in mine}
    prompts = sorted({data for _, data, _ in last}, key=lambda data: float(data.split()[0]))
    systems = list(dict.fromkeys(system for system, _, _ in last))
    seeds = 1 + max(seed for _, _, seed in last)
    checkpoints = {r.system: r.checkpoint for r in mine if r.checkpoint}

    def cells(system: str, prompt: str, names: Sequence[str]) -> list[str]:
        its = [metrics for (s, p, _), metrics in last.items() if (s, p) == (system, prompt)]
        return [cell(its, name) for name in names]

    rows = [(system, prompt) for system in systems for prompt in prompts]
    # what does not depend on the prompt stands once
    once = [(s, p) for s, p in rows if p == prompts[0] or s not in (TRUE, LATER, OTHER)]
    labels = [f"{s}, {p}" if s not in (TRUE, LATER, OTHER) else s for s, p in once]
    parts = [
        INTRODUCTION.format(
            prompts=", ".join(prompt.split()[0] for prompt in prompts),
            seeds=f"Figures of a model are means over {seeds} draws; a draw's own" if seeds > 1 else "All",
            later=LATER,
            other=OTHER,
        ),
        "Weights: " + ", ".join(f"{system} `{checkpoint}`" for system, checkpoint in checkpoints.items()) + ".",
    ]
    for title, ending, names in (
        ("What they are like", "", VALUES),
        ("Distance to the true continuation of the same piece", "_error", DISTANCES),
        ("Overlapping area with the true continuations, as a set", "_overlap", DISTANCES),
        ("Runs shared with the training side", "", COPIES),
    ):
        body = [
            [label, *cells(s, p, [name + ending for name in names])]
            for label, (s, p) in zip(labels, once, strict=True)
            if not (ending and s == TRUE)  # it is what the others are compared with
        ]
        if names is COPIES:
            body += [[r.system, *(cell([r.metrics], name) for name in names)] for r in found if r.task == COPIED][-1:]
        parts.append(f"## {title}\n\n{markdown(['', *names.values()], body)}")
    body = [[s, *(cells(s, p, ["nats_per_note"])[0] for p in prompts)] for s in systems]
    parts.append(
        f"## Nats a note of a continuation under the model, given the prompt\n\n{markdown(['', *prompts], body)}"
    )
    return "\n\n".join(parts) + "\n"


def cell(seeds: Sequence[dict[str, float]], name: str) -> str:
    """A metric's mean over the seeds, with that of the ends of its interval."""
    if not seeds or name not in seeds[0]:
        return ""
    value, *ends = (
        mean(metrics[key] for metrics in seeds if key in metrics) if key in seeds[0] else None
        for key in (name, f"{name}_low", f"{name}_high")
    )
    share = "_over_" in name
    texts = [f"{100 * x:.1f} %" if share else f"{x:.2f}" for x in (value, *ends) if x is not None]
    return texts[0] if len(texts) == 1 else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    main()
