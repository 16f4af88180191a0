"""analyse: a picture of what a model hears in a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from partimento.cli.messages import UsageError, make_room
from partimento.cli.options import DEFAULT_SOUND, Device, Model

MOST_S = 600.0


def analyse(
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE.wav")],
    /,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="PATH")] = None,
    start: float = 0.0,
    seconds: float = 30.0,
    layers: tuple[int, ...] = (),
    model: Model = DEFAULT_SOUND,
    device: Device = "cpu",
    overwrite: bool = False,
) -> int:
    """Draw what a model of sound attends to in a recording.

    One picture: the log-mel spectrogram, what each layer's class token looks at over time, the self-similarity of the
    tokens of some layers, and the onsets that the most onset-like head finds beside those of spectral flux. In the
    squares, stripes along the diagonal are what comes again. audio-small was told of notes and chords in rendered
    songs; a ViT-1D of `partimento pretrain vit1d` never was.

    Args:
        file: a sound file.
        output: PNG to write; FILE.png beside the working folder's other files by default.
        start: seconds into the recording where the picture begins.
        seconds: how much of it is drawn, at most 600.
        layers: whose self-similarity is shown, 0 for what enters the first; by default first, middle and last.
        model: a ViT-1D.
        device: where it computes.
        overwrite: replace a picture that exists.
    """
    import torch

    from partimento.analysis.sound_pictures import draw
    from partimento.audio import read_audio
    from partimento.audio_model import load_audio
    from partimento.networks.vit1d import ViT1D

    if start < 0 or not 0 < seconds <= MOST_S:
        raise UsageError(f"--start {start:g} must be at least 0 and --seconds {seconds:g} above 0, at most {MOST_S:g}")
    path = output or Path(f"{file.stem}.png")
    make_room(path, overwrite)
    loaded = load_audio(model, device)
    if not isinstance(loaded.network, ViT1D) or loaded.front.mel is None:
        raise UsageError(f"{model} has no attention to look at; take a ViT-1D such as {DEFAULT_SOUND}")
    samples = read_audio(file, loaded.rate_hz, start, seconds)
    if not len(samples):
        raise ValueError(f"{file} has no sound after {start:g} s")
    front = loaded.front.mel
    with torch.inference_mode():
        mel = front(torch.from_numpy(samples)[None].to(loaded.device))[0]
    draw(
        loaded.network,
        mel,
        loaded.column_s,
        path,
        window_frames=loaded.cut.frames,
        zscore_floor=front.config.zscore_floor,
        layers=layers or None,
        title=file.name,
    )
    print(path)
    return 0
