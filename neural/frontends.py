"""The two front-ends: what hears a waveform or a log-mel spectrogram and hands steps × features to the back-end."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from neural.layers import EPSILON, ChunkConv, ConvBlock, SameConv1d, StepConv

WAVEFORM_KERNEL = 3  # of every layer, and the stride of the first and the pool of the others

TIMBRAL_HEIGHTS = (0.9, 0.4)  # of the mel bins
TIMBRAL_FRAMES = (7, 3, 1)
TEMPORAL_FRAMES = (165, 128, 64, 32)


class WaveformFrontEnd(nn.Module):
    """Sample-level convolutions (Lee et al. 2017, SampleCNN): one of stride 3, then convolution and max-pool by 3.

    `filters` gives the number of filters of each layer. Nothing is padded and pools drop the remainder.
    """

    def __init__(self, filters: Sequence[int], momentum: float) -> None:
        super().__init__()
        convs: list[nn.Conv1d] = [ChunkConv(filters[0], WAVEFORM_KERNEL)]
        convs += [StepConv(*channels, WAVEFORM_KERNEL) for channels in pairwise(filters)]
        self.layers = nn.ModuleList(
            ConvBlock(conv, nn.BatchNorm2d(conv.out_channels, eps=EPSILON, momentum=momentum)) for conv in convs
        )
        self.channels = filters[-1]

    def forward(self, waveform: Tensor) -> Tensor:
        """Return shape (batch, channels, steps) for waveforms of shape (batch, samples)."""
        steps: Tensor = self.layers[0](waveform)
        for layer in list(self.layers)[1:]:
            steps = nn.functional.max_pool2d(layer(steps), (1, WAVEFORM_KERNEL))
        return steps.squeeze(2)

    def shortest_input(self, steps: int) -> int:
        """Return the fewest samples that give `steps` steps."""
        for _ in range(len(self.layers) - 1):
            steps = steps * WAVEFORM_KERNEL + WAVEFORM_KERNEL - 1
        return steps * WAVEFORM_KERNEL


class TimbralConv(nn.Conv2d):
    """A convolution over time and frequency, as many frames out as in, computed as one over time alone.

    Each position of a filter along the frequency axis becomes a filter of its own over all bands, zero outside its
    place. That makes the numbers of a 2-D convolution, in less time on a CPU.
    """

    def __init__(self, filters: int, frames: int, mels: int) -> None:
        super().__init__(1, filters, (frames, mels), padding=(frames // 2, 0))

    def forward(self, bands: Tensor) -> Tensor:
        """Return shape (batch, filters, positions, frames) for bands of shape (batch, mels, frames)."""
        kernels = self._at_every_position(bands.shape[1])
        positions = len(kernels) // self.out_channels
        bias = None if self.bias is None else self.bias.repeat_interleave(positions)
        activations = nn.functional.conv1d(bands, kernels, bias, padding=self.kernel_size[0] // 2)
        return activations.view(len(bands), self.out_channels, positions, -1)

    def _at_every_position(self, bands: int) -> Tensor:
        """Return kernels over time, shape (filters × positions, bands, frames).

        Copies of a filter in rows one too long, cut again into rows of the right length, each move one band on.
        """
        positions = bands - self.kernel_size[1] + 1
        rows = nn.functional.pad(self.weight, (0, positions)).expand(-1, positions, -1, -1).transpose(1, 2)
        filters, frames = rows.shape[:2]
        moved = rows.flatten(2)[:, :, : positions * bands].reshape(filters, frames, positions, bands)
        return moved.permute(0, 2, 3, 1).flatten(0, 1)


class SpectrogramFrontEnd(nn.Module):
    """Musically motivated filters (Pons et al. 2016): tall ones for timbre, long ones for rhythm, side by side.

    A timbral filter spans 0.9 or 0.4 of the mel bins and 7, 3 or 1 frames; its activations are max-pooled over
    frequency, which makes it invariant to pitch. A temporal filter spans up to 165 frames of the mean over mel bins.
    The shorter a filter, the more there are of its kind: `num_filt` times 1, 2, 4 (and 8).
    """

    def __init__(self, n_mels: int, num_filt: int, momentum: float) -> None:
        super().__init__()
        self.timbral = nn.ModuleList(
            _timbral_block(frames, int(height * n_mels), num_filt * 2**i, momentum)
            for height in TIMBRAL_HEIGHTS
            for i, frames in enumerate(TIMBRAL_FRAMES)
        )
        self.temporal = nn.ModuleList(
            _temporal_block(frames, num_filt * 2**i, momentum) for i, frames in enumerate(TEMPORAL_FRAMES)
        )
        of_a_height, of_all_lengths = 2 ** len(TIMBRAL_FRAMES) - 1, 2 ** len(TEMPORAL_FRAMES) - 1
        self.channels = num_filt * (len(TIMBRAL_HEIGHTS) * of_a_height + of_all_lengths)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Return shape (batch, channels, frames) for spectrograms of shape (batch, frames, mels)."""
        bands = spectrogram.transpose(1, 2)
        envelope = spectrogram.mean(dim=2).unsqueeze(1)
        timbres = [block(bands).amax(dim=2) for block in self.timbral]
        rhythms = [block(envelope) for block in self.temporal]
        return torch.cat([*timbres, *rhythms], dim=1)

    def shortest_input(self, steps: int) -> int:
        """Return the fewest frames that give `steps` steps: all branches keep their number."""
        return steps


def _timbral_block(frames: int, mels: int, filters: int, momentum: float) -> ConvBlock:
    return ConvBlock(TimbralConv(filters, frames, mels), nn.BatchNorm2d(filters, eps=EPSILON, momentum=momentum))


def _temporal_block(frames: int, filters: int, momentum: float) -> ConvBlock:
    return ConvBlock(SameConv1d(1, filters, frames), nn.BatchNorm1d(filters, eps=EPSILON, momentum=momentum))
