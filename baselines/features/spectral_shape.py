"""The shape of spectra, frame by frame: what essentia's algorithms say of one spectrum, for many at once.

Every function takes magnitudes or powers of shape (frames, bins) and gives one value a frame, shape (frames,), unless
it says otherwise. Spectra must sound: those of silence have no shape.
"""

import math

import numpy as np
from numpy.typing import NDArray

from baselines.features.stft import Float32Array

Float64Array = NDArray[np.float64]

FLOOR = 1e-10  # essentia's silence threshold for band energies
SMALLEST = 1e-20  # in place of a sum of nothing
LEAST_FLATNESS = 1e-6  # -60 dB
ROLLOFF_SHARE = 0.85
COMPLEXITY_BAND = (100.0, 5000.0)  # Hz, essentia's
COMPLEXITY_THRESHOLD = 0.005  # magnitude, essentia's
CONTRAST_BANDS, CONTRAST_LOWEST, CONTRAST_HIGHEST = 6, 20.0, 11000.0  # Hz, essentia's
CONTRAST_STATIC, CONTRAST_NEIGHBOURS = 0.15, 0.4  # shares, essentia's


def decibels(power: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 10 log10 of a power, at least -100 dB."""
    return np.asarray(10 * np.log10(np.maximum(power, FLOOR)))


def moments(power: Float32Array, frequencies: Float64Array) -> Float64Array:
    """Return centroid and spread in Hz, skewness and excess kurtosis over frequency, shape (frames, 4).

    In double precision: raw moments of a narrow spectrum cancel to nothing in single.
    """
    highest = frequencies[-1]
    raw = power.astype(np.float64) @ np.vander(frequencies / highest, 5, increasing=True)
    mean, second, third, fourth = (raw[:, 1:] / np.maximum(raw[:, :1], SMALLEST)).T
    variance = np.maximum(second - mean**2, 1e-12)
    skewness = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
    kurtosis = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2 - 3
    return np.column_stack([mean * highest, np.sqrt(variance) * highest, skewness, kurtosis])


def rolloff(power: Float32Array, frequencies: Float64Array) -> Float64Array:
    """Return the frequency in Hz below which 85 % of the power lies."""
    cumulative = np.cumsum(power, axis=1)
    bins = (cumulative >= ROLLOFF_SHARE * cumulative[:, -1:]).argmax(axis=1)
    return np.asarray(frequencies[bins])


def entropy(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return Shannon's entropy of values as shares of their sum, in bits."""
    total = np.maximum(values.sum(axis=1), SMALLEST)
    weighted = np.einsum("ij,ij->i", values, np.log(np.maximum(values, SMALLEST)))
    return np.asarray((np.log(total) - weighted / total) / np.log(2))


def crest(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the maximum over the mean."""
    return np.asarray(values.max(axis=1) / np.maximum(values.mean(axis=1), SMALLEST))


def flatness(energies: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the geometric over the arithmetic mean in dB: 0 for the flattest, -60 at least, as essentia cuts it."""
    arithmetic = np.maximum(energies.mean(axis=1), SMALLEST)
    with np.errstate(divide="ignore"):  # a band without energy: the geometric mean is 0
        geometric = np.exp(np.log(energies).mean(axis=1))
    return np.asarray(10 * np.log10(np.maximum(geometric / arithmetic, LEAST_FLATNESS)))


def complexity(magnitudes: Float32Array, bin_width: float) -> NDArray[np.intp]:
    """Return the number of peaks from 100 to 5000 Hz; where the magnitudes fall from 100 Hz on, that counts as one.

    essentia leaves out a peak in the last bin that interpolation puts above 5000 Hz: one peak in 1 % of the frames.
    """
    lowest, highest = math.ceil(COMPLEXITY_BAND[0] / bin_width), math.floor(COMPLEXITY_BAND[1] / bin_width)
    band = magnitudes[:, lowest : highest + 2]
    peaks = (band[:, :-1] >= band[:, 1:]) & (band[:, :-1] > COMPLEXITY_THRESHOLD)
    peaks[:, 1:] &= band[:, 1:-1] > band[:, :-2]
    return np.asarray(np.count_nonzero(peaks, axis=1))


def strong_peak(magnitudes: Float32Array) -> Float64Array:
    """Return the highest magnitude over the width at half its height, in decades of frequency.

    A peak that reaches down to the lowest bin is infinitely wide: 0.
    """
    bins = np.arange(magnitudes.shape[1], dtype=np.int16)
    places = magnitudes.argmax(axis=1).astype(np.int16)[:, None]
    highest = magnitudes.max(axis=1)
    low = magnitudes < highest[:, None] / 2
    left = ((low & (bins < places)) * (bins + np.int16(1))).max(axis=1)
    right = np.where(low & (bins > places), bins, np.int16(len(bins))).min(axis=1)
    decades = np.log10(right / np.maximum(left, 0.5))  # never 0
    return np.asarray(np.where(left > 0, highest / decades, 0), np.float64)


def contrast_bands(sample_rate: int, frame_size: int) -> list[slice]:
    """Return the bins of each band of essentia's SpectralContrast (Akkermans et al. 2009), after its own rounding."""
    width = sample_rate / frame_size
    highest_bin = round(min(CONTRAST_HIGHEST, sample_rate / 2) / width)
    static_bins = round(CONTRAST_STATIC * highest_bin / CONTRAST_BANDS)
    ratio = (round((1 - CONTRAST_STATIC) * highest_bin) * width / CONTRAST_LOWEST) ** (1 / CONTRAST_BANDS)
    start = last = round(CONTRAST_LOWEST / width)
    bands = []
    for band in range(1, CONTRAST_BANDS + 1):
        edge = round(CONTRAST_LOWEST * ratio**band / width)
        stop = start + max(1, edge - last + static_bins)
        bands.append(slice(start, stop))
        start, last = stop, edge
    return bands


def spectral_contrast(magnitudes: Float32Array, bands: list[slice]) -> tuple[Float32Array, Float32Array]:
    """Return contrast and valley of each band, each of shape (frames, bands)."""
    pairs = [_band_contrast(np.sort(magnitudes[:, band], axis=1)) for band in bands]
    contrasts, valleys = zip(*pairs, strict=True)
    return np.column_stack(contrasts), np.column_stack(valleys)


def _band_contrast(ascending: Float32Array) -> tuple[Float32Array, Float32Array]:
    smallest = np.float32(1e-30)
    neighbours = max(1, round(CONTRAST_NEIGHBOURS * ascending.shape[1]))
    mean = ascending.mean(axis=1) + smallest
    peak = ascending[:, -neighbours:].mean(axis=1) + smallest
    valley = ascending[:, :neighbours].mean(axis=1) + smallest
    return -((peak / valley) ** (1 / np.log(mean))), np.log(valley)
