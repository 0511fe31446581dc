"""All descriptors of a track: each group's name before its own, one order, missing where a value has no meaning."""

from functools import cache, lru_cache

import numpy as np

from baselines.features.harmony import Harmony
from baselines.features.rhythm import Rhythm, complex_difference
from baselines.features.stft import BlockTransform, Float32Array
from baselines.features.timbre import Timbre

GROUPS = ("timbre", "rhythm", "harmony")
FRAME_SECONDS, HOP_SECONDS = 0.04, 512 / 44100  # 2048 and 512 samples at 44.1 kHz: essentia's usual frames
TONAL_FRAME_SECONDS, TONAL_HOP_SECONDS = 0.085, 4096 / 44100  # twice essentia's hop: harmony is slow
NAMING_RATE = 16000  # any: the names are the same at all
RATES_AT_HAND = 4  # an extractor holds a few MB


class Extractor:
    """The descriptors of tracks at one sample rate in Hz."""

    def __init__(self, sample_rate: int) -> None:
        self._transform = BlockTransform(sample_rate, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
        self._tonal_transform = BlockTransform(
            sample_rate, frame_seconds=TONAL_FRAME_SECONDS, hop_seconds=TONAL_HOP_SECONDS
        )
        self._timbre = Timbre(self._transform)
        self._rhythm = Rhythm(self._transform)
        self._harmony = Harmony(self._tonal_transform)

    def describe(self, samples: Float32Array) -> Float32Array:
        """Return the descriptors of a track of finite samples, shape (descriptors,), in the order of their names.

        A descriptor without meaning for the track, or at its sample rate, is nan.
        """
        values = self.named(samples)
        row = np.array([values.get(name, np.nan) for name in descriptor_names()], np.float32)
        row[~np.isfinite(row)] = np.nan
        return row

    def named(self, samples: Float32Array) -> dict[str, float]:
        """Return the descriptors by name; what has no meaning for the track is nan or absent.

        The track's mean is removed first: it cannot be heard.
        """
        centred = samples - samples.mean(dtype=np.float64).astype(np.float32)
        blocks = [
            (self._timbre.series(block), self._rhythm.series(block), complex_difference(block))
            for block in self._transform.blocks(centred)
        ]
        timbre, bands, novelty = (np.concatenate(series) for series in zip(*blocks, strict=True))
        profiles = np.concatenate([self._harmony.series(block) for block in self._tonal_transform.blocks(centred)])
        groups = (
            self._timbre.describe(timbre, centred),
            self._rhythm.describe(bands, novelty, centred),
            self._harmony.describe(profiles),
        )
        return {
            f"{group}.{name}": value
            for group, values in zip(GROUPS, groups, strict=True)
            for name, value in values.items()
        }


@cache
def descriptor_names() -> tuple[str, ...]:
    """Every descriptor, in order, whatever the sample rate: those of a second of noise, which lacks none."""
    noise = np.random.default_rng(0).normal(scale=0.1, size=NAMING_RATE).astype(np.float32)
    return tuple(_extractor(NAMING_RATE).named(noise))


def describe(samples: Float32Array, sample_rate: int) -> Float32Array:
    """Return what the extractor of that sample rate in Hz says; a few extractors are kept."""
    return _extractor(sample_rate).describe(samples)


@lru_cache(RATES_AT_HAND)
def _extractor(sample_rate: int) -> Extractor:
    return Extractor(sample_rate)
