"""The mixing desk: equaliser, room, drive, noise floor and level, as an artist's settings have them."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bench.corpora.embedded.score import Mix
from bench.corpora.embedded.synthesis import RATE, Float64Array, decay, noise, samples, saturated
from bench.corpus import Float32Array

REFERENCE_HZ = 1000.0  # the tilt turns around this frequency
DARKEST, BRIGHTEST = -5.5, -0.5  # tilt in dB an octave; recordings fall towards high frequencies
CRACKLES_PER_SECOND = 9.0


def master(dry: Float32Array, mix: Mix, random: np.random.Generator) -> Float32Array:
    """Return the recording made of a dry mix, both of shape (samples,); its peak is as `mix` says."""
    size = fft.next_fast_len(len(dry) + samples(mix.room), real=True)
    response = _equaliser(mix, size) * _reverberation(mix, size, random)
    wet = fft.irfft(fft.rfft(dry, size) * response, size)[: len(dry)]
    level = np.sqrt(np.mean(wet**2)) + np.float32(1e-9)
    drive = 0.25 + 1.1 * mix.drive
    driven = saturated(wet / level, drive) / np.float32(drive)
    recorded = driven + _floor(mix, len(dry), random)
    return np.asarray(recorded * np.float32(10 ** (-mix.peak / 20) / np.abs(recorded).max()), dtype=np.float32)


def _equaliser(mix: Mix, size: int) -> Float32Array:
    hz = np.fft.rfftfreq(size, 1 / RATE) + 1.0
    octaves = np.log2(hz / REFERENCE_HZ)
    decibels: Float64Array = (DARKEST + (BRIGHTEST - DARKEST) * mix.tilt) * octaves
    for band in mix.resonances:
        distance = octaves - np.log2(band.centre / REFERENCE_HZ)
        decibels += band.gain * np.exp(-((distance / band.width) ** 2))
    gains = 10 ** (np.clip(decibels, -30, 24) / 20)
    band_limits = np.sqrt(1 + (mix.low_cut / hz) ** 4) * np.sqrt(1 + (hz / mix.high_cut) ** 8)
    response: Float32Array = (gains / band_limits).astype(np.float32)
    return response


def _reverberation(mix: Mix, size: int, random: np.random.Generator) -> NDArray[np.complex64]:
    """Return the response of a room: the direct sound, and decaying noise of unit energy (Moorer 1979)."""
    count = samples(mix.room)
    tail = noise(random, count) * decay(count, mix.room / 5)
    tail /= np.sqrt(np.sum(tail**2))
    return np.asarray(1 + np.float32(1.1 * mix.reverb) * fft.rfft(tail, size), dtype=np.complex64)


def _floor(mix: Mix, count: int, random: np.random.Generator) -> Float32Array:
    """Return hiss, quiet enough to leave the file compressible, and the crackle of a worn disc."""
    hiss = noise(random, count) * np.float32(10 ** (-mix.hiss / 20))
    if not mix.crackle:
        return hiss
    clicks = random.random(count, dtype=np.float32) < CRACKLES_PER_SECOND / RATE
    return np.asarray(hiss + clicks * noise(random, count) * np.float32(0.5), dtype=np.float32)
