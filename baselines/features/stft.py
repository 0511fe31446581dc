"""The transform that the descriptor groups share: blocks of short-time magnitude spectra, as essentia computes them.

Frames lie within the track, so that its cut ends, in an excerpt the middle of a song, are heard as neither onsets nor
noise. Windows are essentia's, so that a filterbank read from essentia with unit spectra (`response`) gives essentia's
own values.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import essentia.standard as es
import numpy as np
import scipy.fft
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
Complex64Array = NDArray[np.complex64]

FRAMES_PER_BLOCK = 256  # even; few enough to stay in a processor's cache, many enough to make up for the calls
LEAD_FRAMES = 4  # what foretells a block's first frames


@dataclass(frozen=True)
class SpectrumBlock:
    """Consecutive frames: `frames`, shape (frames, samples), and `magnitudes`, shape (frames, bins).

    `spectra`, complex, begins with those of the four frames before, but for the first block.
    """

    frames: Float32Array
    magnitudes: Float32Array
    spectra: Complex64Array


class BlockTransform:
    """Short-time spectra at `sample_rate`, with frames of at least `frame_seconds` and a power of two samples.

    `hop` and `frame_size` are in samples, `frequencies` gives each bin's in Hz, shape (bins,).
    """

    def __init__(self, sample_rate: int, *, frame_seconds: float, hop_seconds: float) -> None:
        self.sample_rate = sample_rate
        self.frame_size = 1 << int(np.ceil(np.log2(frame_seconds * sample_rate)))
        self.hop = max(1, round(hop_seconds * sample_rate))
        self.frequencies = np.linspace(0, sample_rate / 2, self.frame_size // 2 + 1)
        windowing = es.Windowing(type="blackmanharris62", zeroPhase=False, size=self.frame_size)
        self.window: Float32Array = np.array(windowing(np.ones(self.frame_size, np.float32)))

    @property
    def bins(self) -> int:
        """The number of bins of a spectrum."""
        return len(self.frequencies)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    def blocks(self, samples: Float32Array) -> Iterator[SpectrumBlock]:
        """Yield the spectra of a track, an even number of frames a block; a last odd frame is left out.

        A track of less than two frames is padded with zeros.
        """
        padding = max(0, self.frame_size + self.hop - len(samples))
        padded = np.pad(samples, (0, padding)) if padding else samples
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.frame_size)[:: self.hop]
        count = len(frames) // 2 * 2
        for first in range(0, count, FRAMES_PER_BLOCK):
            lead = min(first, LEAD_FRAMES)
            block = frames[first - lead : min(first + FRAMES_PER_BLOCK, count)]
            spectra = scipy.fft.rfft(block * self.window, axis=1)
            yield SpectrumBlock(block[lead:], np.abs(spectra[lead:]), spectra)


def response(algorithm: Callable[[Float32Array], Float32Array], inputs: int) -> Float32Array:
    """Return the matrix of a linear essentia algorithm, shape (inputs, outputs), read off with unit inputs."""
    return np.array([algorithm(unit) for unit in np.eye(inputs, dtype=np.float32)], np.float32)
