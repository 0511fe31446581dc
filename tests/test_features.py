"""Descriptors: essentia's own values, at three sample rates, and sane answers to odd signals."""

from functools import cache
from pathlib import Path

import essentia.standard as es
import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.features.extractor import FRAME_SECONDS, GROUPS, HOP_SECONDS, Extractor, descriptor_names
from baselines.features.rhythm import TEMPOGRAM_RATIOS, accent_filters, accents, autocorrelation, scale_transform
from baselines.features.series import series_statistics
from baselines.features.stft import BlockTransform

Float32Array = NDArray[np.float32]

RATES = (16000, 22050, 44100)
ALL_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000)
FIXTURES = Path(__file__).parent / "fixtures"


def seconds(rate: int, length: float) -> NDArray[np.float64]:
    return np.arange(round(length * rate)) / rate


@cache
def extractor(rate: int) -> Extractor:
    return Extractor(rate)


@cache
def band(rate: int, length: float = 6.0, bpm: float = 120.0) -> Float32Array:
    """Chords of decaying harmonics over noisy drums: C, A minor, F, G, a beat's length each."""
    draw = np.random.default_rng(1)
    time = seconds(rate, length)
    beat = time * bpm / 60
    samples = 0.3 * draw.standard_normal(len(time)) * np.exp(-(beat % 1) * 25)
    for number, chord in enumerate(
        ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
    ):
        playing = (beat // 1 % 4 == number) * np.exp(-(beat % 1) * 2)
        for pitch in chord:
            samples += sum(0.08 / n * playing * np.sin(2 * np.pi * n * pitch * time) for n in range(1, 8))
    return samples.astype(np.float32)


def clicks(rate: int, bpm: float, length: float = 12.0) -> Float32Array:
    samples = np.zeros(round(length * rate), np.float32)
    samples[(np.arange(0, length, 60 / bpm) * rate).astype(int)] = 0.9
    return samples


def described(rate: int, samples: Float32Array) -> dict[str, float]:
    return dict(zip(descriptor_names(), extractor(rate).describe(samples).tolist(), strict=True))


def essentia_spectra(samples: Float32Array, transform: BlockTransform) -> list[Float32Array]:
    window = es.Windowing(type="blackmanharris62", size=transform.frame_size)
    spectrum = es.Spectrum(size=transform.frame_size)
    frames = es.FrameGenerator(
        samples, frameSize=transform.frame_size, hopSize=transform.hop, startFromZero=True, lastFrameToEndOfFile=False
    )
    return [spectrum(window(frame)) for frame in frames]


@pytest.mark.parametrize("rate", RATES)
def test_spectra_are_those_of_essentia(rate: int) -> None:
    transform = BlockTransform(rate, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
    samples = band(rate, 15)
    ours = np.concatenate([block.magnitudes for block in transform.blocks(samples)])
    theirs = np.array(essentia_spectra(samples, transform))[: len(ours)]
    assert len(ours) > 1024  # more than one block
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("bpm", [90.0, 120.0, 150.0])
def test_a_metronome_has_its_tempo(rate: int, bpm: float) -> None:
    values = described(rate, clicks(rate, bpm))
    assert values["rhythm.tempo"] == pytest.approx(bpm, rel=0.02)
    assert values["rhythm.onset_rate"] == pytest.approx(bpm / 60, rel=0.1)
    assert values["rhythm.onset_interval.std"] < 0.02
    assert values["rhythm.beat_variation"] < 0.05


def test_the_ratio_of_twice_the_tempo_tells_whether_there_are_half_beats() -> None:
    rate = 16000
    plain, halved = clicks(rate, 100), clicks(rate, 100) + 0.7 * clicks(rate, 200)
    of_plain, of_halved = described(rate, plain), described(rate, halved)
    assert of_plain["rhythm.tempogram_ratio.1"] > 0.8
    assert of_plain["rhythm.tempogram_ratio.2"] < 0.1 < of_halved["rhythm.tempogram_ratio.2"]


def test_the_scale_transform_hardly_changes_with_the_tempo() -> None:
    frame_rate, lags = 86.0, np.arange(2580) / 86.0

    def of(periods: tuple[float, ...]) -> NDArray[np.float64]:
        correlation = np.mean([np.cos(2 * np.pi * lags / period) ** 8 for period in periods], axis=0)
        return scale_transform(correlation * np.exp(-lags), frame_rate)

    slow, fast, other = of((0.50, 1.0)), of((0.46, 0.92)), of((0.50, 0.75))
    assert np.linalg.norm(fast - slow) < np.linalg.norm(other - slow) / 2


def test_series_statistics_leave_silent_frames_out() -> None:
    series = np.array([[1.0], [3.0], [100.0], [5.0], [9.0]])
    sounding = np.array([True, True, False, True, True])
    values = series_statistics(["x"], series, sounding)
    assert values == {
        "x.mean": 4.5,
        "x.std": pytest.approx(np.std([1, 3, 5, 9])),
        "x.change_mean": 3.0,  # |3 − 1| and |9 − 5|: none across the silent frame
        "x.change_std": 1.0,
    }


def test_statistics_of_nothing_are_missing() -> None:
    values = series_statistics(["x"], np.ones((3, 1)), np.zeros(3, np.bool_))
    assert all(np.isnan(value) for value in values.values())


def test_autocorrelation_is_that_of_the_definition() -> None:
    signal = np.random.default_rng(0).random(50).astype(np.float32)
    centred = signal - signal.mean()
    expected = [np.dot(centred[lag:], centred[: 50 - lag]) / np.dot(centred, centred) for lag in range(50)]
    np.testing.assert_allclose(autocorrelation(signal), expected, atol=1e-5)


def test_accents_forgive_a_pitch_that_slides_to_the_next_band() -> None:
    bands = np.zeros((6, 9), np.float32)
    for frame in range(6):
        bands[frame, 2 + frame // 2] = 1.0
    assert accents(bands).sum() == 0
    bands[4:, 8] = 0.5
    assert accents(bands).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [8000, *RATES, 96000])
def test_accent_filters_cover_every_bin_between_their_ends_with_a_peak_of_one(rate: int) -> None:
    transform = BlockTransform(rate, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
    filters = accent_filters(transform.frequencies)
    assert (filters.max(axis=0) == 1).all()
    inside = np.flatnonzero(filters.any(axis=1))
    np.testing.assert_allclose(filters[inside[0] + 25 : inside[-1] - 25].sum(axis=1), 1, atol=1e-6)


def odd_signals(rate: int) -> dict[str, Float32Array]:
    draw = np.random.default_rng(0)
    music, silence = band(rate, 3), np.zeros(3 * rate, np.float32)
    one_click = silence.copy()
    one_click[rate] = 0.9
    return {
        "silence": silence,
        "DC": silence + np.float32(0.5),
        "one click": one_click,
        "least significant bit": (draw.integers(-1, 2, 3 * rate) / 32768).astype(np.float32),
        "music around silence": np.concatenate([music, silence, music]),
        "noise": (0.1 * draw.standard_normal(3 * rate)).astype(np.float32),
        "clipped square": np.sign(np.sin(2 * np.pi * 100.5 * seconds(rate, 3))).astype(np.float32),
        "one sample": music[:1],
        "a tenth of a second": music[: rate // 10],
        "a second": music[:rate],
    }


@pytest.mark.parametrize("rate", [8000, *RATES, 96000])
def test_odd_signals_give_finite_or_missing_descriptors_never_infinite_ones(rate: int) -> None:
    for name, samples in odd_signals(rate).items():
        row = extractor(rate).describe(samples)
        assert row.shape == (len(descriptor_names()),), name
        assert not np.isinf(row).any(), name


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", ["silence", "DC", "one click", "least significant bit", "one sample"])
def test_what_has_no_beat_has_no_tempo_profile_or_ratio(rate: int, name: str) -> None:
    values = described(rate, odd_signals(rate)[name])
    beaten = ("rhythm.tempo", "rhythm.beat_", "rhythm.tempogram_ratio")
    assert all(np.isnan(value) for key, value in values.items() if key.startswith(beaten) and "tempogram." not in key)


@pytest.mark.parametrize("name", ["silence", "DC"])
def test_silence_has_no_timbre_and_no_harmony(name: str) -> None:
    values = described(16000, odd_signals(16000)[name])
    assert values.pop("timbre.sounding_share") == 0
    assert all(np.isnan(value) for key, value in values.items() if not key.startswith("rhythm."))


def test_silence_within_a_track_leaves_its_timbre_and_harmony_as_they_are() -> None:
    music, silence = band(16000, 6), np.zeros(6 * 16000, np.float32)
    alone, spread = described(16000, music), described(16000, np.concatenate([music, silence]))
    assert spread["timbre.sounding_share"] == pytest.approx(0.5, abs=0.02)
    for name in ("timbre.mfcc.01.mean", "timbre.centroid.mean", "timbre.rms.mean", "harmony.pitch_class.00"):
        assert spread[name] == pytest.approx(alone[name], rel=0.05), name


def test_a_constant_offset_changes_nothing() -> None:
    music = band(16000, 3)
    plain, offset = (extractor(16000).describe(samples) for samples in (music, music + np.float32(0.25)))
    np.testing.assert_allclose(offset, plain, rtol=0.02, atol=0.05)


def test_sample_rates_agree_on_what_does_not_depend_on_treble() -> None:
    by_rate = [described(rate, band(rate, 12)) for rate in RATES]
    for name in ("rhythm.tempo", "timbre.energy_ratio.mid_low.mean", "harmony.pitch_class.00", "timbre.rms.mean"):
        values = [values[name] for values in by_rate]
        assert values == pytest.approx([values[0]] * len(RATES), rel=0.1), name


def test_the_same_signal_gives_the_same_descriptors_to_the_bit() -> None:
    samples = band(16000, 3)
    first = extractor(16000).describe(samples)
    extractor(16000).describe(clicks(16000, 90))
    np.testing.assert_array_equal(extractor(16000).describe(samples), first)
    np.testing.assert_array_equal(Extractor(16000).describe(samples), first)


def test_names_are_those_that_models_were_trained_with() -> None:
    """A new descriptor, or another name, is written into the file on purpose."""
    assert "\n".join(descriptor_names()) + "\n" == (FIXTURES / "descriptor_names.txt").read_text()


def test_names_are_unique_and_belong_to_the_three_groups() -> None:
    names = descriptor_names()
    assert len(set(names)) == len(names) > 1000
    assert {name.split(".")[0] for name in names} == set(GROUPS)
    wanted = {f"rhythm.tempogram_ratio.{str(ratio).replace('/', '_')}" for ratio in TEMPOGRAM_RATIOS}
    wanted |= {"timbre.mfcc.03.mean", "timbre.bark.26.change_std", "rhythm.tempogram_ratio.3_2", "harmony.hpcp.35.std"}
    assert wanted <= set(names)


@pytest.mark.parametrize("rate", ALL_RATES)
def test_every_rate_has_the_same_names(rate: int) -> None:
    assert set(extractor(rate).named(band(rate, 2))) == set(descriptor_names())


def test_bands_above_half_the_sample_rate_are_missing() -> None:
    values = described(16000, band(16000))
    bark = [values[f"timbre.bark.{n:02d}.mean"] for n in range(27)]
    assert np.isfinite(bark[:24]).all()  # the last from 7,700 to 8,000 Hz
    assert np.isnan(bark[24:]).all()
    assert np.isnan(described(8000, band(8000))["timbre.energy_ratio.high.mean"])
