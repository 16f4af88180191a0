"""CLMR's chance changes of a waveform (Spijkervet & Burgoyne 2021, section 3.1), each a function of its own.

Chances and ranges are those of the released code. Filters, pitch shift and reverb are our own of the same kind: a
windowed sinc, WSOLA, and the combs and all-passes of Freeverb.

Waveforms are (samples,) float32; every change keeps the length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

GAIN_DB = (-20.0, -1.0)
NOISE = (0.001, 1.0)  # standard deviation of the noise over that of the sound
LOW_PASS_HZ, HIGH_PASS_HZ = (2200.0, 4000.0), (200.0, 1200.0)
DELAYS_S = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
DELAYED_VOLUME = 0.5
SEMITONES = 7.0

ZERO_CROSSINGS = 8  # of the sinc on each side
SEGMENT_S, SEARCH_S, OVERLAP_S = 0.082, 0.01468, 0.012  # of the stretching, as SoX

COMBS_S = tuple(samples / 44_100 for samples in (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617))
ALL_PASSES_S = tuple(samples / 44_100 for samples in (225, 341, 441, 556))
ALL_PASS_GAIN = 0.5
FEEDBACK = (0.3, 0.98)  # of the combs, least and most
WET = 0.015  # of the sum of the combs beside the dry sound
WRAPPED = 1e-6  # what is left of a tail that comes round the transform's end


@dataclass(frozen=True)
class WaveformChain:
    """The chance of each change, in the order in which they are made.

    Args:
        rate_hz: of the waveforms.
        polarity: all samples change their sign.
        noise: white noise of -60 to 0 dB beside the sound.
        gain: -20 to -1 dB.
        filter: either a low-pass of 2.2 to 4 kHz or a high-pass of 200 to 1,200 Hz.
        delay: an echo after 200 to 450 ms.
        pitch: up to 7 semitones down or up.
        reverb: a room of any size, length and damping.

    Raises:
        ValueError: for a chance outside 0 to 1, or a rate that has no room for the filters.
    """

    rate_hz: int = 22_050
    polarity: float = 0.8
    noise: float = 0.01
    gain: float = 0.3
    filter: float = 0.8
    delay: float = 0.3
    pitch: float = 0.6
    reverb: float = 0.6

    def __post_init__(self) -> None:
        if self.rate_hz <= 2 * LOW_PASS_HZ[1]:
            raise ValueError(f"rate_hz is {self.rate_hz}; it must be above {2 * LOW_PASS_HZ[1]:.0f}")
        for name in ("polarity", "noise", "gain", "filter", "delay", "pitch", "reverb"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"the chance of {name} is {getattr(self, name)}; it must be from 0 to 1")

    def __call__(self, waveform: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """(samples,) float32, changed by chance."""
        x, chance = np.asarray(waveform, np.float32), generator.random(7)
        if chance[0] < self.polarity:
            x = -x
        if chance[1] < self.noise:
            x = add_noise(x, generator.uniform(*NOISE), generator)
        if chance[2] < self.gain:
            x = gain(x, generator.uniform(*GAIN_DB))
        if chance[3] < self.filter:
            if generator.random() < 0.5:
                x = sinc_filter(x, self.rate_hz, generator.uniform(*HIGH_PASS_HZ), "high")
            else:
                x = sinc_filter(x, self.rate_hz, generator.uniform(*LOW_PASS_HZ), "low")
        if chance[4] < self.delay:
            x = delay(x, self.rate_hz, generator.choice(DELAYS_S))
        if chance[5] < self.pitch:
            x = pitch_shift(x, self.rate_hz, generator.uniform(-SEMITONES, SEMITONES))
        if chance[6] < self.reverb:
            x = reverb(x, self.rate_hz, *generator.uniform(0, 1, 3))
        return x


def add_noise(waveform: np.ndarray, amount: float, generator: np.random.Generator) -> np.ndarray:
    """The sound and white noise of `amount` times its standard deviation."""
    noise = generator.standard_normal(len(waveform), np.float32)
    return waveform + np.float32(amount * waveform.std()) * noise


def gain(waveform: np.ndarray, db: float) -> np.ndarray:
    """The sound louder by so many decibels."""
    return waveform * np.float32(10 ** (db / 20))


def sinc_filter(waveform: np.ndarray, rate_hz: int, cutoff_hz: float, keep: Literal["low", "high"]) -> np.ndarray:
    """What is below ("low") or above ("high") the cutoff, without delay."""
    from scipy.signal import firwin, oaconvolve

    half = int(ZERO_CROSSINGS * rate_hz / cutoff_hz / 2)
    taps = firwin(2 * half + 1, cutoff_hz, window="hann", fs=rate_hz)
    low = oaconvolve(waveform, taps.astype(np.float32), mode="same")
    return low if keep == "low" else waveform - low


def delay(waveform: np.ndarray, rate_hz: int, seconds: float, volume: float = DELAYED_VOLUME) -> np.ndarray:
    """The mean of the sound and of itself later at a lower volume; what is later than the end is lost."""
    later = np.zeros_like(waveform)
    offset = min(round(seconds * rate_hz), len(waveform))
    later[offset:] = waveform[: len(waveform) - offset]
    return (waveform + np.float32(volume) * later) / 2


def pitch_shift(waveform: np.ndarray, rate_hz: int, semitones: float) -> np.ndarray:
    """The sound higher by so many semitones, in the same time: stretched, then resampled."""
    import soxr

    factor = 2 ** (semitones / 12)
    shifted = soxr.resample(_stretched(waveform, rate_hz, factor), factor, 1.0, quality="MQ")[: len(waveform)]
    return np.pad(shifted, (0, len(waveform) - len(shifted)))


def _stretched(waveform: np.ndarray, rate_hz: int, factor: float) -> np.ndarray:
    """`factor` times as long at the same pitch: WSOLA (Verhelst & Roelands 1993).

    Each segment begins where, near its place, the sound is most like what followed the segment before.
    """
    segment, search, overlap = (round(seconds * rate_hz) for seconds in (SEGMENT_S, SEARCH_S, OVERLAP_S))
    hop = segment - overlap
    count = round(len(waveform) * factor) // hop + 1
    padded = np.pad(waveform, (search // 2, segment + search + hop))  # a place p of the sound is where p - search/2 was
    fade = np.linspace(0, 1, overlap, endpoint=False, dtype=np.float32)
    out = np.empty(count * hop + overlap, np.float32)
    start = search // 2
    out[:segment] = padded[start : start + segment]
    for number in range(1, count):
        following = padded[start + hop : start + hop + overlap]
        first = round(number * hop / factor)
        region = padded[first : first + search + overlap - 1]
        energy = np.cumsum(np.append(0, region.astype(np.float64) ** 2))
        alike = np.correlate(region, following) / np.sqrt(energy[overlap:] - energy[:-overlap] + 1e-9)
        start = first + int(alike.argmax())
        at = number * hop
        out[at : at + overlap] += fade * (padded[start : start + overlap] - out[at : at + overlap])
        out[at + overlap : at + segment] = padded[start + overlap : start + segment]
    return out


def reverb(waveform: np.ndarray, rate_hz: int, reverberance: float, damping: float, room: float) -> np.ndarray:
    """The sound in a room: eight damped combs side by side, then four all-passes (Schroeder 1962, Moorer 1979).

    All are evaluated at the frequencies of one transform of the whole sound. Their tails are longer than that; an
    exponential window makes what comes round its end 120 dB softer.

    Args:
        waveform: (samples,) float32.
        rate_hz: of the waveform.
        reverberance: 0 to 1, how long it lasts.
        damping: 0 to 1, how much sooner the high frequencies end.
        room: 0 to 1, its size.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    samples = len(waveform)
    length = next_fast_len(samples, real=True)
    decay = -np.log(WRAPPED) / length
    power = decay + 2j * np.pi * np.arange(length // 2 + 1) / length  # z is its exponential
    window = np.exp(-decay * np.arange(samples))

    short, long = (1 - f for f in FEEDBACK)
    feedback = 1 - short * (long / short) ** reverberance
    lost = 0.2 + 0.3 * damping
    damped = feedback * (1 - lost) / (1 - lost * np.exp(-power))
    scale = (0.1 + 0.9 * room) * rate_hz
    response = np.zeros_like(power)
    for seconds in COMBS_S:
        late = np.exp(-power * round(seconds * scale))
        response += late / (1 - damped * late)
    for seconds in ALL_PASSES_S:
        late = np.exp(-power * max(1, round(seconds * scale)))
        response *= (late - ALL_PASS_GAIN) / (1 - ALL_PASS_GAIN * late)
    wet = irfft(rfft(waveform * window, length) * response, length)[:samples] / window
    return (waveform + WET * wet).astype(np.float32)
