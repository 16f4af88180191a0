"""One HTML file to listen to: pieces side by side as piano rolls that play, with nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from partimento.midi import to_bytes
from partimento.notes import Notes
from partimento.report.heard import heard
from partimento.report.instruments import parts

SCRIPTS = ("struck.js", "sustained.js", "drums.js", "player.js", "roll.js", "page.js")


@dataclass(frozen=True)
class Take:
    """One entry of the page.

    Args:
        title: what stands above it; also names its MIDI file.
        notes: what it plays.
        prompt_seconds: notes that begin before this stand in the prompt's colour, with a line at the boundary; the
            whole length (or more) makes all of it prompt, None makes none.
        detail: a line below the title.
        group: takes with the same non-empty group stand side by side under that heading, in their order.
        answer: what the listener shall not know at first: it is shown by a click below the row of its group, and in a
            key at the end of the page.
    """

    title: str
    notes: Notes
    prompt_seconds: float | None = None
    detail: str = ""
    group: str = ""
    answer: str = ""


def write_page(
    takes: Sequence[Take],
    path: str | Path,
    title: str = "Partimento",
    render: Callable[[Notes], bytes] | None = None,
) -> Path:
    """Write the page; what was there before is replaced whole or not at all.

    Args:
        takes: at least one, in the order of the page.
        path: the HTML file to write.
        title: heading of the page.
        render: gives the sound of a piece as a file that a browser decodes (`partimento.report.render.render_audio`);
            without it the page plays the notes with its own synthesizer.

    Raises:
        ValueError: if there is no take.
    """
    if not takes:
        raise ValueError("a page needs at least one take")
    path = Path(path)
    sounds = [render(take.notes) for take in takes] if render else []
    part = path.with_name(f".{path.name}.part")
    part.write_text(page(takes, title, sounds), encoding="utf-8")
    part.replace(path)
    return path


def page(takes: Sequence[Take], title: str, sounds: Sequence[bytes] = ()) -> str:
    """The page as text; `sounds` are audio files, one a take, or empty."""
    names = midi_names(takes)
    data = {"title": title, "takes": [_take_data(take, name) for take, name in zip(takes, names, strict=True)]}
    here = files("partimento.report")
    style = (here / "page.css").read_text(encoding="utf-8")
    script = "\n".join((here / name).read_text(encoding="utf-8") for name in SCRIPTS)
    # Nothing but these very texts may run or be loaded: a stray reference to the network is an error, not a request.
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    blocks = "".join(
        f'<script type="text/plain" id="sound-{index}">{base64.b64encode(sound).decode()}</script>\n'
        for index, sound in enumerate(sounds)
    )
    filled = {
        "policy": policy,
        "title": html.escape(title),
        "style": style,
        "data": _json_for_html(data),
        "sounds": blocks,
        "script": script,
    }
    template = (here / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], template)


def midi_names(takes: Sequence[Take]) -> list[str]:
    """A file name for the MIDI of each take: group and title without what file systems refuse, no two alike."""
    names: list[str] = []
    for take in takes:
        text = " - ".join(part for part in (take.group.strip(), take.title.strip()) if part)
        text = unicodedata.normalize("NFC", text)
        text = re.sub(r"\.midi?$", "", text, flags=re.IGNORECASE)
        kept = "".join(c if c.isalnum() or c in " -_.,()'" or unicodedata.combining(c) else "_" for c in text)
        stem = re.sub(r"_{2,}", "_", kept).strip(" ._")[:80] or "piece"
        name, count = f"{stem}.mid", 1
        while name.lower() in {n.lower() for n in names}:
            count += 1
            name = f"{stem} ({count}).mid"
        names.append(name)
    return names


def _take_data(take: Take, file_name: str) -> dict[str, object]:
    """What the scripts of the page get of one take; times in whole milliseconds."""
    notes, times = take.notes, heard(take.notes)
    its_parts, part_of = parts(notes, by_track=take.prompt_seconds is None)
    end_s = float((times.onset_s + times.held_s).max()) if len(notes) else 0.0
    prompt_s = take.prompt_seconds
    if prompt_s is not None and not (times.onset_s >= prompt_s).any():
        prompt_s = end_s
    columns = {
        "onset": np.rint(times.onset_s * 1e3),
        "held": np.rint(times.held_s * 1e3),
        "sounding": np.rint(times.sounding_s * 1e3),
        "pitch": notes.pitch,
        "velocity": notes.velocity,
        "part": part_of,
    }
    return {
        "title": take.title,
        "detail": take.detail,
        "group": take.group,
        "answer": take.answer,
        "seconds": round(end_s, 3),
        "prompt": None if prompt_s is None else round(prompt_s, 3),
        "file": file_name,
        "midi": base64.b64encode(to_bytes(notes)).decode(),
        "parts": [{"name": part.name, "program": part.program, "drum": part.is_drum} for part in its_parts],
        "notes": {name: column.astype(np.int64).tolist() for name, column in columns.items()},
    }


def _json_for_html(data: object) -> str:
    """JSON that no text in it can end early inside a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
