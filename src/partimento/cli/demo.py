"""demo: the whole house in a few minutes, on ten short pieces or on a folder of the user's own."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import tyro

from partimento.cli.messages import failures, say
from partimento.cli.options import DEFAULT_MODEL, Device, Model

CONTINUED = 3  # pieces the page lets one hear continued


def demo(
    folder: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[FOLDER]")] = None,
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="PATH")] = Path("partimento-demo"),
    seconds: float = 30.0,
    seed: int = 1,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
) -> int:
    """The tour: reads a folder, embeds it, searches it, continues three pieces and writes a page to listen to.

    Args:
        folder: MIDI files of your own; ten short pieces that come with the package by default.
        output: folder for the corpus, the index, the continuations and the page; an earlier demo there is replaced.
        seconds: music to add to each of the three pieces.
        seed: a number that names the draw.
        model: what embeds and continues.
        device: where it computes.
    """
    from partimento.cli.music import continuation_takes
    from partimento.corpus.ingest import ingest
    from partimento.corpus.store import Corpus
    from partimento.examples import FOLDER as EXAMPLES
    from partimento.examples import example_titles
    from partimento.generate.continuation import continue_notes
    from partimento.generate.options import ContinueOptions
    from partimento.midi import write_midi
    from partimento.model import load
    from partimento.report.listen import write_page
    from partimento.search.index import Index, Row

    began_s = time.monotonic()
    _clear(output)
    report = ingest(folder or EXAMPLES, output / "corpus", progress=False)
    _step(1, f"read {report.pieces:,} pieces, {report.notes:,} notes, {report.seconds / 60:.0f} min of music")
    pieces = [piece for piece in Corpus.open(report.folder) if (~piece.notes.is_drum & (piece.notes.program < 8)).any()]
    if not pieces:
        raise ValueError(f"no piano notes in {folder}; the model of this demo plays the piano")
    player = load(model, device)
    parameters = sum(p.numel() for p in player.network.parameters())
    _step(2, f"opened {player.name}: {parameters / 1e6:.1f} M parameters on {player.device}")

    vectors = player.embed_notes([piece.notes for piece in pieces])
    index = Index.create_or_open(output / "index", player.hash, player.embed_dim)
    rows = zip(pieces, vectors, strict=True)
    index.add(Row(piece.path, piece.content_hash, piece.seconds, vector, piece.labels) for piece, vector in rows)
    _step(3, f"embedded {len(pieces):,} pieces as vectors of {player.embed_dim}")
    titles = example_titles() if folder is None else {}
    nearest = {
        piece.path: next((hit for hit in index.search(vector, 2) if hit.path != piece.path), None)
        for piece, vector in zip(pieces, vectors, strict=True)
    }
    for piece in pieces[:CONTINUED]:
        if hit := nearest[piece.path]:
            say(f"      {_name(piece.path, titles)} is nearest to {_name(hit.path, titles)} ({hit.score:.3f})")

    takes = []
    chosen = [piece for piece in pieces if piece.seconds >= 10] or pieces
    for number, piece in enumerate(chosen[:: max(1, len(chosen) // CONTINUED)][:CONTINUED], 1):
        options = ContinueOptions(prompt_seconds=min(15.0, piece.seconds), seconds=seconds, variations=2, seed=seed)
        continued = continue_notes(player.network, player.tokenizer, piece.notes, options)
        for variation, one in enumerate(continued, 1):
            write_midi(one.notes, output / f"{Path(piece.path).stem}-continued-{variation}.mid")
        takes += continuation_takes(_name(piece.path, titles), continued)
        new = sum(len(one.new_notes) for one in continued)
        _step(3 + number, f"continued {_name(piece.path, titles)}: {new:,} new notes in two variations")
    page = write_page(takes, output / "index.html", "Partimento: three pieces, continued")
    say(f"done in {time.monotonic() - began_s:.0f} s; open this page in a browser:")
    print(page.resolve())
    return failures(report.rejected)


def _step(number: int, text: str) -> None:
    say(f"[{number}/6] {text}")


def _name(path: str, titles: dict[str, str]) -> str:
    return titles.get(Path(path).stem, path)


def _clear(output: Path) -> None:
    """Remove an earlier demo, and nothing else.

    Raises:
        FileExistsError: if the folder holds something that no demo made.
    """
    if not output.exists():
        return
    mine = {"corpus", "index", "index.html"}
    strange = [p.name for p in output.iterdir() if p.name not in mine and "-continued-" not in p.name]
    if strange or not output.is_dir():
        raise FileExistsError(
            f"{output} holds {', '.join(strange[:3])}, which no demo made; choose another folder with -o"
        )
    shutil.rmtree(output)
