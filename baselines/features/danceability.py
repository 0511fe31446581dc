"""Danceability: how much the loudness of a track keeps to one time scale (Streich & Herrera 2005; essentia's values).

A detrended fluctuation analysis. The deviations of 10 ms frames, summed up about their mean, are a walk; windows of
0.3 to 8.8 s of it stray from a line of their own by a fluctuation that grows as a power of the window. A steady beat
keeps the exponents low, and danceability is the inverse of their mean.
"""

import numpy as np
from numpy.typing import NDArray

from baselines.features.stft import Float32Array

Float64Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

FRAME_SECONDS = 0.01
LEAST_VARIATION = 1e-5  # of the level: less is the rounding of single precision
SHORTEST, LONGEST, GROWTH = 310.0, 8800.0, 1.1  # ms, essentia's windows
FRAMES_A_BLOCK = 4096
WINDOWS_PER_LENGTH = 50  # starts of windows in the length of one


def danceability(samples: Float32Array, sample_rate: int) -> float:
    """Return the danceability of a track, 0 to about 3; nan for one too short, or of a constant level.

    essentia steps from window to window for each length; sums up to each frame give all windows of a length at once.
    """
    size = int(FRAME_SECONDS * sample_rate)
    levels = samples[: len(samples) // size * size].reshape(-1, size).std(axis=1).astype(np.float64)
    lengths = window_lengths()
    lengths = lengths[lengths < len(levels)]
    if len(lengths) < 2 or levels.std() <= LEAST_VARIATION * levels.mean():
        return np.nan
    walk = np.cumsum(levels - levels.mean())
    exponents = np.diff(np.log(fluctuations(walk, lengths))) / np.diff(np.log(lengths + 3))  # + 3 is essentia's
    mean = float(exponents.mean())
    return 1 / mean if mean > 0 else np.nan


def window_lengths() -> IntArray:
    """Return the lengths of the windows in frames, shape (lengths,)."""
    count = int(np.log(LONGEST / SHORTEST) / np.log(GROWTH)) + 1
    return (SHORTEST * GROWTH ** np.arange(count) / (1000 * FRAME_SECONDS)).astype(np.intp)


def fluctuations(walk: Float64Array, lengths: IntArray) -> Float64Array:
    """Return how far windows of each length of a walk stray from their least-squares lines, shape (lengths,).

    A root mean square, by essentia's way to count windows. The walk is taken in blocks: sums over a whole song would
    drown the residuals of its windows in their rounding.
    """
    jumps = np.maximum(lengths // WINDOWS_PER_LENGTH, 1)
    last = len(walk) - lengths
    residuals = np.zeros(len(lengths))
    for first in range(0, len(walk), FRAMES_A_BLOCK):
        block = walk[first : first + FRAMES_A_BLOCK + lengths[-1]]
        sums = _sums(block - block.mean())
        for place, (length, jump, end) in enumerate(zip(lengths, jumps, last, strict=True)):
            starts = np.arange(-first % jump, min(FRAMES_A_BLOCK, end - first), jump)
            residuals[place] += _residuals(sums, starts, length)
    return np.asarray(np.sqrt(residuals / lengths * jumps / last))


def _sums(walk: Float64Array) -> list[Float64Array]:
    """Return the sums up to each frame of a walk, of its product with the frame's index, and of its square."""
    return [np.pad(np.cumsum(terms), (1, 0)) for terms in (walk, walk * np.arange(len(walk)), walk**2)]


def _residuals(sums: list[Float64Array], starts: IntArray, length: int) -> float:
    """Return the sum of the squared residuals of all windows about their lines, from the sums of their walk."""
    total, weighted, squares = (part[starts + length] - part[starts] for part in sums)
    mean_index = (length - 1) / 2
    covariance = weighted - (starts + mean_index) * total
    spread = length * (length**2 - 1) / 12  # of 0 … length - 1 about their mean
    return float(np.maximum(squares - total**2 / length - covariance**2 / spread, 0).sum())
