"""A page of ten test songs with four drum parts each, which of them is whose told by a click.

    python runs/drums-listening.py FOLDER_OF_SETS --model MODEL --cache CACHE [--published FOLDER] [-o PAGE.html]

The part of the song itself, that of the published system (left out, and said, where its stages are not trained), ours,
and ours with a fill every eight bars: all on the grid, all of one velocity, as the published system knows none. Songs
of the open tier unless `--tier all` adds others.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from partimento.analysis.novelty import sounding
from partimento.checkpoint import CheckpointError
from partimento.corpus.datasets.drums import DrumPiece, DrumSet, read_drums
from partimento.drum_model import DrumModel, load_drummer
from partimento.generate.dahale import Published, accompany, load_published
from partimento.generate.drum_cells import PLAIN_VELOCITY
from partimento.generate.drum_fill import fill
from partimento.generate.drum_options import USUAL_DENSITY, DrumOptions
from partimento.midi import read_midi
from partimento.notes import Notes
from partimento.report.blind import hidden_order
from partimento.report.listen import Take, write_page
from partimento.tokens.drum_lines import grid_fit
from partimento.tokens.drumgrid import DrumGrid, to_grid, with_drums

SEED = 0


def parts_of(
    grid: DrumGrid, feel: str, model: DrumModel, published: Published | None, bars: int, seed: int
) -> tuple[slice, list[tuple[str, np.ndarray]]]:
    """The bars that are heard, and the hits (bars, 32, 16) of each part with its name, over the whole song."""
    part = sounding(grid.hits)
    heard = slice(part.start, min(part.stop, part.start + bars))
    named = [("the song itself", grid.hits)]
    if published is not None:
        made = np.zeros_like(grid.hits)
        made[part] = accompany(published, grid.others[part], 1.0, seed).hits
        named.append(("Dahale et al. 2022", made))
    shown = grid.bars(0, min(len(grid), heard.stop + 16))
    for name, options in (
        (model.title, DrumOptions(seed=seed, density=USUAL_DENSITY)),
        (f"{model.title}, --fills 'every 8'", DrumOptions(seed=seed, density=USUAL_DENSITY, fills="every 8")),
    ):
        made = np.zeros_like(grid.hits)
        made[: len(shown)] = fill(model, shown, options, feel)[0].hits
        named.append((name, made))
    return heard, named


def played(notes: Notes, grid: DrumGrid, hits: np.ndarray, heard: slice) -> Notes:
    """The bars of the song that are heard, with these hits for drums."""
    velocity = (hits * PLAIN_VELOCITY).astype(np.uint8)
    made = replace(grid, velocity=velocity, shift=np.zeros_like(grid.shift))
    song = with_drums(notes, made, np.ones(len(grid), dtype=bool))
    first, last = int(grid.bar_ticks[heard.start]), int(grid.bar_ticks[heard.stop])
    cut = song.select((song.onset >= first) & (song.onset < last))
    tempo = max(0, int(np.searchsorted(song.tempo_tick, first, side="right")) - 1)
    pedal = (song.pedal_tick >= first) & (song.pedal_tick < last)
    return replace(
        cut,
        onset=cut.onset - first,
        tempo_tick=np.maximum(song.tempo_tick[tempo:] - first, 0),
        tempo_us=song.tempo_us[tempo:],
        pedal_tick=song.pedal_tick[pedal] - first,
        pedal_value=song.pedal_value[pedal],
        pedal_track=song.pedal_track[pedal],
        metre_tick=np.zeros(1, dtype=song.metre_tick.dtype),
        metre_numerator=song.metre_numerator[:1],
        metre_denominator=song.metre_denominator[:1],
    )


def chosen(drums: DrumSet, tier: str, count: int) -> list[DrumPiece]:
    """Test songs drawn by seed, those of the open tier first."""
    songs = drums.where(set="multitrack", side="test").pieces
    order = np.random.default_rng(SEED).permutation(len(songs)).tolist()
    kept = [songs[index] for index in order if tier == "all" or songs[index].tier == "open"]
    return sorted(kept, key=lambda piece: piece.tier != "open")[:count]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the unpacked sets")
    parser.add_argument("--model", default="drums-small")
    parser.add_argument("--published", type=Path, help="folder of the published system's stages")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the columns of the sets")
    parser.add_argument("--split", type=Path, default=Path("docs/data/drums-split.csv"))
    parser.add_argument("-o", "--output", type=Path, default=Path("drums.html"))
    parser.add_argument("--tier", choices=("open", "all"), default="open")
    parser.add_argument("--songs", type=int, default=10)
    parser.add_argument("--bars", type=int, default=32, help="of each song, from the first with drums on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_drummer(options.model, "cpu")
    try:
        published = load_published(options.published, device="cpu") if options.published else None
    except (CheckpointError, OSError) as error:
        print(f"without the published system: {error}")
        published = None
    takes: list[Take] = []
    generator = np.random.default_rng(SEED)
    songs = chosen(read_drums(options.root, options.split, options.cache), options.tier, options.songs)
    for number, piece in enumerate(songs):
        notes = read_midi(options.root / piece.path)
        grid = to_grid(notes)
        feel = grid_fit(notes.select(~notes.is_drum)).feel
        heard, named = parts_of(grid, feel, model, published, options.bars, SEED + number)
        answers = [(played(notes, grid, hits, heard), name) for name, hits in named]
        takes += hidden_order(answers, f"Song {number + 1}", Path(piece.path).stem, generator)
        print(piece.path, flush=True)
    print(write_page(takes, options.output, "Drums: the song's, a published system's, ours"))


if __name__ == "__main__":
    main()
