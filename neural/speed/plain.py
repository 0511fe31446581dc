"""The plain translation of both networks, as one would write them down: what the speed of ours is told against.

Every layer is torch's own, in the order of the authors' code, eager and in float32. Names of weights are those of
`neural.network`, so that both can be given the same.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neural.frontends import TEMPORAL_FRAMES, TIMBRAL_FRAMES, TIMBRAL_HEIGHTS, WAVEFORM_KERNEL
from neural.layers import EPSILON, SameConv1d
from neural.network import Network


class PlainBlock(nn.Module):
    """Convolution, ReLU, batch norm."""

    def __init__(self, conv: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the activations."""
        activations: Tensor = self.norm(torch.relu(self.conv(inputs)))
        return activations


class PlainWaveform(nn.Module):
    """The waveform front-end: 1-D convolutions, batch norms and pools."""

    def __init__(self, filters: Sequence[int], momentum: float) -> None:
        super().__init__()
        channels = [1, *filters]
        self.layers = nn.ModuleList(
            PlainBlock(
                nn.Conv1d(channels[i], channels[i + 1], WAVEFORM_KERNEL, stride=1 if i else WAVEFORM_KERNEL),
                nn.BatchNorm1d(channels[i + 1], eps=EPSILON, momentum=momentum),
            )
            for i in range(len(filters))
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """Return shape (batch, channels, steps) for waveforms of shape (batch, samples)."""
        steps: Tensor = self.layers[0](waveform.unsqueeze(1))
        for layer in list(self.layers)[1:]:
            steps = nn.functional.max_pool1d(layer(steps), WAVEFORM_KERNEL)
        return steps


class PlainSpectrogram(nn.Module):
    """The spectrogram front-end: 2-D convolutions over time and frequency, 1-D ones over the mean."""

    def __init__(self, n_mels: int, num_filt: int, momentum: float) -> None:
        super().__init__()
        self.timbral = nn.ModuleList(
            PlainBlock(
                nn.Conv2d(1, num_filt * 2**i, (frames, int(height * n_mels)), padding=(frames // 2, 0)),
                nn.BatchNorm2d(num_filt * 2**i, eps=EPSILON, momentum=momentum),
            )
            for height in TIMBRAL_HEIGHTS
            for i, frames in enumerate(TIMBRAL_FRAMES)
        )
        self.temporal = nn.ModuleList(
            PlainBlock(
                SameConv1d(1, num_filt * 2**i, frames),
                nn.BatchNorm1d(num_filt * 2**i, eps=EPSILON, momentum=momentum),
            )
            for i, frames in enumerate(TEMPORAL_FRAMES)
        )

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Return shape (batch, channels, frames) for spectrograms of shape (batch, frames, mels)."""
        envelope = spectrogram.mean(dim=2).unsqueeze(1)
        timbres = [block(spectrogram.unsqueeze(1)).amax(dim=3) for block in self.timbral]
        return torch.cat([*timbres, *(block(envelope) for block in self.temporal)], dim=1)


class PlainNetwork(nn.Module):
    """A plain front-end before the back-end of a network, whose layers are plain as they are; the weights are equal."""

    def __init__(self, network: Network, frontend: PlainWaveform | PlainSpectrogram) -> None:
        super().__init__()
        self.frontend = frontend
        self.frontend.load_state_dict(network.frontend.state_dict())
        self.backend = network.backend

    def forward(self, inputs: Tensor) -> Tensor:
        """Return probabilities, shape (batch, tags)."""
        probabilities: Tensor = self.backend(self.frontend(inputs))
        return probabilities
