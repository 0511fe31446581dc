"""Log-mel spectrograms as a layer: audio in, a normalised spectrogram out, by librosa's conventions.

log10(10000 · mel + 1), where mel is Slaney's filterbank (Auditory Toolbox, 1998) on the power of a short-time Fourier
transform with a periodic Hann window, frames centred on multiples of the hop, zeros beyond both ends.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.errors import InputError
from neural.network import Network

LEAST_VARIANCE = 1e-6  # music has about 1; only training audio that is silent throughout has none
COMPRESSION = 10_000.0  # of musicnn, by the same authors; the paper says only "log magnitude"

# Slaney's mel scale: linear below 1 kHz (15 mels), then 27 mels for each factor of 6.4.
HZ_A_MEL = 200 / 3
LOG_FROM_HZ = 1000.0
LOG_FROM_MEL = LOG_FROM_HZ / HZ_A_MEL
MELS_A_NEPER = 27 / math.log(6.4)


class LogMel(nn.Module):
    """A log-mel spectrogram, normalised by the `mean` and `variance` of the training audio (0 and 1 until known).

    `window` and `hop` are in samples. Raises `InputError` when `n_mels` is so large that a band holds no frequency of
    the transform.
    """

    def __init__(self, *, sample_rate: int, n_mels: int, window: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        bank = mel_filterbank(sample_rate, window, n_mels)
        if not bank.any(axis=1).all():
            raise InputError(
                f"n_mels = {n_mels} is too many for window = {window} at {sample_rate} Hz; lower n_mels or widen window"
            )
        self.hann: Tensor
        self.bank: Tensor
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("hann", torch.hann_window(window), persistent=False)
        self.register_buffer("bank", torch.from_numpy(bank.astype(np.float32)), persistent=False)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("variance", torch.ones(()))

    def forward(self, audio: Tensor) -> Tensor:
        """Return shape (batch, frames, mels), with 1 + samples // hop frames, for (batch, samples)."""
        with torch.autocast(audio.device.type, enabled=False):  # in float32 whatever the network's precision
            return (self.unnormalised(audio) - self.mean) / self.variance.sqrt()

    def unnormalised(self, audio: Tensor) -> Tensor:
        """Return what `forward` does, before normalisation."""
        spectrum = torch.stft(
            audio, len(self.hann), self.hop, window=self.hann, center=True, pad_mode="constant", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log10(1 + COMPRESSION * (self.bank @ power)).transpose(1, 2)

    @torch.no_grad()
    def fit_normalisation(self, batches: Iterable[Tensor]) -> None:
        """Set `mean` and `variance` to those of all values of these batches, each of shape (batch, samples).

        The variance is never below `LEAST_VARIANCE`, so that silence can be divided by it.
        """
        count, total, squares = 0, 0.0, 0.0
        for audio in batches:
            values = self.unnormalised(audio).double()
            count += values.numel()
            total += float(values.sum())
            squares += float(values.square().sum())
        mean = total / count
        self.mean.fill_(mean)
        self.variance.fill_(max(squares / count - mean**2, LEAST_VARIANCE))


class OnLogMel(nn.Module):
    """A spectrogram network that takes audio; `shortest_input` is in samples."""

    def __init__(self, log_mel: LogMel, network: Network) -> None:
        super().__init__()
        self.log_mel = log_mel
        self.network = network
        self.shortest_input = (network.shortest_input - 1) * log_mel.hop

    def forward(self, audio: Tensor) -> Tensor:
        """Return probabilities, shape (batch, tags), for audio of shape (batch, samples)."""
        probabilities: Tensor = self.network(self.log_mel(audio))
        return probabilities


def mel_filterbank(sample_rate: int, window: int, n_mels: int) -> NDArray[np.float64]:
    """Return triangles of equal area from 0 Hz to half the sample rate, shape (mels, window // 2 + 1)."""
    edges = _mel_to_hz(np.linspace(0, _hz_to_mel(sample_rate / 2), n_mels + 2))
    frequencies = np.fft.rfftfreq(window, 1 / sample_rate)
    widths = np.diff(edges)
    slopes = edges[:, None] - frequencies
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], dtype=np.float64)


def _hz_to_mel(hz: float) -> float:
    if hz < LOG_FROM_HZ:
        return hz / HZ_A_MEL
    return LOG_FROM_MEL + MELS_A_NEPER * math.log(hz / LOG_FROM_HZ)


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = LOG_FROM_HZ * np.exp((mels - LOG_FROM_MEL) / MELS_A_NEPER)
    return np.where(mels < LOG_FROM_MEL, mels * HZ_A_MEL, above)
