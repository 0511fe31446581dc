"""Timbre descriptors: the shape of the spectrum, frame by frame, and how it varies.

MFCC, GFCC, Bark bands and spectral contrast have essentia's definitions and values; the others are defined beside
their computation. Frames quieter than -80 dB below full scale are left out of every statistic.
"""

import essentia.standard as es
import numpy as np
from numpy.typing import NDArray

from baselines.features.series import numbered, series_statistics
from baselines.features.stft import BlockTransform, Float32Array, SpectrumBlock, response

MFCC, GFCC, FILTERS, BARK = 20, 13, 40, 27
HIGHEST_MEL = 11000.0  # Hz, essentia's default, also for the contrast
LOWEST_ERB = 40.0  # Hz, that of essentia's GFCC
FLOOR = 1e-10  # essentia's silence threshold for band energies
QUIETEST_FRAME = -80.0  # dB below full scale
BARK_EDGES = (
    *(0, 50, 100, 150, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700),
    *(4400, 5300, 6400, 7700, 9500, 12000, 15500, 20500),
)  # Hz, essentia's
ENERGY_BANDS = {"low": (20, 150), "mid_low": (150, 800), "mid_high": (800, 4000), "high": (4000, 20000)}  # Hz
SHAPES = (
    *("centroid", "spread", "skewness", "kurtosis", "rolloff", "flux", "high_frequency_content", "flatness"),
    *("crest", "entropy", "zero_crossings", "rms", "complexity", "strong_peak"),
)
ROLLOFF_SHARE = 0.85
PEAK_THRESHOLD = 0.005  # magnitude of a spectral peak that counts for the complexity, essentia's
CONTRAST_BANDS, CONTRAST_LOWEST, CONTRAST_STATIC, CONTRAST_NEIGHBOURS = 6, 20.0, 0.15, 0.4


class Timbre:
    """The timbre descriptors of tracks analysed by one transform."""

    def __init__(self, transform: BlockTransform) -> None:
        rate, bins = transform.sample_rate, transform.bins
        highest = min(HIGHEST_MEL, rate / 2)
        bark_edges = sorted({float(min(edge, rate / 2)) for edge in BARK_EDGES})
        mel = es.MelBands(inputSize=bins, numberBands=FILTERS, sampleRate=rate, highFrequencyBound=highest)
        erb = es.ERBBands(
            inputSize=bins,
            numberBands=FILTERS,
            sampleRate=rate,
            lowFrequencyBound=LOWEST_ERB,
            highFrequencyBound=rate / 2,
        )
        bark = es.FrequencyBands(frequencyBands=bark_edges, sampleRate=rate)
        self._filters = np.hstack([response(bank, bins) for bank in (mel, erb, bark)])
        self._cosines = response(es.DCT(inputSize=FILTERS, outputSize=MFCC), FILTERS)
        self._frequencies = transform.frequencies
        self._contrast_bands = contrast_bands(rate, transform.frame_size)
        self.columns = [
            *(
                name
                for stem, count in (("mfcc", MFCC), ("gfcc", GFCC), ("bark", BARK))
                for name in numbered(stem, count)
            ),
            *SHAPES,
            *(f"energy_ratio.{band}" for band in ENERGY_BANDS),
            *numbered("contrast", CONTRAST_BANDS),
            *numbered("valley", CONTRAST_BANDS),
        ]
        self._dynamics = es.DynamicComplexity(sampleRate=rate)

    def series(self, block: SpectrumBlock) -> NDArray[np.float64]:
        """Return the frame descriptors of every second frame of a block, shape (frames / 2, columns)."""
        frames, magnitudes, following = block.frames[::2], block.magnitudes[::2], block.magnitudes[1::2]
        power = magnitudes * magnitudes
        energies = power @ self._filters
        decibels = 20 * np.log10(np.maximum(energies, FLOOR))  # essentia's "dbamp", though these are energies
        mel, erb, bark = np.split(decibels, (FILTERS, 2 * FILTERS), axis=1)
        contrast, valley = spectral_contrast(magnitudes, self._contrast_bands)
        columns = (
            mel @ self._cosines,
            erb @ self._cosines[:, :GFCC],
            np.pad(
                bark, ((0, 0), (0, BARK - bark.shape[1])), constant_values=np.nan
            ),  # those above Nyquist's frequency
            self._moments(power),
            _rolloff(power, self._frequencies),
            np.sqrt(np.square(following - magnitudes).sum(axis=1)),
            _decibels(power @ self._frequencies),
            *_unevenness(energies[:, 2 * FILTERS :]),
            _entropy(power),
            np.mean(np.diff(np.signbit(frames), axis=1), axis=1),
            _decibels(np.square(frames).mean(axis=1)),
            *_peaks(magnitudes),
            self._energy_ratios(power),
            contrast,
            valley,
        )
        return np.column_stack([np.asarray(column, np.float64) for column in columns])

    def describe(self, series: NDArray[np.float64], samples: Float32Array) -> dict[str, float]:
        """Return the descriptors of a track from its frame descriptors, shape (frames, columns), and its samples."""
        sounding = series[:, self.columns.index("rms")] > QUIETEST_FRAME
        values = series_statistics(self.columns, series, sounding)
        values["sounding_share"] = float(np.mean(sounding))
        values.update(_mfcc_covariance(series[sounding, :MFCC]))
        if sounding.any():
            values["dynamic_complexity"], values["loudness"] = map(float, self._dynamics(samples))
        return values

    def _moments(self, power: Float32Array) -> NDArray[np.float64]:
        """Return centroid and spread in Hz, skewness and excess kurtosis of the power spectrum over frequency.

        In double precision: raw moments of a narrow spectrum cancel to nothing in single.
        """
        highest = self._frequencies[-1]
        powers = np.vander(self._frequencies / highest, 5, increasing=True)
        raw = power.astype(np.float64) @ powers
        mean, second, third, fourth = (raw[:, 1:] / np.maximum(raw[:, :1], FLOOR**2)).T
        variance = np.maximum(second - mean**2, 1e-12)
        skewness = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
        kurtosis = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2 - 3
        return np.column_stack([mean * highest, np.sqrt(variance) * highest, skewness, kurtosis])

    def _energy_ratios(self, power: Float32Array) -> Float32Array:
        """Return the share of the power in each of `ENERGY_BANDS`, shape (frames, bands)."""
        edges = np.array(list(ENERGY_BANDS.values()))
        inside = (self._frequencies[:, None] >= edges[:, 0]) & (self._frequencies[:, None] < edges[:, 1])
        shares: Float32Array = (power @ inside.astype(np.float32)) / np.maximum(power.sum(axis=1, keepdims=True), FLOOR)
        shares[:, edges[:, 0] >= self._frequencies[-1]] = np.nan
        return shares


def contrast_bands(sample_rate: int, frame_size: int) -> list[slice]:
    """Return the bins of each band of essentia's SpectralContrast (Akkermans et al. 2009), after its own rounding."""
    width = sample_rate / frame_size
    highest_bin = round(min(HIGHEST_MEL, sample_rate / 2) / width)
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


def _rolloff(power: Float32Array, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the frequency in Hz below which 85 % of the power lies."""
    cumulative = np.cumsum(power, axis=1)
    bins = (cumulative < ROLLOFF_SHARE * cumulative[:, -1:]).sum(axis=1)
    return np.asarray(frequencies[bins])


def _unevenness(bark: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return flatness (geometric over arithmetic mean, in dB) and crest (maximum over mean) of the Bark energies."""
    mean = np.maximum(bark.mean(axis=1), FLOOR)
    geometric = np.exp(np.log(np.maximum(bark, FLOOR)).mean(axis=1))
    return 10 * np.log10(geometric / mean), bark.max(axis=1) / mean


def _entropy(power: Float32Array) -> Float32Array:
    """Return the entropy of the power spectrum as a distribution over bins, in bits."""
    shares = power / np.maximum(power.sum(axis=1, keepdims=True), FLOOR)
    entropy: Float32Array = -(shares * np.log2(np.maximum(shares, FLOOR))).sum(axis=1)
    return entropy


def _peaks(magnitudes: Float32Array) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
    """Return the number of spectral peaks above the threshold, and the highest magnitude over the mean in dB."""
    middle = magnitudes[:, 1:-1]
    peaks = (middle > magnitudes[:, :-2]) & (middle >= magnitudes[:, 2:]) & (middle > PEAK_THRESHOLD)
    strongest = _decibels(np.square(magnitudes.max(axis=1))) - _decibels(np.square(magnitudes.mean(axis=1)))
    return peaks.sum(axis=1), strongest


def _mfcc_covariance(mfcc: NDArray[np.float64]) -> dict[str, float]:
    rows, columns = np.triu_indices(MFCC)
    matrix = np.cov(mfcc, rowvar=False) if len(mfcc) > 1 else np.full((MFCC, MFCC), np.nan)
    pairs = zip(rows.tolist(), columns.tolist(), matrix[rows, columns].tolist(), strict=True)
    return {f"mfcc_covariance.{row:02d}.{column:02d}": value for row, column, value in pairs}


def _decibels(power: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(10 * np.log10(np.maximum(power, FLOOR)))
