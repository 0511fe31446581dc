"""Timbre descriptors are essentia's own, on songs at the corpus's rate and resampled to 44.1 kHz."""

from collections.abc import Callable
from dataclasses import dataclass

import essentia.standard as es
import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.features.extractor import FRAME_SECONDS, HOP_SECONDS
from baselines.features.spectral_shape import flatness, strong_peak
from baselines.features.stft import BlockTransform
from baselines.features.timbre import BARK_EDGES, ENERGY_BANDS, Timbre
from bench.corpus import Float32Array
from tests.songs import song

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """Our frame descriptors by column, and essentia's frames, spectra and Bark energies of the same frames."""

    rate: int
    series: dict[str, Float64Array]
    following: list[Float32Array]
    frames: list[Float32Array]
    spectra: list[Float32Array]
    bark: list[Float32Array]

    def columns(self, stem: str) -> Float64Array:
        return np.column_stack([values for column, values in self.series.items() if column.split(".")[0] == stem])


@pytest.fixture(
    scope="module",
    params=[(number, rate) for number in range(3) for rate in (16000, 44100)],
    ids=lambda key: f"song {key[0]} at {key[1]} Hz",
)
def analysis(request: pytest.FixtureRequest) -> Analysis:
    number, rate = request.param
    samples = song(number, rate)
    transform = BlockTransform(rate, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
    timbre, size = Timbre(transform), transform.frame_size
    series = np.concatenate([timbre.series(block) for block in transform.blocks(samples)])
    window, spectrum = es.Windowing(type="blackmanharris62", size=size), es.Spectrum(size=size)
    generator = es.FrameGenerator(
        samples, frameSize=size, hopSize=transform.hop, startFromZero=True, lastFrameToEndOfFile=False
    )
    frames = list(generator)[: 2 * len(series)]
    spectra = [spectrum(window(frame)) for frame in frames]
    bark = es.FrequencyBands(
        frequencyBands=sorted({float(min(edge, rate / 2)) for edge in BARK_EDGES}), sampleRate=rate
    )
    return Analysis(
        rate,
        dict(zip(timbre.columns, series.T, strict=True)),
        spectra[1::2],
        frames[::2],
        spectra[::2],
        [bark(each) for each in spectra[::2]],
    )


def each(algorithm: Callable[[Float32Array], object], inputs: list[Float32Array]) -> Float64Array:
    return np.array([algorithm(one) for one in inputs], np.float64)


def test_mfcc_are_those_of_essentia(analysis: Analysis) -> None:
    highest = min(11000, analysis.rate / 2)
    bins = len(analysis.spectra[0])
    mfcc = es.MFCC(inputSize=bins, numberCoefficients=20, sampleRate=analysis.rate, highFrequencyBound=highest)
    expected = each(lambda spectrum: mfcc(spectrum)[1], analysis.spectra)
    np.testing.assert_allclose(analysis.columns("mfcc"), expected, rtol=1e-3, atol=1e-2)


def test_gfcc_are_those_of_essentia(analysis: Analysis) -> None:
    gfcc = es.GFCC(inputSize=len(analysis.spectra[0]), sampleRate=analysis.rate, highFrequencyBound=analysis.rate / 2)
    expected = each(lambda spectrum: gfcc(spectrum)[1], analysis.spectra)
    np.testing.assert_allclose(analysis.columns("gfcc"), expected, rtol=1e-3, atol=1e-2)


def test_bark_bands_are_those_of_essentia_in_decibels(analysis: Analysis) -> None:
    whole = sum(edge <= analysis.rate / 2 for edge in BARK_EDGES) - 1
    energies = each(es.BarkBands(numberBands=whole, sampleRate=analysis.rate), analysis.spectra)
    ours = analysis.columns("bark")[:, :whole]  # below half the rate we have the part of one band more
    np.testing.assert_allclose(ours, 20 * np.log10(np.maximum(energies, 1e-10)), rtol=1e-3, atol=1e-3)


def test_contrast_and_valleys_are_those_of_essentia(analysis: Analysis) -> None:
    size, highest = len(analysis.frames[0]), min(11000, analysis.rate / 2)
    algorithm = es.SpectralContrast(frameSize=size, sampleRate=analysis.rate, highFrequencyBound=highest)
    expected = each(lambda spectrum: np.concatenate(algorithm(spectrum)), analysis.spectra)
    np.testing.assert_allclose(analysis.columns("contrast"), expected[:, :6], rtol=1e-3)
    np.testing.assert_allclose(analysis.columns("valley"), expected[:, 6:], rtol=1e-3, atol=1e-3)


def test_moments_of_the_power_are_those_of_essentia(analysis: Analysis) -> None:
    centroid, moments = es.Centroid(range=analysis.rate / 2), es.CentralMoments(range=analysis.rate / 2)
    shape = es.DistributionShape()
    powers = [np.square(spectrum) for spectrum in analysis.spectra]
    expected = each(lambda power: (centroid(power), *shape(moments(power))), powers)
    expected[:, 1] **= 0.5
    for column, theirs in zip(("centroid", "spread", "skewness", "kurtosis"), expected.T, strict=True):
        np.testing.assert_allclose(analysis.series[column], theirs, rtol=1e-3, atol=1e-3, err_msg=column)


def test_the_shape_of_spectra_is_that_of_essentia(analysis: Analysis) -> None:
    rate = analysis.rate
    expected = {
        "rolloff": each(es.RollOff(sampleRate=rate), analysis.spectra),
        "high_frequency_content": 10 * np.log10(each(es.HFC(sampleRate=rate), analysis.spectra)),
        "flatness": -60 * each(es.FlatnessDB(), analysis.bark),
        "crest": each(es.Crest(), analysis.bark),
        "entropy": each(es.Entropy(), analysis.spectra),
        "strong_peak": each(es.StrongPeak(), analysis.spectra),
    }
    for column, theirs in expected.items():
        np.testing.assert_allclose(analysis.series[column], theirs, rtol=1e-3, atol=1e-3, err_msg=column)


def test_crossings_and_loudness_of_frames_are_those_of_essentia(analysis: Analysis) -> None:
    np.testing.assert_allclose(
        analysis.series["zero_crossings"], each(es.ZeroCrossingRate(), analysis.frames), rtol=1e-3
    )
    np.testing.assert_allclose(analysis.series["rms"], 20 * np.log10(each(es.RMS(), analysis.frames)), rtol=1e-3)


def test_flux_is_that_of_essentia_from_each_second_frame_to_the_next(analysis: Analysis) -> None:
    flux = es.Flux()
    pairs = zip(analysis.spectra, analysis.following, strict=True)
    expected = [(flux(spectrum), flux(following))[1] for spectrum, following in pairs]
    np.testing.assert_allclose(analysis.series["flux"], expected, rtol=1e-3)


def test_complexity_is_that_of_essentia_but_for_a_peak_at_its_upper_end(analysis: Analysis) -> None:
    expected = each(es.SpectralComplexity(sampleRate=analysis.rate), analysis.spectra)
    more = analysis.series["complexity"] - expected
    assert set(more) <= {0, 1}
    assert more.mean() < 0.02
    assert analysis.series["complexity"].mean() == pytest.approx(expected.mean(), rel=1e-3)


@pytest.mark.parametrize("band", ENERGY_BANDS)
def test_energy_ratios_are_those_of_essentia(analysis: Analysis, band: str) -> None:
    low, high = ENERGY_BANDS[band]
    ratio = es.EnergyBandRatio(sampleRate=analysis.rate, startFrequency=low, stopFrequency=min(high, analysis.rate / 2))
    np.testing.assert_allclose(analysis.series[f"energy_ratio.{band}"], each(ratio, analysis.spectra), rtol=1e-3)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_dynamic_complexity_is_that_of_essentia(rate: int) -> None:
    samples = song(0, rate)
    transform = BlockTransform(rate, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
    timbre = Timbre(transform)
    series = np.concatenate([timbre.series(block) for block in transform.blocks(samples)])
    values = timbre.describe(series, samples)
    expected = es.DynamicComplexity(sampleRate=rate)(samples)
    assert (values["dynamic_complexity"], values["loudness"]) == pytest.approx(expected, rel=1e-3)


def test_the_strong_peak_of_odd_spectra_is_that_of_essentia() -> None:
    draw = np.random.default_rng(0)
    spectra = draw.exponential(0.01, (300, 9)).astype(np.float32)
    spectra[0], spectra[1] = 0.0, 1.0
    strongest = es.StrongPeak()
    np.testing.assert_allclose(strong_peak(spectra), each(strongest, list(spectra)), rtol=1e-3)


def test_flatness_with_an_empty_band_is_the_least() -> None:
    energies = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(flatness(energies), [0, -60, -60], atol=1e-6)


def test_bands_above_half_the_sample_rate_are_missing_and_no_others() -> None:
    transform = BlockTransform(8000, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
    timbre = Timbre(transform)
    series = next(timbre.series(block) for block in transform.blocks(song(0, 16000)))
    missing = [column for column, values in zip(timbre.columns, series.T, strict=True) if np.isnan(values).all()]
    assert missing == [*(f"bark.{band}" for band in range(20, 27)), "energy_ratio.high"]
    assert not np.isnan(series[:, [column not in missing for column in timbre.columns]]).any()
