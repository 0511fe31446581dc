"""What is told of a sound file once it is read: its facts, or the reason why it is refused."""

from dataclasses import dataclass

import numpy as np

from bench.corpus import Float32Array

FULL_SCALE_LEVEL = 0.999  # within 0.01 dB of full scale: what lossy codecs make of clipped samples counts, too


class RejectedTrackError(Exception):
    """An audio file that cannot be used; the message is the reason, in a few words."""


@dataclass(frozen=True)
class FileFacts:
    """A file as it is on disk, however it is heard.

    `rate` is in Hz, `seconds` the length by its header; by what was decoded where the header states none, and None
    where that was not all. Of all channels' samples that were decoded, `peak` is the largest distance from zero, and
    `clipped` the share that lies at `FULL_SCALE_LEVEL` or beyond.
    """

    rate: int
    channels: int
    seconds: float | None
    peak: float
    clipped: float


class Levels:
    """The levels of a file's samples, block by block as they are decoded."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._clipped = 0
        self._samples = 0

    def add(self, block: Float32Array) -> None:
        """Take a block of samples into account, of any shape."""
        peak = max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))  # nan where one is
        if not peak < FULL_SCALE_LEVEL:  # else no sample need be looked at again
            self._clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE_LEVEL))
        self._peak = float(np.maximum(self._peak, peak))
        self._samples += block.size

    def facts(self, rate: int, channels: int, seconds: float | None) -> FileFacts:
        """Return the facts of the file whose samples these were."""
        return FileFacts(rate, channels, seconds, self._peak, self._clipped / max(self._samples, 1))
