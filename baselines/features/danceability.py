"""Danceability: how much the loudness of a track keeps to one time scale (Streich & Herrera 2005; essentia's values).

A detrended fluctuation analysis. The deviations of 10 ms frames, summed up about their mean, are a walk; windows of
0.3 to 8.8 s of it stray from a line of their own by a fluctuation that grows as a power of the window. A steady beat
keeps the exponents low, and danceability is the inverse of their mean.
"""

import numpy as np
from numpy.typing import NDArray

from baselines.features.stft import Float32Array

Float64Array = NDArray[np.float64]

FRAME_SECONDS = 0.01
LEAST_VARIATION = 1e-5  # of the level: less is the rounding of single precision
SHORTEST, LONGEST, GROWTH = 310.0, 8800.0, 1.1  # ms, essentia's windows
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
    sums = [np.pad(np.cumsum(terms), (1, 0)) for terms in (walk, walk * np.arange(len(walk)), walk**2)]
    fluctuations = np.array([_fluctuation(sums, int(length)) for length in lengths])
    exponents = np.diff(np.log(fluctuations)) / np.diff(np.log(lengths + 3))  # + 3 is essentia's
    mean = float(exponents.mean())
    return 1 / mean if mean > 0 else np.nan


def window_lengths() -> NDArray[np.intp]:
    """Return the lengths of the windows in frames, shape (lengths,)."""
    count = int(np.log(LONGEST / SHORTEST) / np.log(GROWTH)) + 1
    return (SHORTEST * GROWTH ** np.arange(count) / (1000 * FRAME_SECONDS)).astype(np.intp)


def _fluctuation(sums: list[Float64Array], length: int) -> float:
    """Return how far windows of a walk stray from their least-squares lines: the root of their mean square residual.

    From the sums up to each frame of the walk, of its product with the frame's index, and of its square.
    """
    jump = max(length // WINDOWS_PER_LENGTH, 1)
    last = len(sums[0]) - 1 - length
    starts = np.arange(0, last, jump)
    total, weighted, squares = (part[starts + length] - part[starts] for part in sums)
    mean_index = (length - 1) / 2
    covariance = weighted - (starts + mean_index) * total
    spread = length * (length**2 - 1) / 12  # of 0 … length - 1 about their mean
    residuals = squares - total**2 / length - covariance**2 / spread
    return float(np.sqrt(max(residuals.sum(), 0.0) / length * jump / last))
