"""drum: a drum part for a song."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from partimento.cli.messages import make_room, say
from partimento.cli.options import Device

if TYPE_CHECKING:
    from partimento.generate.drum_fill import DrumTake
    from partimento.notes import Notes

DEFAULT_DRUMMER = "drums-small"


def drum(
    song: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SONG.mid")],
    /,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="OUT.mid")] = None,
    fills: Annotated[str, tyro.conf.arg(metavar="auto|none|'every 8'|'bars 7,15'")] = "auto",
    density: Annotated[float | None, tyro.conf.arg(metavar="0..1")] = None,
    kit: Annotated[tuple[str, ...], tyro.conf.arg(metavar="DRUM...", help_behavior_hint="(default: all)")] = (),
    keep_bars: Annotated[str, tyro.conf.arg(metavar="1-8,17", help_behavior_hint="(default: none)")] = "",
    keep: Annotated[tuple[str, ...], tyro.conf.arg(metavar="DRUM...", help_behavior_hint="(default: none)")] = (),
    replace: bool = False,
    temperature: float = 0.8,
    humanize: Annotated[float, tyro.conf.arg(metavar="0..1")] = 1.0,
    seed: int | None = None,
    variations: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1,
    only_drums: bool = False,
    map: Annotated[Path | None, tyro.conf.arg(metavar="MAP.json")] = None,
    page: Annotated[Path | None, tyro.conf.arg(metavar="PAGE.html")] = None,
    model: Annotated[str, tyro.conf.arg(aliases=["-m"], metavar="NAME|FOLDER|ORG/REPO")] = DEFAULT_DRUMMER,
    threads: int | None = None,
    device: Device = "auto",
    overwrite: bool = False,
) -> int:
    """Write a drum part for a song, with fills.

    A model hears piano, guitar, bass and strings of the whole song and plays to them, on the General MIDI drum channel.
    The song must be in 4/4 and lie on its own beats; swing and triplets are heard. The same seed gives the same drums.
    With several variations the files are numbered: OUT-1.mid, OUT-2.mid, ...

      partimento drum SONG.mid -o OUT.mid
      partimento drum SONG.mid --fills 'every 8' --density 0.7 --variations 3 --page TAKES.html
      partimento drum SONG.mid --keep-bars 1-16 --fills 'bars 24'      the drums of the first 16 bars stay
      partimento drum SONG.mid --keep kick snare --kit kick snare hats  new hi-hats to the kick and snare it has

    Drums by name or short: kick (bd), snare (sd), closed hi-hat (ch), open hi-hat (oh), pedal hi-hat (ph), ride (rd),
    crash (cr), low floor tom (lft), high floor tom (hft), low tom (lt), high-mid tom (mt), high tom (ht), cowbell (cb),
    tambourine (tb), cabasa (ca), maracas (ma); and the groups hats, cymbals, toms, percussion.

    Args:
        song: MIDI file.
        output: MIDI file to write; SONG-drums.mid beside the song by default.
        fills: where: auto as the music asks for them, none, 'every 8' bars, or the 'bars 7,15'; bars count from 1.
        density: how busy it is between the fills, from 0, hardly a hit, to 1; by default as the kept drums, or 0.5.
        kit: the drums that may play.
        keep_bars: bars whose drums must not change; where a song has none, they stay silent.
        keep: drums that must not change in any bar.
        replace: the drums that the song has give way.
        temperature: of the hits: below 1 steadier, above 1 bolder; 0 takes the likeliest.
        humanize: how much velocity and timing vary, from 0, as expected, to 1, as a drummer's do.
        seed: a number that names the draw; printed when it is not given.
        variations: how many different parts.
        only_drums: write the drums alone.
        map: JSON file {"kick": 36, ...}: pitches of drums that are not on General MIDI's.
        page: also write a page to listen to.
        model: a drummer.
        threads: CPU threads.
        device: where it computes.
        overwrite: replace files that exist.
    """
    from partimento.generate.drum_options import USUAL_DENSITY, DrumOptions
    from partimento.midi import MidiError, read_midi, write_midi

    if density is None and not (keep_bars or keep):
        density = USUAL_DENSITY
    options = DrumOptions(fills, density, kit, keep_bars, keep, temperature, humanize, True, seed, variations)
    pitches = kit_of(map)
    output = output or song.with_name(f"{song.stem}-drums.mid")
    numbered = [output.with_name(f"{output.stem}-{k + 1}{output.suffix or '.mid'}") for k in range(variations)]
    outputs = [output] if variations == 1 else numbered
    for path in [*outputs, *([page] if page else [])]:
        make_room(path, overwrite)
    try:
        notes = read_midi(song)
    except MidiError as error:
        raise MidiError(f"{song}: {error}") from None
    drums = int(notes.is_drum.sum())
    if drums and not (replace or keep_bars or keep):
        raise ValueError(
            f"{song} has drums already ({drums:,} notes): --replace plays others instead, --keep-bars 1-8 keeps some "
            "bars, --keep kick snare some drums"
        )

    import torch  # now that everything has been looked at

    from partimento.drum_model import load_drummer

    torch.set_num_threads(threads or 1)  # a step is so small that a second thread only waits
    drummer = load_drummer(model, device)
    takes = _takes(drummer, notes, options, pitches, song)
    for path, take in zip(outputs, takes, strict=True):
        write_midi(take.notes.select(take.notes.is_drum) if only_drums else take.notes, path)
        print(path)
    _tell(takes, len(takes[0].grid))
    if page:
        from partimento.report.listen import Take, write_page

        columns = [Take("Song", notes, group=song.stem)]
        columns += [
            Take(f"Drums {k}", take.notes, detail=f"seed {take.seed}", group=song.stem)
            for k, take in enumerate(takes, 1)
        ]
        write_page(columns, page, f"{song.stem}, with drums")
        print(page)
    return 0


def _takes(drummer: object, notes: Notes, options: object, pitches: tuple[int, ...], song: Path) -> list[DrumTake]:
    from tqdm import tqdm

    from partimento.drum_model import DrumModel
    from partimento.generate.drum_fill import drums_for
    from partimento.generate.drum_options import DrumOptions

    assert isinstance(drummer, DrumModel)
    assert isinstance(options, DrumOptions)
    with tqdm(unit="bar", disable=None, leave=False) as bar:

        def on_bar(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            return drums_for(drummer, notes, options, True, pitches, on_bar)
        except ValueError as error:
            raise ValueError(f"{song}: {error}") from None


def _tell(takes: list[DrumTake], bars: int) -> None:
    hits = sum(int(take.grid.hits.sum()) for take in takes) / len(takes)
    fills = ", ".join(str(bar + 1) for bar in takes[0].fills) or "none"
    say(f"seed {takes[0].seed}, {bars} bars, {hits / bars:.1f} hits a bar; fills in bars: {fills}")


def kit_of(path: Path | None) -> tuple[int, ...]:
    """The pitch of each of the 16 drum classes, General MIDI's but for those that a JSON file names.

    Raises:
        ValueError: if the file is not an object of drum names and pitches.
    """
    import json

    from partimento.generate.drum_options import drum_classes
    from partimento.tokens.drum_kit import KIT

    if path is None:
        return KIT
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f'{path} must be an object such as {{"kick": 36, "snare": 38}}')
    pitches = list(KIT)
    for name, pitch in given.items():
        if isinstance(pitch, bool) or not isinstance(pitch, int) or not 0 <= pitch <= 127:
            raise ValueError(f"{path}: the pitch of {name!r} is {pitch!r}; it must be a whole number from 0 to 127")
        try:
            which = drum_classes((name,))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        for drum in which.nonzero()[0]:
            pitches[drum] = pitch
    return tuple(pitches)
