"""Harmony descriptors: pitch classes, key, chords and tonal centroid.

Profiles and chords are told relative to the key (that of `ALIGNING_PROFILE`), so that a transposed track keeps its
values; `key_tonic` alone tells where it lies. Silent frames are left out, and chords are those of the sounding frames
joined; where nothing sounds, or a profile is flat, there is no key and everything is missing.

name                       unit                        source
key_tonic.PROFILE          semitones above A           essentia's Key (Gómez 2006) with the profiles of Krumhansl and
key_major.PROFILE          1 major, 0 minor              Kessler (1982), Temperley (1999) and Faraldo et al. (2016,
key_strength.PROFILE       correlation                   "edma"), on the track's mean HPCP
key_margin.PROFILE         share of the strength       the same: how far the next best key lies behind
hpcp.00 to .35             share of the highest bin    essentia's HPCP (Gómez 2006); .00 is the tonic, a bin a third
                                                         of a semitone
pitch_class.00 to .11      share of the frame's HPCP   Fujishima (1999), of three bins of the HPCP each, mean
hpcp_entropy               bits                        essentia's Entropy (Shannon 1948) of the HPCP
hpcp_crest                 ratio of highest to mean    essentia's Crest of the HPCP
tonal_centroid.CIRCLE      coordinate, -1 to 1         Harte et al. (2006): circles of fifths, of minor and of major
                                                         thirds, from the tonic on
chord_major.00 to .11      share of the frames         essentia's ChordsDetection (Gómez 2006; Temperley 1999) in
chord_minor.00 to .11      share of the frames           windows of 2 s; .00 has the tonic as its root
chord_change_rate          changes a frame             essentia's ChordsDescriptors
chord_variety              chords a frame              essentia's ChordsDescriptors: chords of more than 1 % each
chord_strength             correlation                 essentia's ChordsDetection

Entropy, crest, centroid and chord strength have the four statistics of a series, the HPCP mean and deviation. A track
that sounds for one window of chords has no rate of them.
"""

from collections import Counter
from itertools import pairwise

import essentia.standard as es
import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from baselines.features.series import numbered, series_statistics
from baselines.features.stft import BlockTransform, Float32Array, SpectrumBlock

HPCP_SIZE = 36
PROFILES = ("krumhansl", "temperley", "edma")
ALIGNING_PROFILE = "krumhansl"
PITCH_CLASSES = ("A", "Bb", "B", "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab")  # in HPCP's order, as essentia spells
CHORD_SECONDS = 2.0
RAREST_CHORD = 0.01  # share of the frames that a chord of the variety exceeds, that of essentia's ChordsDescriptors
LOWEST, HIGHEST = 20.0, 3500.0  # Hz
PEAKS, CHORD_PEAKS = 60, 30  # the strongest; for chords, whose HPCP costs most, 60 name another in 0.2 % of the frames
QUIETEST_PEAK = 1e-4  # magnitude of a frame's highest bin, 1 for a sine at full scale
TONNETZ = ("fifth_x", "fifth_y", "minor_x", "minor_y", "major_x", "major_y")

KeyOfTrack = tuple[str, str, float, float]  # tonic, scale, strength, and by how much of it the next best is weaker


class Harmony:
    """The harmony descriptors of tracks analysed by one transform."""

    def __init__(self, transform: BlockTransform) -> None:
        rate = transform.sample_rate
        highest = min(HIGHEST, rate / 2 - 1)
        limits = {"minFrequency": LOWEST, "maxFrequency": highest, "sampleRate": rate}
        self._peaks = es.SpectralPeaks(maxPeaks=PEAKS, magnitudeThreshold=1e-5, orderBy="magnitude", **limits)
        self._hpcp = es.HPCP(size=HPCP_SIZE, bandPreset=False, weightType="cosine", windowSize=1.0, **limits)
        self._chord_hpcp = es.HPCP(
            size=HPCP_SIZE, harmonics=8, weightType="cosine", nonLinear=True, windowSize=0.5, **limits
        )
        self._keys = {name: es.Key(profileType=name, pcpSize=HPCP_SIZE) for name in PROFILES}
        self._chords = es.ChordsDetection(hopSize=transform.hop, sampleRate=rate, windowSize=CHORD_SECONDS)
        self._one_window = CHORD_SECONDS / 2 * transform.frame_rate  # frames: the windows of fewer are all the same

    def series(self, block: SpectrumBlock) -> Float32Array:
        """Return two HPCPs, for key and for chords, of each frame of a block: shape (frames, 2, 36), nan in silence."""
        profiles = np.full((len(block.magnitudes), 2, HPCP_SIZE), np.nan, np.float32)
        for frame in np.flatnonzero(block.magnitudes.max(axis=1) > QUIETEST_PEAK):
            peaks = np.array(self._peaks(block.magnitudes[frame]))
            if peaks.size:
                profiles[frame] = self._hpcp(*peaks), self._chord_hpcp(*peaks[:, :CHORD_PEAKS])
        return profiles

    def describe(self, profiles: Float32Array) -> dict[str, float]:
        """Return the descriptors of a track from its HPCPs, shape (frames, 2, 36); none where there is no key."""
        sounding = ~np.isnan(profiles[:, 0, 0])
        hpcp, chord_hpcp = profiles[:, 0], profiles[sounding, 1]
        keys = self._keys_of(hpcp[sounding])
        if ALIGNING_PROFILE not in keys:
            return {}
        tonic = PITCH_CLASSES.index(keys[ALIGNING_PROFILE][0])
        aligned = np.roll(hpcp, -tonic * (HPCP_SIZE // 12), axis=1)
        chords, strengths = self._chords(chord_hpcp)
        windows = 1 if len(chords) <= self._one_window else len(chords)
        return {
            **_key_statistics(keys),
            **_profile_statistics(aligned, sounding),
            **_tonal_centroid(aligned, sounding),
            **_chord_statistics(chords[:windows], strengths[:windows], tonic),
        }

    def _keys_of(self, hpcp: Float32Array) -> dict[str, KeyOfTrack]:
        """Return the key under each profile that finds one; of nothing or a flat HPCP essentia would say A minor."""
        if not len(hpcp):
            return {}
        keys = {name: key(hpcp.mean(axis=0)) for name, key in self._keys.items()}
        return {name: key for name, key in keys.items() if key[2] > 0}


def chroma(hpcp: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the share of each of 12 pitch classes, shape (frames, 12), of HPCPs whose bin 0 is the first's centre."""
    centred = np.roll(hpcp, 1, axis=1).reshape(len(hpcp), 12, HPCP_SIZE // 12).sum(axis=2)
    return np.asarray(centred / centred.sum(axis=1, keepdims=True))


def _key_statistics(keys: dict[str, KeyOfTrack]) -> dict[str, float]:
    values: dict[str, float] = {}
    for profile, (tonic, scale, strength, margin) in keys.items():
        values[f"key_tonic.{profile}"] = float(PITCH_CLASSES.index(tonic))
        values[f"key_major.{profile}"] = float(scale == "major")
        values[f"key_strength.{profile}"] = float(strength)
        values[f"key_margin.{profile}"] = float(margin)
    return values


def _profile_statistics(aligned: Float32Array, sounding: NDArray[np.bool_]) -> dict[str, float]:
    heard = aligned[sounding]
    names = numbered("hpcp", HPCP_SIZE)
    bits = entr(aligned / aligned.sum(axis=1, keepdims=True)).sum(axis=1) / np.log(2)
    crest = aligned.max(axis=1) / aligned.mean(axis=1)
    return {
        **{f"{name}.mean": float(value) for name, value in zip(names, heard.mean(axis=0), strict=True)},
        **{f"{name}.std": float(value) for name, value in zip(names, heard.std(axis=0), strict=True)},
        **dict(zip(numbered("pitch_class", 12), chroma(heard).mean(axis=0).tolist(), strict=True)),
        **series_statistics(["hpcp_entropy", "hpcp_crest"], np.column_stack([bits, crest]), sounding),
    }


def _tonal_centroid(aligned: Float32Array, sounding: NDArray[np.bool_]) -> dict[str, float]:
    """Project pitch classes on the circles of fifths, minor thirds and major thirds, relative to the key."""
    angles = np.pi * np.outer(np.arange(12), (7 / 6, 3 / 2, 2 / 3))
    radii = np.array([1, 1, 0.5])[:, None]
    circles = (radii * np.stack([np.sin(angles), np.cos(angles)], axis=2)).reshape(12, len(TONNETZ))
    columns = [f"tonal_centroid.{name}" for name in TONNETZ]
    return series_statistics(columns, chroma(aligned) @ circles, sounding)


def _chord_statistics(chords: list[str], strengths: Float32Array, tonic: int) -> dict[str, float]:
    """Return the share of each chord, by its root above the tonic, and how often and how clearly chords change."""
    frames, counts = len(chords), Counter(chords)
    from_tonic = PITCH_CLASSES[tonic:] + PITCH_CLASSES[:tonic]
    shares = {
        f"chord_{mode}.{root:02d}": counts[name + suffix] / frames
        for mode, suffix in (("major", ""), ("minor", "m"))
        for root, name in enumerate(from_tonic)
    }
    changes = sum(first != second for first, second in pairwise(chords))
    variety = sum(share > RAREST_CHORD for share in shares.values())
    return {
        **shares,
        "chord_change_rate": changes / frames if frames > 1 else np.nan,
        "chord_variety": variety / frames if frames > 1 else np.nan,
        **series_statistics(["chord_strength"], strengths[:, None], np.ones(frames, np.bool_)),
    }
