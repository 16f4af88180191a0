"""continue, listen: music out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from partimento.cli.messages import UsageError, failures, make_room, midi_files, say
from partimento.cli.options import DEFAULT_MODEL, Device, Files, Model, Output

if TYPE_CHECKING:
    from partimento.generate.continuation import Continuation
    from partimento.notes import Notes
    from partimento.report.listen import Take
    from partimento.search.copies import CopyIndex


def continue_(
    prompt: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PROMPT.mid")],
    /,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="OUT.mid")] = None,
    seconds: float = 30.0,
    prompt_seconds: float = 15.0,
    whole_prompt: bool = False,
    variations: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float = 0.035,
    min_p_durations: float = 0.0,
    time_step_penalty: float = 0.0,
    end: bool = False,
    like: Annotated[Path | None, tyro.conf.arg(metavar="REFERENCE.mid")] = None,
    guidance: float | None = None,
    like_model: Annotated[str | None, tyro.conf.arg(metavar="NAME|FOLDER|ORG/REPO")] = None,
    composer: str | None = None,
    form: str | None = None,
    genre: str | None = None,
    seed: int | None = None,
    only_new: bool = False,
    page: Annotated[Path | None, tyro.conf.arg(metavar="PAGE.html")] = None,
    check_copies: Annotated[Path | None, tyro.conf.arg(metavar="CORPUS")] = None,
    model: Model = DEFAULT_MODEL,
    int8: bool = False,
    device: Device = "auto",
    overwrite: bool = False,
) -> int:
    """Continue a piano piece: a model hears it and plays on.

    It hears the first 15 seconds unless told otherwise. The same seed gives the same notes. With several variations the
    files are numbered: OUT-1.mid, OUT-2.mid, ...

    Args:
        prompt: MIDI file; instruments other than piano are left out with a notice.
        output: MIDI file to write; PROMPT-continued.mid beside the prompt by default.
        seconds: music to add after the prompt.
        prompt_seconds: how much of the file is heard, from its start.
        whole_prompt: hear the whole file.
        variations: how many different continuations.
        temperature: below 1 safer, above 1 bolder; 0 always takes the likeliest.
        top_k: draw from the k likeliest tokens only.
        top_p: draw from the likeliest tokens that together reach this probability.
        min_p: draw from tokens at least this many times as likely as the likeliest; durations are left whole.
        min_p_durations: the same for durations; above 0 notes become shorter than they are played.
        time_step_penalty: above 0 fewer long gaps, denser music.
        end: bring the music to an end instead of breaking off.
        like: music that the new music is to be like, with a conditioned model.
        guidance: how strongly, 0 to 10: 1 (the default) is what the model makes of it by itself, 2 or 3 exaggerates.
        like_model: what hears the reference; by default the embedding model that the model was trained with.
        composer: a word before the music, for models that know it, for example chopin.
        form: likewise, for example nocturne.
        genre: likewise: jazz or classical.
        seed: a number that names the draw; printed when it is not given.
        only_new: write the new music alone, beginning at the prompt's end.
        page: also write a page to listen to.
        check_copies: folder that `ingest` made; say what the new notes share with its pieces, in any key and tempo.
        model: a language model.
        int8: weights in 8 bits, on the CPU: a large model takes a quarter of the memory and plays twice as fast; the
            bundled one is so small that it gets slower.
        device: where it computes.
        overwrite: replace files that exist.
    """
    from partimento.generate.options import ContinueOptions
    from partimento.midi import MidiError, write_midi

    for given, name in ((guidance, "--guidance"), (like_model, "--like-model")):
        if given is not None and like is None:
            raise UsageError(f"{name} needs --like REFERENCE.mid, the music to be like")
    output = output or prompt.with_name(f"{prompt.stem}-continued.mid")
    outputs = [output] if variations == 1 else [_numbered(output, k + 1) for k in range(variations)]
    for path in [*outputs, *([page] if page else [])]:
        make_room(path, overwrite)
    options = ContinueOptions(
        prompt_seconds=None if whole_prompt else prompt_seconds,
        seconds=seconds,
        variations=variations,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        min_p_durations=min_p_durations,
        time_step_penalty=time_step_penalty,
        end=end,
        guidance=1.0 if guidance is None else guidance,
        composer=composer,
        form=form,
        genre=genre,
        seed=seed,
    )
    notes, reference = _read(prompt), _read(like) if like else None
    copies = _copy_index(check_copies) if check_copies else None

    from partimento.generate.continuation import continue_notes  # torch, now that everything has been looked at
    from partimento.generate.like import announces_endings, condition_of
    from partimento.piano_model import load_piano

    player = load_piano(model, device, int8=int8)
    options = replace(options, diminish=end and announces_endings(player.config))
    condition = None
    if reference is not None:
        try:
            condition = condition_of(reference, player, like_model, device)
        except MidiError as error:
            raise MidiError(f"{like}: {error}") from None
    takes = continue_notes(player.network, player.tokenizer, notes, options, condition)
    for path, take in zip(outputs, takes, strict=True):
        write_midi(take.new_notes if only_new else take.notes, path)
        print(path)
    say(f"seed {takes[0].seed}, {sum(len(take.new_notes) for take in takes):,} new notes")
    if not all(len(take.new_notes) for take in takes):
        say("where there are no new notes, the model chose silence: try another --seed, or --time-step-penalty 1")
    if copies:
        from partimento.search.copies import in_words, longest_shared_run

        for path, take in zip(outputs, takes, strict=True):
            say(f"{path.name}: {in_words(longest_shared_run(take.new_notes, copies))}")
    if page:
        from partimento.report.listen import write_page

        write_page(continuation_takes(prompt.stem, takes), page, f"{prompt.stem}, continued")
        print(page)
    return 0


def continuation_takes(name: str, continuations: list[Continuation]) -> list[Take]:
    """Columns of a page: the prompt, then each continuation."""
    from partimento.report.listen import Take

    first = continuations[0]
    start_s = first.prompt_seconds
    heard = first.notes.window(0.0, start_s)
    takes = [Take("Prompt", heard, prompt_seconds=start_s, detail=f"{start_s:.0f} s that the model heard", group=name)]
    for number, one in enumerate(continuations, 1):
        detail = f"seed {one.seed}, {len(one.new_notes)} new notes"
        takes.append(Take(f"Continuation {number}", one.notes, prompt_seconds=start_s, detail=detail, group=name))
    return takes


def _read(path: Path) -> Notes:
    from partimento.midi import MidiError, read_midi

    try:
        return read_midi(path)
    except MidiError as error:
        raise MidiError(f"{path}: {error}") from None


def _copy_index(corpus: Path) -> CopyIndex:
    from partimento.corpus.store import Corpus
    from partimento.search.copies import open_index

    return open_index(Corpus.open(corpus))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix or '.mid'}")


def listen(
    files: Files,
    /,
    output: Output = Path("listen.html"),
    title: str | None = None,
    render: bool = False,
    overwrite: bool = False,
) -> int:
    """Write one HTML page with piano rolls that play.

    The page needs no network and nothing beside it.

    Args:
        files: MIDI files, and folders, walked.
        output: page to write.
        title: heading of the page.
        render: embed sound rendered by FluidSynth instead of the page's own synthesizer.
        overwrite: replace a page that exists.
    """
    from partimento.midi import MidiError, read_midi
    from partimento.report.listen import Take, write_page
    from partimento.report.render import find_fluidsynth, find_soundfont, render_audio

    make_room(output, overwrite)
    if render:
        find_fluidsynth()
        find_soundfont()
    takes, failed = [], []
    for path in midi_files(files):
        try:
            takes.append(Take(path.stem, read_midi(path)))
        except (MidiError, OSError) as error:
            failed.append((str(path), str(error)))
    if takes:
        write_page(takes, output, title or "Partimento", render_audio if render else None)
        print(output)
    return failures(failed)
