"""Rhythm descriptors: essentia's beats and danceability on songs, and nothing said of what a track does not have."""

import re

import essentia.standard as es
import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.features import harmony, rhythm, timbre
from baselines.features.danceability import danceability, fluctuations, window_lengths
from baselines.features.extractor import FRAME_SECONDS, HOP_SECONDS, Extractor, descriptor_names
from baselines.features.rhythm import Rhythm, at_lags, autocorrelation, complex_difference
from baselines.features.stft import BlockTransform
from bench.corpus import Float32Array
from tests.songs import song

BEAT_WINDOW = 0.07  # seconds, that of MIREX


def analysed(samples: Float32Array, rate: int) -> tuple[BlockTransform, Float32Array]:
    transform = BlockTransform(rate, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
    return transform, np.concatenate([complex_difference(block) for block in transform.blocks(samples)])


def f_measure(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """Return the F-measure of beats that lie further apart than twice the window."""
    hits = (np.abs(ours[:, None] - theirs) <= BEAT_WINDOW).any(axis=1).sum()
    return float(2 * hits / (len(ours) + len(theirs)))


@pytest.mark.parametrize("number", range(3))
def test_beats_are_those_of_essentia(number: int) -> None:
    samples = song(number, 44100)
    transform, novelty = analysed(samples, 44100)
    ours = Rhythm(transform).ticks(novelty) + transform.frame_size / 2 / 44100  # essentia's frames are centred
    assert f_measure(ours, es.BeatTrackerDegara()(samples)) >= 0.95


@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_complex_difference_is_that_of_essentia(rate: int) -> None:
    samples = song(2, rate)
    transform, novelty = analysed(samples, rate)
    size = transform.frame_size
    window, fft, polar = (
        es.Windowing(type="blackmanharris62", size=size, zeroPhase=False),
        es.FFT(size=size),
        es.CartesianToPolar(),
    )
    detection = es.OnsetDetection(method="complex", sampleRate=rate)
    frames = es.FrameGenerator(
        samples, frameSize=size, hopSize=2 * transform.hop, startFromZero=True, lastFrameToEndOfFile=False
    )
    expected = np.array([detection(*polar(fft(window(frame)))) for frame in frames])[: len(novelty)]
    assert len(novelty) > 512  # more than one block
    assert (novelty[:2] == 0).all()
    np.testing.assert_allclose(novelty[2:], expected[2:], rtol=1e-3)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.3, 9.0, 14.0])
@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize("number", range(3))
def test_danceability_is_that_of_essentia(number: int, rate: int, seconds: float) -> None:
    samples = song(number, rate)[: round(seconds * rate)]
    expected = es.Danceability(sampleRate=rate)(samples)[0]
    assert danceability(samples, rate) == pytest.approx(expected, rel=1e-4)


def test_windows_of_an_hour_whose_level_drifts_stray_as_each_by_itself_does() -> None:
    draw, length = np.random.default_rng(0), int(window_lengths()[0])
    levels = np.abs(draw.standard_normal(360_000)) + np.linspace(0, 3, 360_000)
    walk = np.cumsum(levels - levels.mean())
    windows = np.lib.stride_tricks.sliding_window_view(walk, length)[: len(walk) - length]
    index = np.arange(length) - (length - 1) / 2
    centred = windows - windows.mean(axis=1, keepdims=True)
    straight = np.outer(centred @ index / (index @ index), index)
    expected = np.sqrt(((centred - straight) ** 2).mean())
    assert fluctuations(walk, np.array([length]))[0] == pytest.approx(expected, rel=1e-8)


def test_a_constant_level_has_no_danceability() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(10 * 16000) / 16000).astype(np.float32)
    assert np.isnan(danceability(tone, 16000))


def test_periods_longer_than_the_track_have_no_correlation() -> None:
    values = Extractor(16000).named(song(2, 16000)[:16000])
    slow, fast = values["rhythm.tempogram.00"], values["rhythm.tempogram.24"]  # 1.5 s and 0.25 s
    assert np.isnan(slow)
    assert np.isfinite(fast)
    assert np.isnan(at_lags(np.ones(10), np.array([0.5, 2.0]), 10.0)).tolist() == [False, True]


def test_a_constant_has_no_autocorrelation() -> None:
    assert np.isnan(autocorrelation(np.ones(20, np.float32))).all()


def test_a_beat_without_accents_is_left_out_of_the_profile() -> None:
    transform = BlockTransform(16000, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
    accent = np.zeros(round(4 * transform.frame_rate), np.float32)
    accent[: len(accent) // 2] = 1
    profile = Rhythm(transform).beat_profile("p", accent, np.arange(4.0))
    assert profile["p.00.mean"] == 1
    assert Rhythm(transform).beat_profile("p", 0 * accent, np.arange(4.0)).keys() == profile.keys()


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_danceability_of_what_is_shorter_than_its_shortest_segment_is_missing(seconds: float) -> None:
    assert np.isnan(Extractor(16000).named(song(0, 16000)[: round(seconds * 16000)])["rhythm.danceability"])


@pytest.mark.parametrize("module", [timbre, rhythm, harmony], ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def test_each_descriptor_stands_in_its_modules_docstring(module: object) -> None:
    name, text = str(getattr(module, "__name__", "")).rsplit(".", 1)[-1], str(module.__doc__)
    words = set(re.findall(r"\w+", text))
    stems = {descriptor.split(".")[1] for descriptor in descriptor_names() if descriptor.startswith(name)}
    assert stems
    plain = {re.sub(r"^(beat_profile|tempogram_ratio)_\w+$", r"\1", stem) for stem in stems}
    assert plain <= words, plain - words
