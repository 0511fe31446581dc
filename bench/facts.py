"""What is told of a sound file: how it is read block by block, its facts, or the reason why it is refused."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.corpus import Float32Array

CONVERT = "convert it to WAV, FLAC, Ogg, MP3 or M4A"
BLOCK_SAMPLES = 1 << 18  # of all channels: 1 MiB stays in a processor's cache from decoding to resampling
MOST_FRAMES = 1 << 28  # 1.7 h at 44.1 kHz, 1 GiB: a small file may claim, and compressed silence may be, far longer
LOWEST_RATE, HIGHEST_RATE = 2_000, 400_000  # Hz; a header outside this range is damaged
FULL_SCALE_LEVEL = 0.999  # within 0.01 dB of full scale: what lossy codecs make of clipped samples counts, too


class RejectedTrackError(Exception):
    """An audio file that cannot be used; the message is the reason, in a few words."""


@dataclass(frozen=True)
class Sound:
    """An open sound file: its rate in Hz, its channels, its length by its header if that states one, and its samples.

    Each of `blocks` has shape (frames, channels), and is overwritten by the next. The last is followed by
    `RejectedTrackError` where the file breaks off before it should.
    """

    rate: int
    channels: int
    seconds: float | None
    blocks: Iterator[Float32Array]


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
        self.peak = 0.0  # nan or infinite where a sample is
        self._clipped = 0
        self._samples = 0

    def add(self, block: Float32Array) -> None:
        """Take a block of samples into account, of any shape."""
        peak = max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
        if not peak < FULL_SCALE_LEVEL:  # else no sample need be looked at again
            self._clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE_LEVEL))
        self.peak = float(np.maximum(self.peak, peak))
        self._samples += block.size

    def clipped(self) -> float:
        """Return the share of samples at full scale or beyond."""
        return self._clipped / max(self._samples, 1)
