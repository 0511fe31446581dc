"""Harmony descriptors: essentia's own HPCPs, keys and chords, told relative to the key, and nothing made up."""

from dataclasses import dataclass
from functools import cache

import essentia.standard as es
import numpy as np
import pytest

from baselines.features.extractor import TONAL_FRAME_SECONDS, TONAL_HOP_SECONDS
from baselines.features.harmony import HPCP_SIZE, PITCH_CLASSES, PROFILES, QUIETEST_PEAK, TONNETZ, Harmony, chroma
from baselines.features.series import STATISTICS
from baselines.features.stft import BlockTransform, Float32Array
from tests.songs import song

SONGS, RATES = (0, 1, 2), (16000, 22050, 44100)
FIFTHS = 7 * np.arange(12) % 12  # semitones above the tonic, in the order of the circle of fifths


@cache
def transform(rate: int) -> BlockTransform:
    return BlockTransform(rate, frame_seconds=TONAL_FRAME_SECONDS, hop_seconds=TONAL_HOP_SECONDS)


def hpcps(samples: Float32Array, rate: int) -> Float32Array:
    harmony = Harmony(transform(rate))
    return np.concatenate([harmony.series(block) for block in transform(rate).blocks(samples)])


def described(samples: Float32Array, rate: int) -> dict[str, float]:
    return Harmony(transform(rate)).describe(hpcps(samples, rate))


def chord(rate: int, pitches: tuple[float, ...], length: float) -> Float32Array:
    """Return a chord of sawtooth-like tones of the given pitches in Hz."""
    time = np.arange(round(length * rate)) / rate
    partials = [np.sin(2 * np.pi * n * pitch * time) / n for pitch in pitches for n in range(1, 5)]
    return np.asarray(0.1 * np.sum(partials, axis=0), np.float32)


def triad(rate: int, tonic: float, semitones: int, length: float) -> Float32Array:
    return chord(rate, tuple(tonic * 2 ** ((semitones + step) / 12) for step in (0, 4, 7)), length)


@dataclass(frozen=True)
class Compared:
    """One song: our HPCPs of key and chords, our descriptors, and essentia's own HPCPs of the same frames."""

    hop: int
    rate: int
    ours: Float32Array
    values: dict[str, float]
    hpcp: Float32Array
    chord_hpcp: Float32Array


def essentia_hpcps(samples: Float32Array, rate: int) -> tuple[Float32Array, Float32Array]:
    """Return the HPCPs for key and for chords, shape (frames, 36), by essentia alone, from its frames on."""
    size, hop = transform(rate).frame_size, transform(rate).hop
    window, spectrum = es.Windowing(type="blackmanharris62"), es.Spectrum(size=size)
    limits = {"minFrequency": 20, "maxFrequency": 3500, "sampleRate": rate}
    peaks = es.SpectralPeaks(maxPeaks=60, magnitudeThreshold=1e-5, orderBy="magnitude", **limits)
    hpcp = es.HPCP(size=36, bandPreset=False, weightType="cosine", windowSize=1, **limits)
    chord_hpcp = es.HPCP(size=36, harmonics=8, weightType="cosine", nonLinear=True, windowSize=0.5, **limits)
    frames = es.FrameGenerator(samples, frameSize=size, hopSize=hop, startFromZero=True)
    spectra = [spectrum(window(frame)) for frame in frames]
    found = [peaks(one) for one in spectra if one.max() > QUIETEST_PEAK]
    pairs = [(hpcp(*all_of), chord_hpcp(*(part[:30] for part in all_of))) for all_of in found]
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


@pytest.fixture(scope="module", params=[(number, rate) for rate in RATES for number in SONGS], ids=str)
def compared(request: pytest.FixtureRequest) -> Compared:
    number, rate = request.param
    samples = song(number, rate)
    ours = hpcps(samples, rate)
    heard = ours[~np.isnan(ours).any(axis=(1, 2))]
    hpcp, chord_hpcp = (profiles[: len(heard)] for profiles in essentia_hpcps(samples, rate))
    return Compared(transform(rate).hop, rate, heard, Harmony(transform(rate)).describe(ours), hpcp, chord_hpcp)


def test_hpcps_are_those_of_essentia(compared: Compared) -> None:
    assert len(compared.ours) > 100
    theirs = np.stack([compared.hpcp, compared.chord_hpcp], axis=1)
    same = np.isclose(compared.ours, theirs, rtol=1e-3, atol=1e-4).all(axis=(1, 2))
    assert same.mean() > 0.99  # of two adjacent bins equal but for rounding, one of the two may see a weak peak
    np.testing.assert_allclose(compared.ours, theirs, atol=3e-3)


@pytest.mark.parametrize("profile", PROFILES)
def test_key_and_strength_are_those_of_essentia(compared: Compared, profile: str) -> None:
    key, scale, strength, margin = es.Key(profileType=profile, pcpSize=36)(compared.hpcp.mean(axis=0))
    values = compared.values
    assert PITCH_CLASSES[int(values[f"key_tonic.{profile}"])] == key
    assert values[f"key_major.{profile}"] == (scale == "major")
    assert values[f"key_strength.{profile}"] == pytest.approx(strength, rel=1e-3)
    assert values[f"key_margin.{profile}"] == pytest.approx(margin, rel=1e-3, abs=1e-5)


def test_chords_are_those_of_essentia_and_told_relative_to_the_key(compared: Compared) -> None:
    key, *_ = es.Key(profileType="krumhansl", pcpSize=36)(compared.hpcp.mean(axis=0))
    detection = es.ChordsDetection(hopSize=compared.hop, sampleRate=compared.rate, windowSize=2)
    chords, strengths = detection(compared.chord_hpcp)
    assert detection(np.ascontiguousarray(compared.ours[:, 1]))[0] == chords
    shares, variety, change_rate, *_ = es.ChordsDescriptors()(chords, key, "major")
    values = compared.values
    major, minor = ([values[f"chord_{mode}.{root:02d}"] for root in range(12)] for mode in ("major", "minor"))
    on_the_circle = np.array(list(zip(major, np.roll(minor, -4), strict=True)))[FIFTHS]  # essentia: A, C#m, E, Abm ...
    np.testing.assert_allclose(100 * on_the_circle.ravel(), shares, rtol=1e-5)
    assert values["chord_variety"] == pytest.approx(variety, rel=1e-5)
    assert values["chord_change_rate"] == pytest.approx(change_rate, rel=1e-5)
    assert values["chord_strength.mean"] == pytest.approx(strengths.mean(), rel=1e-3)
    assert values["chord_strength.std"] == pytest.approx(strengths.std(), rel=1e-3)
    assert values["chord_strength.change_mean"] == pytest.approx(np.abs(np.diff(strengths)).mean(), rel=1e-3)


@pytest.mark.parametrize(("name", "algorithm"), [("hpcp_entropy", es.Entropy()), ("hpcp_crest", es.Crest())])
def test_entropy_and_crest_of_the_hpcp_are_those_of_essentia(compared: Compared, name: str, algorithm: object) -> None:
    assert callable(algorithm)
    series = np.array([algorithm(hpcp) for hpcp in compared.hpcp])
    changes = np.abs(np.diff(series))
    expected = (series.mean(), series.std(), changes.mean(), changes.std())
    ours = [compared.values[f"{name}.{statistic}"] for statistic in STATISTICS]
    np.testing.assert_allclose(ours, expected, rtol=1e-3)


def test_the_profile_is_that_of_essentia_turned_to_the_key(compared: Compared) -> None:
    tonic = int(compared.values["key_tonic.krumhansl"])
    aligned = np.roll(compared.hpcp, -3 * tonic, axis=1)
    for name, expected in (("mean", aligned.mean(axis=0)), ("std", aligned.std(axis=0))):
        ours = [compared.values[f"hpcp.{n:02d}.{name}"] for n in range(HPCP_SIZE)]
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)


def test_a_transposed_track_keeps_its_chords_and_profile() -> None:
    rate = 16000

    def cadence(tonic: float) -> Float32Array:
        return np.concatenate([triad(rate, tonic, root, 4) for root in (0, 5, 7, 0)])

    in_c, in_e_flat = described(cadence(261.63), rate), described(cadence(311.13), rate)
    assert [PITCH_CLASSES[int(values["key_tonic.krumhansl"])] for values in (in_c, in_e_flat)] == ["C", "Eb"]
    assert in_c["chord_major.00"] == pytest.approx(0.5, abs=0.1)
    assert in_c["chord_major.05"] == pytest.approx(0.25, abs=0.1)
    assert in_c["chord_major.07"] == pytest.approx(0.25, abs=0.1)
    for name in (f"{stem}.{n:02d}" for stem in ("chord_major", "chord_minor", "pitch_class") for n in range(12)):
        assert in_e_flat[name] == pytest.approx(in_c[name], abs=0.05), name


def test_the_tonal_centroid_of_one_note_lies_on_every_circle() -> None:
    """Harte et al. (2006): the circle of major thirds has half the radius."""
    hpcp = np.zeros((4, 2, HPCP_SIZE), np.float32)
    hpcp[:, :, 9] = 1  # C
    values = Harmony(transform(16000)).describe(hpcp)
    centroid = [
        values[f"tonal_centroid.{circle}_{axis}.mean"] for circle in ("fifth", "minor", "major") for axis in "xy"
    ]
    from_tonic = (3 - int(values["key_tonic.krumhansl"])) % 12
    angles = np.pi * from_tonic * np.array([7 / 6, 3 / 2, 2 / 3])
    expected = np.column_stack([np.sin(angles), np.cos(angles)]) * [[1], [1], [0.5]]
    np.testing.assert_allclose(centroid, expected.ravel(), atol=1e-6)


def test_chroma_gathers_the_bins_around_a_pitch() -> None:
    hpcp = np.zeros((1, 36))
    hpcp[0, [35, 0, 1, 3]] = 1
    np.testing.assert_allclose(chroma(hpcp)[0, :3], [0.75, 0.25, 0])


@pytest.mark.parametrize("level", [np.nan, 1.0], ids=["no peaks", "all pitches alike"])
def test_what_has_no_key_has_no_harmony(level: float) -> None:
    """Essentia calls either A minor."""
    assert Harmony(transform(16000)).describe(np.full((60, 2, HPCP_SIZE), level, np.float32)) == {}


def test_a_track_of_one_window_of_chords_has_no_rate_of_them() -> None:
    rate = 16000
    short, long = (described(triad(rate, 261.63, 0, length), rate) for length in (0.9, 1.5))
    assert short["chord_major.00"] == long["chord_major.00"] == 1
    missing = {name for name, value in short.items() if np.isnan(value)}
    assert missing == {"chord_change_rate", "chord_variety", "chord_strength.change_mean", "chord_strength.change_std"}
    assert long["chord_change_rate"] == 0
    assert np.isfinite(list(long.values())).all()


def test_a_change_is_from_a_sounding_frame_to_the_next_never_across_silence() -> None:
    rate, silence = 16000, np.zeros(16000, np.float32)
    profiles = hpcps(np.concatenate([triad(rate, 261.63, 0, 2), silence, chord(rate, (440.0,), 2)]), rate)
    silent = np.isnan(profiles[:, 0, 0])
    assert 7 < silent.sum() < 13
    values, joined = (Harmony(transform(rate)).describe(part) for part in (profiles, profiles[~silent]))
    across = {name for name, value in values.items() if value != joined[name]}
    assert across == {
        f"{stem}.{statistic}"
        for stem in ("hpcp_entropy", "hpcp_crest", *(f"tonal_centroid.{circle}" for circle in TONNETZ))
        for statistic in ("change_mean", "change_std")
    }


@pytest.mark.parametrize(
    ("level", "pitch"), [(0.0, 440.0), (5e-5, 440.0), (5e-3, 6000.0)], ids=["silence", "too faint", "too high"]
)
def test_frames_without_a_pitch_to_hear_have_no_profile(level: float, pitch: float) -> None:
    rate = 16000
    samples = (level * np.sin(2 * np.pi * pitch * np.arange(rate) / rate)).astype(np.float32)
    profiles = hpcps(samples, rate)
    assert profiles.shape[1:] == (2, HPCP_SIZE)
    assert np.isnan(profiles).all()
    assert np.isfinite(hpcps(samples + chord(rate, (440.0,), 1), rate)).all()
