"""All descriptors of a track: each group's name before its own, one order, missing where a value has no meaning."""

from functools import cached_property

import numpy as np

from baselines.features.harmony import Harmony
from baselines.features.rhythm import Rhythm
from baselines.features.stft import BlockTransform, Float32Array
from baselines.features.timbre import Timbre

GROUPS = ("timbre", "rhythm", "harmony")
FRAME_SECONDS, HOP_SECONDS = 0.04, 512 / 44100  # 2048 and 512 samples at 44.1 kHz: essentia's usual frames
TONAL_FRAME_SECONDS, TONAL_HOP_SECONDS = 0.085, 2048 / 44100
NAMING_SECONDS = 1


class Extractor:
    """The descriptors of tracks at one sample rate in Hz."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._transform = BlockTransform(sample_rate, frame_seconds=FRAME_SECONDS, hop_seconds=HOP_SECONDS)
        self._tonal_transform = BlockTransform(
            sample_rate, frame_seconds=TONAL_FRAME_SECONDS, hop_seconds=TONAL_HOP_SECONDS
        )
        self._timbre = Timbre(self._transform)
        self._rhythm = Rhythm(self._transform)
        self._harmony = Harmony(self._tonal_transform)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every descriptor, in order: those of noise, which lacks none."""
        noise = np.random.default_rng(0).normal(scale=0.1, size=NAMING_SECONDS * self._sample_rate).astype(np.float32)
        return tuple(self._describe(noise))

    def describe(self, samples: Float32Array) -> Float32Array:
        """Return the descriptors of a track of finite samples, shape (descriptors,), in the order of `names`.

        The track's mean is removed first: it cannot be heard. A descriptor without meaning for the track is nan.
        """
        values = self._describe(samples - samples.mean(dtype=np.float64).astype(np.float32))
        row = np.array([values.get(name, np.nan) for name in self.names], np.float32)
        row[~np.isfinite(row)] = np.nan
        return row

    def _describe(self, samples: Float32Array) -> dict[str, float]:
        blocks = [(self._timbre.series(block), self._rhythm.series(block)) for block in self._transform.blocks(samples)]
        timbre, bands = (np.concatenate(series) for series in zip(*blocks, strict=True))
        profiles = np.concatenate([self._harmony.series(block) for block in self._tonal_transform.blocks(samples)])
        groups = (
            self._timbre.describe(timbre, samples),
            self._rhythm.describe(bands, samples),
            self._harmony.describe(profiles),
        )
        return {
            f"{group}.{name}": value
            for group, values in zip(GROUPS, groups, strict=True)
            for name, value in values.items()
        }
