"""Sound in: the samples of a file, whole, a window of it, or in blocks, at any rate and in one channel.

    from partimento.audio import read_audio

    samples = read_audio("song.flac", 16_000, start_s=30.0, seconds=3.0)  # (48000,) float32

WAV, FLAC, OGG, MP3, Opus and their like are read by libsndfile; AAC and video by PyAV (the extra `audio`).
"""

from partimento.audio.check import AudioCheck, check_audio
from partimento.audio.formats import SUFFIXES, AudioError
from partimento.audio.reading import AudioInfo, Channels, read_audio, read_info, stream_audio

__all__ = [
    "SUFFIXES",
    "AudioCheck",
    "AudioError",
    "AudioInfo",
    "Channels",
    "check_audio",
    "read_audio",
    "read_info",
    "stream_audio",
]
