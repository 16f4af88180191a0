"""demo: the whole house in a few minutes, on ten short pieces or on a folder of the user's own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from partimento.cli.messages import UsageError, failures, say
from partimento.cli.options import DEFAULT_EMBEDDING, DEFAULT_MODEL, Device, Model

if TYPE_CHECKING:
    from partimento.corpus.store import Piece
    from partimento.drum_model import DrumModel
    from partimento.generate.drum_fill import DrumTake

CONTINUED = 3  # pieces the page lets one hear continued
MARK = ".partimento-demo"  # the file by which a folder is known to be a demo's own


def demo(
    folder: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[FOLDER]")] = None,
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="PATH")] = Path("partimento-demo"),
    seconds: float = 30.0,
    seed: int = 1,
    model: Model = DEFAULT_MODEL,
    embedding: Annotated[str, tyro.conf.arg(metavar="NAME|FOLDER|ORG/REPO")] = DEFAULT_EMBEDDING,
    device: Device = "auto",
) -> int:
    """The tour: embeds, searches, continues, adds drums.

    It ends with the path of a page to listen to, on which three of the pieces are continued and one has drums.

    Args:
        folder: MIDI files of your own; ten short pieces that come with the package by default.
        output: folder for the corpus, the index, the continuations and the page; an earlier demo there is replaced.
        seconds: music to add to each of the three pieces.
        seed: a number that names the draw.
        model: what continues.
        embedding: what embeds.
        device: where it computes.
    """
    from partimento.cli.drum import DEFAULT_DRUMMER
    from partimento.cli.music import continuation_takes
    from partimento.corpus.ingest import ingest
    from partimento.corpus.store import Corpus
    from partimento.drum_model import load_drummer
    from partimento.examples import FOLDER as EXAMPLES
    from partimento.examples import example_titles
    from partimento.generate.continuation import continue_notes
    from partimento.generate.options import ContinueOptions
    from partimento.midi import write_midi
    from partimento.midi_model import MidiModel
    from partimento.model import load
    from partimento.piano_model import load_piano
    from partimento.report.listen import Take, write_page
    from partimento.search.index import Index, Row

    began_s = time.monotonic()
    _clear(output)
    output.mkdir(parents=True)
    (output / MARK).touch()
    report = ingest(folder or EXAMPLES, output / "corpus", progress=False)
    if not report.pieces:
        failures(report.rejected)
        raise ValueError(f"no piece in {folder} can be read")
    pieces = [piece for piece in Corpus.open(report.folder) if (~piece.notes.is_drum & (piece.notes.program < 8)).any()]
    if not pieces:
        raise ValueError(f"no piano notes in {folder}; the model of this demo plays the piano")
    long_enough = [piece for piece in pieces if piece.seconds >= 10] or pieces
    chosen = long_enough[:: max(1, len(long_enough) // CONTINUED)][:CONTINUED]
    steps = 4 + len(chosen)
    _step(1, steps, f"read {report.pieces:,} pieces, {report.notes:,} notes, {report.seconds / 60:.0f} min of music")
    player = load_piano(model, device)
    parameters = sum(p.numel() for p in player.network.parameters())
    _step(2, steps, f"opened {player.name}: {parameters / 1e6:.1f} M parameters on {player.device}")

    embedder = load(embedding, device)
    if not isinstance(embedder, MidiModel):
        raise UsageError(f"--embedding {embedding} reads no notes")
    vectors = embedder.embed_notes([piece.notes for piece in pieces])
    index = Index.create_or_open(output / "index", embedder.hash, embedder.embed_dim)
    rows = zip(pieces, vectors, strict=True)
    index.add(Row(piece.path, piece.content_hash, piece.seconds, vector, piece.labels) for piece, vector in rows)
    _step(3, steps, f"embedded {len(pieces):,} pieces as vectors of {embedder.embed_dim} with {embedder.name}")
    titles = example_titles() if folder is None else {}
    nearest = {
        piece.path: next((hit for hit in index.search(vector, 2) if hit.path != piece.path), None)
        for piece, vector in zip(pieces, vectors, strict=True)
    }
    for piece in pieces[:CONTINUED]:
        if hit := nearest[piece.path]:
            say(f"      {_name(piece.path, titles)} is nearest to {_name(hit.path, titles)} ({hit.score:.3f})")

    takes = []
    for number, piece in enumerate(chosen, 1):
        options = ContinueOptions(prompt_seconds=min(15.0, piece.seconds), seconds=seconds, variations=2, seed=seed)
        continued = continue_notes(player.network, player.tokenizer, piece.notes, options)
        for variation, one in enumerate(continued, 1):
            write_midi(one.notes, output / f"{Path(piece.path).stem}-continued-{variation}.mid")
        takes += continuation_takes(_name(piece.path, titles), continued)
        new = sum(len(one.new_notes) for one in continued)
        _step(3 + number, steps, f"continued {_name(piece.path, titles)}: {new:,} new notes in two variations")
    drummer = load_drummer(DEFAULT_DRUMMER, device)
    if drummed := _drummed(pieces, drummer, seed):
        piece, song = drummed
        name = _name(piece.path, titles)
        write_midi(song.notes, output / f"{Path(piece.path).stem}-drums.mid")
        takes.append(Take(f"{name}, with drums", song.notes, detail=drummer.title, group=name))
        _step(steps, steps, f"{drummer.title} played to {name}: {int(song.notes.is_drum.sum()):,} hits")
    else:
        _step(steps, steps, "no piece is in 4/4 on its own beats and without drums, so none got any")
    page = write_page(takes, output / "index.html", "Partimento: three pieces continued, one with drums")
    say(f"done in {time.monotonic() - began_s:.0f} s; open this page in a browser:")
    print(page.resolve())
    return failures(report.rejected)


def _drummed(pieces: Sequence[Piece], drummer: DrumModel, seed: int) -> tuple[Piece, DrumTake] | None:
    """The first piece that drums can be played to, with them."""
    from partimento.generate.drum_fill import drums_for
    from partimento.generate.drum_options import DrumOptions

    for piece in pieces:
        if not piece.notes.is_drum.any():
            with suppress(ValueError):  # another metre, or not on its own beats
                return piece, drums_for(drummer, piece.notes, DrumOptions(seed=seed))[0]
    return None


def _step(number: int, steps: int, text: str) -> None:
    say(f"[{number}/{steps}] {text}")


def _name(path: str, titles: dict[str, str]) -> str:
    return titles.get(Path(path).stem, path)


def _clear(output: Path) -> None:
    """Remove an earlier demo, and nothing else.

    Raises:
        FileExistsError: if the folder holds something that no demo made.
    """
    if not output.exists():
        return
    if not output.is_dir():
        raise FileExistsError(f"{output} is a file; choose a folder with -o")
    if not (output / MARK).exists() and (found := sorted(p.name for p in output.iterdir())):
        raise FileExistsError(f"{output} holds {', '.join(found[:3])} and is no demo's; choose another folder with -o")
    shutil.rmtree(output)
