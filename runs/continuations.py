"""Five prompts continued by the bundled model: MIDI and pictures for docs/continuations.md, and what can be counted.

python runs/continuations.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import partimento
from partimento.examples import FOLDER, example_titles
from partimento.generate.continuation import Continuation, continue_notes
from partimento.generate.options import ContinueOptions
from partimento.notes import Notes
from partimento.report.pianoroll import piano_roll

DOCS = Path(__file__).parents[1] / "docs"
PROMPTS = (  # settings of our own: none is in the training data in this form
    *("brahms-wiegenlied-op-49-4", "greensleeves", "beethoven-ode-to-joy-op-125"),
    *("pachelbel-canon-d-major", "satie-gymnopedie-1"),
)
OPTIONS = ContinueOptions(prompt_seconds=15.0, seconds=25.0, seed=1)


def main() -> None:
    """Write docs/continuations.md, its pictures and its MIDI files."""
    model = partimento.load("piano-small")
    folder = DOCS / "continuations"
    folder.mkdir(exist_ok=True)
    lines = [
        "# Five prompts, continued",
        "",
        f"`python runs/continuations.py`: the bundled model hears 15 s and adds 25 s; seed {OPTIONS.seed}, temperature "
        f"{OPTIONS.temperature}, min-p {OPTIONS.min_p}, the first draw of each, none chosen by ear. The dashed line is "
        "where it takes over.",
        "",
    ]
    for name in PROMPTS:
        prompt = partimento.read_midi(FOLDER / f"{name}.mid")
        take = continue_notes(model.network, model.tokenizer, prompt, OPTIONS)[0]
        partimento.write_midi(take.notes, folder / f"{name}.mid")
        figure, axes = plt.subplots(figsize=(10, 3), layout="constrained")
        piano_roll(take.notes, axes, prompt_seconds=take.prompt_seconds)
        figure.savefig(folder / f"{name}.png", dpi=90)
        plt.close(figure)
        lines += [f"## {example_titles()[name]}", "", f"![piano roll](continuations/{name}.png)", "", *table(take), ""]
        lines += [f"[MIDI](continuations/{name}.mid)", ""]
    (DOCS / "continuations.md").write_text("\n".join(lines), encoding="utf-8")


def table(take: Continuation) -> list[str]:
    """What can be counted of the prompt and of what follows it, as a Markdown table."""
    heard = take.notes.window(0.0, take.prompt_seconds)
    new = take.notes.window(take.prompt_seconds, np.inf)
    rows = [("prompt", heard, take.prompt_seconds), ("continuation", new, OPTIONS.seconds)]
    return [
        "| | notes/s | pitch range | mean velocity | longest gap, s | pitches of the prompt's key |",
        "|---|---|---|---|---|---|",
        *(f"| {name} | {' | '.join(counts(notes, seconds, heard))} |" for name, notes, seconds in rows),
    ]


def counts(notes: Notes, seconds: float, heard: Notes) -> list[str]:
    """Density, range, loudness, the longest gap between onsets, the share of notes in the pitch classes of `heard`."""
    if not len(notes):
        return ["0", "-", "-", f"{seconds:.1f}", "-"]
    onsets = notes.seconds_at(notes.onset)
    gap = float(np.diff(onsets).max(initial=0.0))
    classes = np.unique(heard.pitch % 12)
    return [
        f"{len(notes) / seconds:.1f}",
        f"{notes.pitch.min()}–{notes.pitch.max()}",
        f"{notes.velocity.mean():.0f}",
        f"{gap:.1f}",
        f"{np.isin(notes.pitch % 12, classes).mean():.0%}",
    ]


if __name__ == "__main__":
    main()
