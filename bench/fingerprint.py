"""A coarse spectral fingerprint of a track's first 30 s: one 16-bit word every 0.128 s, the same for every copy of it.

After Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002), made coarse. A frame is the
power spectrum of 0.58 s, in 17 bands of equal ratio from 200 to 3,000 Hz: what every sample rate from 8,000 Hz on
holds, and what the leanest codec keeps. With `L[t, b]` the logarithm of the energy of frame `t` in band `b`, bit `b` of
word `t` says whether

    (L[t, b] - L[t, b + 1]) - (L[t - 4, b] - L[t - 4, b + 1]) > 0.

Neither gain nor a fixed equaliser changes that, and a frame is so much longer than the step that half a step of delay
changes few bits.
"""

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from bench.corpus import Float32Array

FINGERPRINT_VERSION = 1  # raise it whenever some track would have another fingerprint

WordArray = NDArray[np.uint16]

HEARD_SECONDS = 30.0
STEP_SECONDS = 0.128  # from word to word
FRAME_STEPS_BACK = 4  # a frame is compared with the one 0.512 s before, with which it shares little
WORD_BITS = 16
BANDS = WORD_BITS + 1
LOWEST_BAND, HIGHEST_BAND = 200.0, 3000.0  # Hz
SLICES_PER_STEP, SLICES_PER_FRAME = 2, 8  # a frame is the weighted sum of short spectra, each of a step's length
SLICES_PER_BLOCK = 64  # transformed together; few enough to stay in a processor's cache
BAND_FLOOR = 1e-4  # of a frame's energy: 40 dB below it codecs keep nothing
QUIET = 1e-5  # of the track's mean energy: 50 dB below it a frame is a pause
STILL_DECIBELS = 0.2  # bands that change less between frames, on average, tell only of rounding
MOST_WORDS = 226  # of 30 s, whatever the rate
NOTHING = 0  # the word of a frame in which there is nothing to hear


def fingerprint(samples: NDArray[np.int16] | Float32Array, rate: int) -> WordArray:
    """Return the words of mono `samples` at `rate` Hz (8,000 or more), shape (words,), at most `MOST_WORDS`.

    A word is `NOTHING` where the track pauses or holds one sound without any change. A track of less than 1.1 s has no
    words.
    """
    energies = _slice_energies(samples[: round(HEARD_SECONDS * rate)], rate)
    if len(energies) < SLICES_PER_FRAME:
        return np.empty(0, np.uint16)
    weights = np.hanning(SLICES_PER_FRAME + 2)[1:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(energies, SLICES_PER_FRAME, axis=0)[::SLICES_PER_STEP] @ weights
    return _words(frames)[:MOST_WORDS]


def _slice_energies(samples: NDArray[np.int16] | Float32Array, rate: int) -> Float32Array:
    """Return the energies of slices as long as a step, one each half step, shape (slices, bands)."""
    window, first, last, bands = _transform(rate)
    if len(samples) < len(window):
        return np.empty((0, BANDS), np.float32)
    step = STEP_SECONDS / SLICES_PER_STEP * rate
    starts = np.rint(np.arange(0, len(samples) - len(window) + 1, step)).astype(np.intp)
    slices = np.lib.stride_tricks.sliding_window_view(samples, len(window))
    energies = np.empty((len(starts), BANDS), np.float32)
    for begin in range(0, len(starts), SLICES_PER_BLOCK):
        block = slices[starts[begin : begin + SLICES_PER_BLOCK]]
        spectra = scipy.fft.rfft(block * window, axis=1)[:, first:last]
        energies[begin : begin + SLICES_PER_BLOCK] = (spectra.real**2 + spectra.imag**2) @ bands
    return energies


@lru_cache(maxsize=16)
def _transform(rate: int) -> tuple[Float32Array, int, int, Float32Array]:
    """Return a slice's window, the first bin of its spectrum that is used, the one after the last, and the bands.

    The bands have shape (used bins, bands): the share of each bin's width that lies in each band.
    """
    size = scipy.fft.next_fast_len(round(STEP_SECONDS * rate), real=True)
    edges = np.geomspace(LOWEST_BAND, HIGHEST_BAND, BANDS + 1) * size / rate
    lower = np.arange(size // 2 + 1)[:, np.newaxis] - 0.5
    bands = np.clip(np.minimum(lower + 1, edges[1:]) - np.maximum(lower, edges[:-1]), 0, None)
    used = np.flatnonzero(bands.any(axis=1))
    first, last = int(used[0]), int(used[-1]) + 1
    return np.hanning(size).astype(np.float32), first, last, bands[first:last].astype(np.float32)


def _words(frames: Float32Array) -> WordArray:
    """Return a word for each frame that has one `FRAME_STEPS_BACK` before it, from energies of (frames, bands)."""
    loudness = frames.sum(axis=1)
    floor = BAND_FLOOR * loudness[:, np.newaxis] + np.finfo(np.float32).tiny
    slopes = -np.diff(10 * np.log10(frames + floor), axis=1)
    changes = slopes[FRAME_STEPS_BACK:] - slopes[:-FRAME_STEPS_BACK]
    words = np.packbits(changes > 0, axis=1, bitorder="little").view("<u2")[:, 0].astype(np.uint16)
    loud = loudness > QUIET * loudness.mean()
    changing = np.abs(changes).mean(axis=1) >= STILL_DECIBELS
    words[~(loud[FRAME_STEPS_BACK:] & loud[:-FRAME_STEPS_BACK] & changing)] = NOTHING
    return words
