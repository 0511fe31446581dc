"""Harmony descriptors: pitch classes, key, chords and tonal centroid.

HPCP, key and chords are essentia's (Gómez 2006); the tonal centroid is that of Harte et al. (2006). Profiles and chords
are told relative to the key, so that a transposed track keeps its values. Silent frames are left out; where nothing
sounds, everything is missing.
"""

from itertools import pairwise

import essentia.standard as es
import numpy as np
from numpy.typing import NDArray

from baselines.features.series import numbered, series_statistics
from baselines.features.stft import BlockTransform, Float32Array, SpectrumBlock

HPCP_SIZE = 36
PROFILES = ("krumhansl", "temperley", "edma")
ALIGNING_PROFILE = "krumhansl"
PITCH_CLASSES = ("A", "Bb", "B", "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab")  # in HPCP's order, as essentia spells
CHORD_SECONDS = 2.0
LOWEST, HIGHEST = 20.0, 3500.0  # Hz
QUIETEST_PEAK = 1e-4  # magnitude of a frame's highest bin, 1 for a sine at full scale
TONNETZ = ("fifth_x", "fifth_y", "minor_x", "minor_y", "major_x", "major_y")


class Harmony:
    """The harmony descriptors of tracks analysed by one transform."""

    def __init__(self, transform: BlockTransform) -> None:
        rate = transform.sample_rate
        highest = min(HIGHEST, rate / 2 - 1)
        limits = {"minFrequency": LOWEST, "maxFrequency": highest, "sampleRate": rate}
        self._peaks = es.SpectralPeaks(maxPeaks=60, magnitudeThreshold=1e-5, orderBy="magnitude", **limits)
        self._hpcp = es.HPCP(size=HPCP_SIZE, bandPreset=False, weightType="cosine", windowSize=1.0, **limits)
        self._chord_hpcp = es.HPCP(
            size=HPCP_SIZE, harmonics=8, weightType="cosine", nonLinear=True, windowSize=0.5, **limits
        )
        self._keys = {name: es.Key(profileType=name, pcpSize=HPCP_SIZE) for name in PROFILES}
        self._chords = es.ChordsDetection(hopSize=transform.hop, sampleRate=rate, windowSize=CHORD_SECONDS)

    def series(self, block: SpectrumBlock) -> Float32Array:
        """Return two HPCPs, for key and for chords, of each sounding frame of a block: shape (frames, 2, 36)."""
        sounding = block.magnitudes[block.magnitudes.max(axis=1) > QUIETEST_PEAK]
        peaks = [self._peaks(spectrum) for spectrum in sounding]
        profiles = [(self._hpcp(*peak), self._chord_hpcp(*peak)) for peak in peaks if len(peak[0])]
        return np.array(profiles, np.float32).reshape(-1, 2, HPCP_SIZE)

    def describe(self, profiles: Float32Array) -> dict[str, float]:
        """Return the descriptors of a track from its HPCPs, shape (frames, 2, 36); none where nothing sounds."""
        if not len(profiles):
            return {}
        hpcp, chord_hpcp = profiles[:, 0], profiles[:, 1]
        keys = {name: key(hpcp.mean(axis=0)) for name, key in self._keys.items()}
        tonic = pitch_class(keys[ALIGNING_PROFILE][0])
        aligned = np.roll(hpcp, -tonic * (HPCP_SIZE // 12), axis=1)
        chords, strengths = self._chords(chord_hpcp)
        return {
            **_key_statistics(keys),
            **_profile_statistics(aligned),
            **_tonal_centroid(aligned),
            **_chord_statistics(chords, strengths, tonic),
        }


def pitch_class(name: str) -> int:
    """Return the number of semitones above A of a key or chord as essentia names it ("Eb", "F#m")."""
    return PITCH_CLASSES.index(name.removesuffix("m"))


def chroma(hpcp: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the share of each of 12 pitch classes, shape (frames, 12), of HPCPs whose bin 0 is the first's centre."""
    centred = np.roll(hpcp, 1, axis=1).reshape(len(hpcp), 12, HPCP_SIZE // 12).sum(axis=2)
    return np.asarray(centred / np.maximum(centred.sum(axis=1, keepdims=True), 1e-9))


def _key_statistics(keys: dict[str, tuple[str, str, float, float]]) -> dict[str, float]:
    values: dict[str, float] = {}
    for profile, (_, scale, strength, margin) in keys.items():
        values[f"key_major.{profile}"] = float(scale == "major")
        values[f"key_strength.{profile}"] = float(strength)
        values[f"key_margin.{profile}"] = float(margin)
    return values


def _profile_statistics(aligned: Float32Array) -> dict[str, float]:
    means, deviations = aligned.mean(axis=0), aligned.std(axis=0)
    shares = aligned / np.maximum(aligned.sum(axis=1, keepdims=True), 1e-9)
    entropy = -(shares * np.log2(np.maximum(shares, 1e-9))).sum(axis=1)
    crest = aligned.max(axis=1) / np.maximum(aligned.mean(axis=1), 1e-9)
    names = numbered("hpcp", HPCP_SIZE)
    return {
        **{f"{name}.mean": float(value) for name, value in zip(names, means, strict=True)},
        **{f"{name}.std": float(value) for name, value in zip(names, deviations, strict=True)},
        **dict(zip(numbered("pitch_class", 12), chroma(aligned).mean(axis=0).tolist(), strict=True)),
        "hpcp_entropy": float(entropy.mean()),
        "hpcp_crest": float(crest.mean()),
    }


def _tonal_centroid(aligned: Float32Array) -> dict[str, float]:
    """Project pitch classes on the circles of fifths, minor thirds and major thirds, relative to the key."""
    angles = np.pi * np.outer(np.arange(12), (7 / 6, 3 / 2, 2 / 3))
    circles = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(12, len(TONNETZ))
    columns = [f"tonal_centroid.{name}" for name in TONNETZ]
    return series_statistics(columns, chroma(aligned) @ circles, np.ones(len(aligned), np.bool_))


def _chord_statistics(chords: list[str], strengths: Float32Array, tonic: int) -> dict[str, float]:
    """Return the share of each chord, by its root above the tonic, and how often and how clearly chords change."""
    roots = np.array([(pitch_class(chord) - tonic) % 12 for chord in chords])
    minor = np.array([chord.endswith("m") for chord in chords])
    changes = [first != second for first, second in pairwise(chords)]
    shares = {
        f"chord_{mode}.{root:02d}": float(np.mean((roots == root) & (minor == (mode == "minor"))))
        for mode in ("major", "minor")
        for root in range(12)
    }
    return shares | {
        "chord_change_rate": float(np.mean(changes)) if changes else np.nan,
        "chord_variety": len(set(chords)) / len(chords),
        "chord_strength.mean": float(strengths.mean()),
        "chord_strength.std": float(strengths.std()),
    }
