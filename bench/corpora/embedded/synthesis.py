"""The elements of sound: wavetables, oscillators, envelopes and noise, at 16 kHz.

An oscillator counts its phase in whole steps of 2**-32 of a period (a numerically controlled oscillator), and glides
are computed in double precision, so that every machine reads the same table entries.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.corpus import Float32Array

RATE = 16000  # Hz
HARMONICS = np.arange(1, 41)
HIGHEST_PARTIAL = 7600.0  # Hz, below the Nyquist frequency
TABLE_BITS = 12
PHASE_STEPS = 2.0**32
TAU = 2 * np.pi
VIBRATO_DELAY = 0.3  # seconds
SCHROEDER_PHASES = -np.pi * HARMONICS**2 / len(HARMONICS)  # spreads a period's energy: a low crest factor

Float64Array = NDArray[np.float64]
PhaseArray = NDArray[np.uint32]


@lru_cache(maxsize=8)
def _ramp(seconds: int) -> Float32Array:
    ramp = (np.arange(seconds * RATE) / RATE).astype(np.float32)
    ramp.setflags(write=False)
    return ramp


def samples(seconds: float) -> int:
    """Return a length in samples."""
    return max(1, round(seconds * RATE))


def times(count: int) -> Float32Array:
    """Return the time of each of `count` samples, in seconds."""
    return _ramp(-(-count // (8 * RATE)) * 8)[:count]


def hertz(pitch: float) -> float:
    """Return the frequency of a MIDI pitch, tuned to A = 440 Hz."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def wavetable(amplitudes: NDArray[np.floating], hz: float) -> Float32Array:
    """Return one period with these amplitudes of the harmonics, those above the band left out, at unit RMS."""
    audible = min(len(amplitudes), max(1, int(HIGHEST_PARTIAL / hz)))
    size = 2**TABLE_BITS
    spectrum = np.zeros(size // 2 + 1, np.complex128)
    spectrum[1 : audible + 1] = amplitudes[:audible] * np.exp(1j * SCHROEDER_PHASES[:audible])
    power = float(np.sum(amplitudes[:audible] ** 2)) / 2
    period: Float32Array = (np.fft.irfft(spectrum) * (size / 2 / np.sqrt(power + 1e-12))).astype(np.float32)
    return period


def steady(hz: float, count: int, start: float = 0.0) -> PhaseArray:
    """Return the phases of a tone of fixed frequency; `start` is in periods."""
    step = np.uint32(round(hz / RATE * PHASE_STEPS))
    return np.arange(count, dtype=np.uint32) * step + np.uint32(start * PHASE_STEPS)


def gliding(hz: Float64Array, start: float = 0.0) -> PhaseArray:
    """Return the phases of a tone whose frequency is given for every sample."""
    steps = np.rint(hz * (PHASE_STEPS / RATE)).astype(np.uint32)
    return np.cumsum(steps, dtype=np.uint32) + np.uint32(start * PHASE_STEPS)


def vibrato(hz: float, count: int, depth: float, rate: float = 5.5) -> Float64Array:
    """Return the frequencies of a note whose vibrato sets in after a moment."""
    t = np.arange(count) / RATE
    frequencies: Float64Array = hz * (1 + depth * np.minimum(1, t / VIBRATO_DELAY) * np.sin(TAU * rate * t))
    return frequencies


def scoop(count: int, depth: float, seconds: float) -> Float64Array:
    """Return the factors by which a note begins too low, by a share `depth`, and rises to its pitch."""
    factors: Float64Array = 1 - depth * np.exp(np.arange(count) * (-1 / (seconds * RATE)))
    return factors


def oscillate(table: Float32Array, phases: PhaseArray) -> Float32Array:
    """Return the samples of a wavetable read at these phases."""
    sound: Float32Array = table[phases >> np.uint32(32 - TABLE_BITS)]
    return sound


def lowpass(hz: float, cutoff: float, order: int = 2) -> Float64Array:
    """Return the gains of a Butterworth low-pass at the harmonics of a tone."""
    gains: Float64Array = 1 / np.sqrt(1 + (HARMONICS * hz / cutoff) ** (2 * order))
    return gains


def sine(hz: float, count: int) -> Float32Array:
    """Return a sine wave."""
    wave: Float32Array = np.sin(np.float32(TAU * hz) * times(count))
    return wave


def fade_in(count: int, seconds: float) -> Float32Array:
    """Return a straight line from 0, reaching 1 after `seconds` and staying there."""
    line: Float32Array = np.minimum(np.float32(1), times(count) * np.float32(1 / seconds))
    return line


def saturated(signal: Float32Array, drive: float) -> Float32Array:
    """Return a signal amplified by `drive` and softly clipped to (-1, 1)."""
    clipped: Float32Array = np.tanh(np.float32(drive) * signal)
    return clipped


def decay(count: int, seconds: float) -> Float32Array:
    """Return an exponential decay, by a factor e in `seconds`."""
    level: Float32Array = np.exp(times(count) * np.float32(-1 / seconds))
    return level


def envelope(count: int, hold: float, attack: float, fall: float, sustain: float, release: float) -> Float32Array:
    """Return an attack-decay-sustain-release envelope; all times in seconds, `hold` until the release begins."""
    level = fade_in(count, attack) * (np.float32(sustain) + np.float32(1 - sustain) * decay(count, fall))
    released = min(count, samples(hold))
    level[released:] *= decay(count - released, release)
    return level


def noise(random: np.random.Generator, count: int) -> Float32Array:
    """Return white noise of unit variance."""
    return random.standard_normal(count, dtype=np.float32)


def brightened(signal: Float32Array) -> Float32Array:
    """Return the difference between neighbouring samples: a gentle high-pass."""
    return np.diff(signal, prepend=signal[:1])
