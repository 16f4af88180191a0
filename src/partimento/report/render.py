"""Notes to sound by FluidSynth and a soundfont: for pages, and for rendered corpora with chosen rooms."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from partimento.midi import write_midi
from partimento.notes import Notes
from partimento.report.heard import share_pedal

SAMPLE_RATE_HZ = 44_100
TAIL_S = 2.5  # FluidSynth stops with the last event; strings and room need this long to fade
SOUNDFONT_FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
PREFERRED = ("FluidR3_GM.sf2", "MuseScore_General.sf3", "TimGM6mb.sf2")
GAIN = 0.5  # of FluidSynth; its own default, 0.2, is soft
INSTALL = "on Debian and Ubuntu: apt install fluidsynth fluid-soundfont-gm (or timgm6mb-soundfont)"


class RenderError(RuntimeError):
    """Sound cannot be rendered here; the message names what is missing and how to get it."""


@dataclass(frozen=True)
class Room:
    """FluidSynth's reverb and chorus; a level of 0 turns one off.

    Args:
        reverb_level: 0-1.
        reverb_size: 0-1, from a small room to a hall.
        reverb_damp: 0-1, how much sooner high frequencies fade.
        chorus_level: 0-10.
        chorus_depth: 0-256, of the modulation.
    """

    reverb_level: float = 0.9
    reverb_size: float = 0.2
    reverb_damp: float = 0.0
    chorus_level: float = 2.0
    chorus_depth: float = 8.0

    def options(self) -> list[str]:
        """The options of FluidSynth's command line."""
        values = {
            "reverb.active": int(self.reverb_level > 0),
            "reverb.level": self.reverb_level,
            "reverb.room-size": self.reverb_size,
            "reverb.damp": self.reverb_damp,
            "chorus.active": int(self.chorus_level > 0),
            "chorus.level": self.chorus_level,
            "chorus.depth": self.chorus_depth,
        }
        return [part for name, value in values.items() for part in ("-o", f"synth.{name}={value:g}")]


def find_soundfont() -> Path:
    """The soundfont of PARTIMENTO_SOUNDFONT, or else the best one that the system has.

    Raises:
        RenderError: if there is none, or the variable names no file.
    """
    chosen = os.environ.get("PARTIMENTO_SOUNDFONT")
    if chosen:
        if not Path(chosen).is_file():
            raise RenderError(f"PARTIMENTO_SOUNDFONT is {chosen!r}, which is not a file")
        return Path(chosen)
    fonts = [font for folder in SOUNDFONT_FOLDERS for font in sorted(Path(folder).glob("*.sf[23]"))]
    if not fonts:
        raise RenderError(f"no soundfont in {' '.join(SOUNDFONT_FOLDERS)}; {INSTALL}, or set PARTIMENTO_SOUNDFONT")
    return min(fonts, key=lambda font: PREFERRED.index(font.name) if font.name in PREFERRED else len(PREFERRED))


def find_fluidsynth() -> str:
    """The path of the FluidSynth program.

    Raises:
        RenderError: if it is not installed.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise RenderError(f"FluidSynth is not installed; {INSTALL}")
    return program


def render_audio(notes: Notes, soundfont: Path | None = None) -> bytes:
    """The piece as an Ogg Vorbis file, stereo, about half a megabyte a minute.

    FluidSynth encodes it block by block itself: one large write through libsndfile overflows its stack.

    Raises:
        RenderError: if FluidSynth or a soundfont is missing, or FluidSynth fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "piece.ogg"
        _fluidsynth(_with_tail(share_pedal(notes)), sound, soundfont or find_soundfont(), ["-T", "oga"])
        return sound.read_bytes()


def render_samples(notes: Notes, soundfont: Path, room: Room) -> np.ndarray:
    """(samples, 2) float32 at SAMPLE_RATE_HZ, unclipped, from tick 0 until TAIL_S after the last note.

    Raises:
        RenderError: if FluidSynth is missing, or fails.
    """
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "piece.wav"
        options = ["-T", "wav", "-O", "float", "-o", "synth.dynamic-sample-loading=1", *room.options()]
        _fluidsynth(_with_tail(share_pedal(notes)), sound, soundfont, options)
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
        return samples


def _fluidsynth(notes: Notes, sound: Path, soundfont: Path, options: list[str]) -> None:
    """Write the sound of the notes to a file."""
    with soundfont.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":  # FluidSynth would render silence and report success
        raise RenderError(
            f"{soundfont} is not a soundfont (begins with {head!r}); name another in PARTIMENTO_SOUNDFONT"
        )
    midi = sound.with_suffix(".mid")
    write_midi(notes, midi)
    command = [find_fluidsynth(), "-n", "-i", "-q", "-g", str(GAIN), "-r", str(SAMPLE_RATE_HZ), *options]
    done = subprocess.run(
        [*command, "-F", str(sound), str(soundfont), str(midi)], capture_output=True, text=True, check=False
    )
    if done.returncode or not sound.is_file() or not sound.stat().st_size:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it wrote nothing"]
        raise RenderError(f"FluidSynth failed with {soundfont}: {reason[0]}")


def _with_tail(notes: Notes) -> Notes:
    """The same music with one more pedal release TAIL_S seconds after its end, which keeps FluidSynth running."""
    if not len(notes):
        return notes
    last_tick = max(int((notes.onset + notes.duration).max()), int(notes.pedal_tick.max(initial=0)))
    tick = last_tick + int(TAIL_S * 1e6 / int(notes.tempo_us[-1]) * notes.ticks_per_quarter)
    return replace(
        notes,
        pedal_tick=np.append(notes.pedal_tick, np.int32(tick)),
        pedal_value=np.append(notes.pedal_value, np.int32(0)),
        pedal_track=np.append(notes.pedal_track, np.int32(notes.track[0])),
    )
