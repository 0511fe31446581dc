"""Rhythm descriptors: beats and tempo, and the shape and period of the accents that carry them.

Beats are tracked as essentia's BeatTrackerDegara does it, by its TempoTapDegara on the complex spectral difference of
every second frame; only the window differs, which is shared (it has Hann's). Accents are the spectral flux of SuperFlux
(Böck & Widmer, DAFx 2013), summed over all bands or over a third of them (`_low`, `_mid`, `_high`), in log10 units. A
track without beats has no tempo, profile or ratios, a period longer than the track no correlation: they are missing.

name                                unit        source
tempo                               BPM         essentia TempoTapDegara (Degara et al. 2012), median interval
beat_rate                           1/s         of the same beats
beat_variation                      1           deviation over mean of the intervals between those beats
accent                              log10       SuperFlux
onset_rate                          1/s         ours: peaks of the accents above the mean of their second
onset_strength                      log10       the accents of those onsets
onset_interval                      s           the intervals between them
beat_profile, _low, _mid, _high     1           Prockup-style (Prockup et al. 2015): accents at 36 phases of the beat
tempogram_ratio, _low, _mid, _high  1           Prockup-style: autocorrelation of the accents at ratios of the tempo
mellin                              1           scale transform of that autocorrelation (Holzapfel & Stylianou 2011)
tempogram                           1           that autocorrelation at 25 tempi from 40 to 240 BPM
danceability                        1           essentia Danceability (Streich & Herrera 2005)
"""

from fractions import Fraction

import essentia.standard as es
import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from baselines.features.danceability import danceability
from baselines.features.series import numbered, series_statistics
from baselines.features.stft import BlockTransform, Float32Array, SpectrumBlock
from baselines.features.tie_breaking import restart_noise

Float64Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

BANDS_PER_OCTAVE, LOWEST_BAND, HIGHEST_BAND = 24, 30.0, 17000.0  # SuperFlux; Hz
COMPRESSION = 1000.0  # log10(1 + c·magnitude): a sine at full scale gives 3, one at -60 dB gives 0.3
FLUX_FRAMES = 2  # SuperFlux
REGISTERS = ("low", "mid", "high")  # thirds of the accent bands
SLOWEST_BPM, FASTEST_BPM = 30.0, 300.0  # beyond them the tracker has followed nothing
FEWEST_BEATS = 4
SMALLEST = 1e-12  # in place of a magnitude of nothing
ONSET_SPACING = 0.03  # seconds to either side
QUIETEST_ONSET = 0.5  # accent, summed over bands: the least significant bit of 16 at random gives 0.1
BEAT_PHASES = 36
TEMPOGRAM_RATIOS = tuple(
    map(Fraction, ("4", "8/3", "3", "2", "4/3", "3/2", "1", "2/3", "3/4", "1/2", "1/3", "3/8", "1/4"))
)
MELLIN_LAGS, MELLIN_POINTS, MELLIN_COEFFICIENTS = (0.06, 8.0), 512, 40  # seconds
TEMPOGRAM_BPM, TEMPOGRAM_POINTS = (40.0, 240.0), 25


class Rhythm:
    """The rhythm descriptors of tracks analysed by one transform."""

    def __init__(self, transform: BlockTransform) -> None:
        self._frame_rate = transform.frame_rate
        self._filters = accent_filters(transform.frequencies)
        self._beats = es.TempoTapDegara(sampleRateODF=transform.frame_rate / 2, resample="x2")
        self._sample_rate = transform.sample_rate

    def series(self, block: SpectrumBlock) -> Float32Array:
        """Return the compressed band magnitudes of a block, shape (frames, bands)."""
        compressed: Float32Array = np.log10(1 + COMPRESSION * (block.magnitudes @ self._filters))
        return compressed

    def describe(self, bands: Float32Array, novelty: Float32Array, samples: Float32Array) -> dict[str, float]:
        """Return the descriptors of a track.

        From its band magnitudes, shape (frames, bands), `complex_difference`, shape (frames / 2,), and samples.
        """
        flux = accents(bands)
        whole = flux.sum(axis=1)
        registers = [part.sum(axis=1) for part in np.array_split(flux, len(REGISTERS), axis=1)]
        signals = dict(zip(("", *(f"_{name}" for name in REGISTERS)), (whole, *registers), strict=True))
        onsets = self._onsets(whole)
        ticks = self.ticks(novelty) if len(onsets) >= FEWEST_BEATS else np.empty(0)
        tempo = 60 / float(np.median(np.diff(ticks))) if len(ticks) else np.nan
        values = _beat_statistics(ticks, tempo) | self._onset_statistics(whole, onsets)
        for suffix, signal in signals.items():
            correlation = autocorrelation(signal)
            values |= self.beat_profile(f"beat_profile{suffix}", signal, ticks)
            values |= self._tempogram_ratios(f"tempogram_ratio{suffix}", correlation, tempo)
        correlation = autocorrelation(whole)
        coefficients = scale_transform(correlation, self._frame_rate).tolist()
        values |= dict(zip(numbered("mellin", MELLIN_COEFFICIENTS), coefficients, strict=True))
        values |= self._tempogram(correlation)
        values["danceability"] = danceability(samples, self._sample_rate)
        return values

    def _onsets(self, accent: Float32Array) -> IntArray:
        """Return the frames of the onsets: peaks that rise above the mean of their second by the track's deviation."""
        local = scipy.ndimage.uniform_filter1d(accent, max(3, round(self._frame_rate)))
        highest = scipy.ndimage.maximum_filter1d(accent, 1 + 2 * round(ONSET_SPACING * self._frame_rate))
        least = np.maximum(local + accent.std(), QUIETEST_ONSET)
        return np.flatnonzero((accent == highest) & (accent > least))

    def ticks(self, novelty: Float32Array) -> Float64Array:
        """Return the times of the beats in seconds, shape (beats,), from `complex_difference`; perhaps none.

        A beat's time is that of its frame's beginning. On silence and on a constant the tracker counts frames: such
        ticks are too fast to be beats.
        """
        restart_noise()
        ticks = np.asarray(self._beats(novelty), np.float64)
        if len(ticks) < FEWEST_BEATS or not SLOWEST_BPM <= 60 / np.median(np.diff(ticks)) <= FASTEST_BPM:
            return np.empty(0)
        return ticks

    def _onset_statistics(self, accent: Float32Array, onsets: IntArray) -> dict[str, float]:
        """Return onsets a second, their accents, and the intervals between them in seconds."""
        gaps = np.diff(onsets) / self._frame_rate
        return {
            **series_statistics(["accent"], accent[:, None], np.ones(len(accent), np.bool_)),
            "onset_rate": len(onsets) / (len(accent) / self._frame_rate),
            "onset_strength.mean": float(accent[onsets].mean()) if len(onsets) else np.nan,
            "onset_strength.std": float(accent[onsets].std()) if len(onsets) else np.nan,
            "onset_interval.mean": float(gaps.mean()) if len(gaps) else np.nan,
            "onset_interval.std": float(gaps.std()) if len(gaps) else np.nan,
        }

    def beat_profile(self, name: str, accent: Float32Array, ticks: Float64Array) -> dict[str, float]:
        """Return the mean and deviation of the accents at 36 phases of the beat, each beat scaled to a maximum of 1.

        Beats without any accent are left out.
        """
        phases = ticks[:-1, None] + np.diff(ticks)[:, None] * (np.arange(BEAT_PHASES) / BEAT_PHASES)
        beats = np.interp(phases * self._frame_rate, np.arange(len(accent)), accent)
        loudest = beats.max(axis=1, keepdims=True)
        accented = loudest[:, 0] > 0
        profile = beats[accented] / loudest[accented] if accented.any() else np.full((1, BEAT_PHASES), np.nan)
        means = zip(numbered(name, BEAT_PHASES), profile.mean(axis=0).tolist(), strict=True)
        deviations = zip(numbered(name, BEAT_PHASES), profile.std(axis=0).tolist(), strict=True)
        return {f"{key}.mean": value for key, value in means} | {f"{key}.std": value for key, value in deviations}

    def _tempogram_ratios(self, name: str, correlation: Float64Array, tempo: float) -> dict[str, float]:
        """Return the autocorrelation of the accents at the period of each ratio of the tempo."""
        ratios = np.array([float(ratio) for ratio in TEMPOGRAM_RATIOS])
        periods = 60 / (tempo * ratios)
        values = at_lags(correlation, periods, self._frame_rate) if np.isfinite(tempo) else np.full(len(ratios), np.nan)
        keys = [f"{name}.{str(ratio).replace('/', '_')}" for ratio in TEMPOGRAM_RATIOS]
        return dict(zip(keys, values.tolist(), strict=True))

    def _tempogram(self, correlation: Float64Array) -> dict[str, float]:
        """Return the autocorrelation of the accents at 25 tempi from 40 to 240 BPM, evenly in the logarithm."""
        periods = 60 / np.geomspace(*TEMPOGRAM_BPM, TEMPOGRAM_POINTS)
        values = at_lags(correlation, periods, self._frame_rate)
        return dict(zip(numbered("tempogram", TEMPOGRAM_POINTS), values.tolist(), strict=True))


def complex_difference(block: SpectrumBlock) -> Float32Array:
    """Return how far every second frame of a block lies from what the two before it foretell, shape (frames / 2,).

    The magnitude of the one before and its phase's advance would foretell a steady sound (Duxbury et al. 2003; essentia
    OnsetDetection, "complex"). The first two of a track are 0: its beginning is no onset.
    """
    spectra = block.spectra[::2]
    magnitudes = np.abs(spectra) + np.float32(SMALLEST)
    advance = spectra[1:] * spectra[:-1].conj()
    before, last = advance[:-1], advance[1:]
    likeness = (last.real * before.real + last.imag * before.imag) / (magnitudes[1:-1] * magnitudes[:-2])
    squares = magnitudes[2:] ** 2 + magnitudes[1:-1] ** 2 - 2 * likeness
    difference = np.sqrt(np.maximum(squares, 0)).sum(axis=1)
    return np.pad(difference, (len(block.magnitudes) // 2 - len(difference), 0))


def accent_filters(frequencies: Float64Array) -> Float32Array:
    """Return the triangular filters of SuperFlux, shape (bins, bands): 24 an octave, fewer where bins are few."""
    octaves = np.log2(np.array([LOWEST_BAND, min(HIGHEST_BAND, frequencies[-1])]) / 440)
    steps = np.arange(np.ceil(octaves[0] * BANDS_PER_OCTAVE), np.floor(octaves[1] * BANDS_PER_OCTAVE) + 1)
    centres = np.unique(np.rint(440 * 2 ** (steps / BANDS_PER_OCTAVE) / frequencies[1]).astype(np.intp))
    triangles = [np.interp(np.arange(len(frequencies)), centres[i : i + 3], (0, 1, 0)) for i in range(len(centres) - 2)]
    return np.column_stack(triangles).astype(np.float32)


def accents(bands: Float32Array) -> Float32Array:
    """Return the rise of each band over the loudest of it and its neighbours two frames before, shape of `bands`."""
    before = bands[:-FLUX_FRAMES]
    loudest = before.copy()
    np.maximum(loudest[:, 1:], before[:, :-1], out=loudest[:, 1:])
    np.maximum(loudest[:, :-1], before[:, 1:], out=loudest[:, :-1])
    rise = np.zeros_like(bands)
    np.maximum(bands[FLUX_FRAMES:] - loudest, 0, out=rise[FLUX_FRAMES:])
    return rise


def autocorrelation(signal: Float32Array) -> Float64Array:
    """Return the autocorrelation of a signal about its mean, 1 at lag 0, shape (lags,); nan for a constant."""
    centred = signal.astype(np.float64) - signal.mean(dtype=np.float64)
    spectrum = scipy.fft.rfft(centred, scipy.fft.next_fast_len(2 * len(centred)))
    correlation = scipy.fft.irfft(np.abs(spectrum) ** 2)[: len(centred)]
    return np.asarray(correlation / correlation[0] if correlation[0] > 1e-9 else np.full_like(correlation, np.nan))


def scale_transform(correlation: Float64Array, frame_rate: float) -> Float64Array:
    """Return the scale (Mellin) transform of an autocorrelation, shape (40,): the tempo leaves it nearly unchanged.

    The lags are warped to their logarithm; the magnitudes of the Fourier transform there, scaled to a maximum of 1,
    are summed up by their cosine transform (Holzapfel & Stylianou 2011). By definition the autocorrelation of a finite
    signal is 0 beyond its length.
    """
    lags = np.geomspace(*MELLIN_LAGS, MELLIN_POINTS)
    warped = at_lags(correlation, lags, frame_rate, beyond=0) * np.sqrt(lags)
    magnitudes = np.abs(scipy.fft.rfft(warped * np.hanning(MELLIN_POINTS)))[: MELLIN_POINTS // 4]
    scaled = magnitudes / max(float(magnitudes.max()), 1e-9)
    return np.asarray(scipy.fft.dct(scaled, norm="ortho")[:MELLIN_COEFFICIENTS])


def at_lags(
    correlation: Float64Array, seconds: Float64Array, frame_rate: float, *, beyond: float = np.nan
) -> Float64Array:
    """Return an autocorrelation at lags in seconds, between its frames by interpolation, `beyond` past its end."""
    return np.interp(seconds * frame_rate, np.arange(len(correlation)), correlation, right=beyond)


def _beat_statistics(ticks: Float64Array, tempo: float) -> dict[str, float]:
    """Return the tempo in BPM, the beats a second between the first and the last, and their relative deviation."""
    if not len(ticks):
        return dict.fromkeys(("tempo", "beat_rate", "beat_variation"), np.nan)
    gaps = np.diff(ticks)
    return {
        "tempo": tempo,
        "beat_rate": float(len(gaps) / gaps.sum()),
        "beat_variation": float(gaps.std() / gaps.mean()),
    }
