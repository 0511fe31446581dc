"""Timbre descriptors: the shape of the spectrum, frame by frame, and how it varies.

Each is essentia's, value for value, on every second frame; dB are 20 log10 of an amplitude or 10 log10 of a power.
Frames quieter than -80 dB below full scale are left out of every statistic.

name                    unit            source
mfcc                    dB              essentia MFCC (Davis & Mermelstein 1980), 40 bands to 11 kHz
mfcc_covariance         dB squared      Mandel & Ellis 2005: of those coefficients over the frames
gfcc                    dB              essentia GFCC (Shao et al. 2009): MFCC on 40 ERB bands
bark                    dB              essentia BarkBands, as 20 log10 of the energy
centroid, spread        Hz              essentia Centroid and CentralMoments (Peeters 2004) of the power spectrum
skewness, kurtosis      1               essentia DistributionShape (Peeters 2004); that of a Gaussian is 0
rolloff                 Hz              essentia RollOff: 85 % of the power lies below (Peeters 2004)
flux                    amplitude       essentia Flux (Tzanetakis & Cook 1999): L2 distance to the next frame
high_frequency_content  dB              essentia HFC (Masri & Bateman 1996), power times Hz
flatness                dB              -60 times essentia FlatnessDB of the Bark bands (Peeters 2004)
crest                   1               essentia Crest of the Bark bands (Peeters 2004)
entropy                 bit             essentia Entropy of the magnitudes (Misra et al. 2004)
zero_crossings          1 a sample      essentia ZeroCrossingRate
rms                     dB              essentia RMS; a full square wave has 0
complexity              peaks           essentia SpectralComplexity (Laurier et al. 2009)
strong_peak             amplitude       essentia StrongPeak (Gouyon & Herrera 2001): over a width in decades
energy_ratio            1               essentia EnergyBandRatio, of four bands
contrast, valley        1, log          essentia SpectralContrast (Akkermans et al. 2009)
sounding_share          1               ours: the share of frames that are not left out
dynamic_complexity      dB              essentia DynamicComplexity (Streich 2007)
loudness                dB              the same algorithm's estimate of the loudness
"""

import essentia.standard as es
import numpy as np

from baselines.features.series import numbered, series_statistics
from baselines.features.spectral_shape import (
    FLOOR,
    SMALLEST,
    Float64Array,
    complexity,
    contrast_bands,
    crest,
    decibels,
    entropy,
    flatness,
    moments,
    rolloff,
    spectral_contrast,
    strong_peak,
)
from baselines.features.stft import BlockTransform, Float32Array, SpectrumBlock, response

MFCC, GFCC, FILTERS, BARK, CONTRAST = 20, 13, 40, 27, 6
HIGHEST_MEL = 11000.0  # Hz, essentia's default
LOWEST_ERB = 40.0  # Hz, that of essentia's GFCC
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
        ratios = [
            es.EnergyBandRatio(sampleRate=rate, startFrequency=low, stopFrequency=min(high, rate / 2))
            for low, high in ENERGY_BANDS.values()
            if low < rate / 2
        ]
        self._energy_bands = np.column_stack([response(ratio, bins) for ratio in ratios])
        self._cosines = response(es.DCT(inputSize=FILTERS, outputSize=MFCC), FILTERS)
        self._frequencies = transform.frequencies
        self._contrast_bands = contrast_bands(rate, transform.frame_size)
        self.columns = [
            *numbered("mfcc", MFCC),
            *numbered("gfcc", GFCC),
            *numbered("bark", BARK),
            *SHAPES,
            *(f"energy_ratio.{band}" for band in ENERGY_BANDS),
            *numbered("contrast", CONTRAST),
            *numbered("valley", CONTRAST),
        ]
        self._dynamics = es.DynamicComplexity(sampleRate=rate)

    def series(self, block: SpectrumBlock) -> Float64Array:
        """Return the frame descriptors of every second frame of a block, shape (frames / 2, columns)."""
        frames, magnitudes, following = block.frames[::2], block.magnitudes[::2], block.magnitudes[1::2]
        power = magnitudes * magnitudes
        energies = (power @ self._filters).astype(np.float32, copy=False)
        columns = (
            self._cepstra(energies),
            moments(power, self._frequencies),
            rolloff(power, self._frequencies),
            _norm(following - magnitudes),
            decibels(power @ self._frequencies.astype(np.float32)),
            flatness(energies[:, 2 * FILTERS :]),
            crest(energies[:, 2 * FILTERS :]),
            entropy(magnitudes),
            _zero_crossings(frames),
            decibels(_norm(frames) ** 2 / frames.shape[1]),
            complexity(magnitudes, self._frequencies[1]),
            strong_peak(magnitudes),
            self._energy_ratios(power),
            *spectral_contrast(magnitudes, self._contrast_bands),
        )
        return np.column_stack([np.asarray(column, np.float64) for column in columns])

    def describe(self, series: Float64Array, samples: Float32Array) -> dict[str, float]:
        """Return the descriptors of a track from its frame descriptors, shape (frames, columns), and its samples."""
        sounding = series[:, self.columns.index("rms")] > QUIETEST_FRAME
        values = series_statistics(self.columns, series, sounding)
        values["sounding_share"] = float(np.mean(sounding))
        values.update(_mfcc_covariance(series[sounding, :MFCC]))
        if sounding.any():
            values["dynamic_complexity"], values["loudness"] = map(float, self._dynamics(samples))
        return values

    def _cepstra(self, energies: Float32Array) -> Float32Array:
        """Return MFCC, GFCC and Bark bands in dB, shape (frames, 60)."""
        amplitudes = 20 * np.log10(np.maximum(energies, FLOOR))  # essentia's "dbamp", though these are energies
        mel, erb, bark = np.split(amplitudes, (FILTERS, 2 * FILTERS), axis=1)
        return np.hstack([mel @ self._cosines, erb @ self._cosines[:, :GFCC], _widened(bark, BARK)])

    def _energy_ratios(self, power: Float32Array) -> Float32Array:
        """Return the share of the power in each of `ENERGY_BANDS`, shape (frames, bands)."""
        total = np.maximum(power.sum(axis=1, keepdims=True), SMALLEST)
        return _widened(power @ self._energy_bands / total, len(ENERGY_BANDS))


def _widened(bands: Float32Array, count: int) -> Float32Array:
    """Return as many bands as there are at high sample rates: nan for those that begin above half of this one."""
    return np.pad(bands, ((0, 0), (0, count - bands.shape[1])), constant_values=np.nan)


def _norm(rows: Float32Array) -> Float32Array:
    """Return the length of each row as a vector."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)))


def _zero_crossings(frames: Float32Array) -> Float64Array:
    """Return the changes of sign a sample."""
    return np.asarray(np.count_nonzero(np.diff(frames > 0, axis=1), axis=1) / frames.shape[1])


def _mfcc_covariance(mfcc: Float64Array) -> dict[str, float]:
    rows, columns = np.triu_indices(MFCC)
    matrix = np.cov(mfcc, rowvar=False) if len(mfcc) > 1 else np.full((MFCC, MFCC), np.nan)
    pairs = zip(rows.tolist(), columns.tolist(), matrix[rows, columns].tolist(), strict=True)
    return {f"mfcc_covariance.{row:02d}.{column:02d}": value for row, column, value in pairs}
