"""A whole network: one of the two front-ends and the shared back-end, at the paper's sizes unless told otherwise."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from bench.errors import InputError
from neural.aggregation import AggregationName
from neural.backend import SHORTEST_INPUT, BackEnd
from neural.frontends import SpectrogramFrontEnd, WaveformFrontEnd
from neural.layers import he_initialise

WAVEFORM_FILTERS = (64, 64, 64, 128, 128, 128, 256)


class Network(nn.Module):
    """A front-end and the back-end on it; `shortest_input` is the fewest samples, or frames, it can take."""

    def __init__(self, frontend: WaveformFrontEnd | SpectrogramFrontEnd, backend: BackEnd) -> None:
        super().__init__()
        self.frontend = frontend
        self.backend = backend
        self.shortest_input = frontend.shortest_input(SHORTEST_INPUT)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return probabilities, shape (batch, tags), for (batch, samples) or (batch, frames, mels)."""
        probabilities: Tensor = self.backend(self.frontend(inputs))
        return probabilities


def build_network(
    frontend: Literal["waveform", "spectrogram"],
    n_tags: int,
    *,
    n_mels: int = 90,
    num_filt: int = 16,
    filters: Sequence[int] = WAVEFORM_FILTERS,
    backend_filters: int = 512,
    num_units: int = 500,
    dropout: float = 0.5,
    batch_norm_momentum: float = 0.99,
    residual: bool = True,
    aggregation: AggregationName = "mean_max",
) -> Network:
    """Return a freshly initialised network; its numbers are drawn from torch's global generator.

    `n_mels` and `num_filt` concern the spectrogram front-end, `filters` the waveform front-end. `batch_norm_momentum`
    is the share of the old statistics that an update keeps, as in the authors' TensorFlow (torch's is one minus this).
    `residual` and `aggregation` are the back-end's. Raises `InputError` for any other front-end or aggregation.
    """
    momentum = 1 - batch_norm_momentum
    front: WaveformFrontEnd | SpectrogramFrontEnd
    if frontend == "waveform":
        front = WaveformFrontEnd(filters, momentum)
    elif frontend == "spectrogram":
        front = SpectrogramFrontEnd(n_mels, num_filt, momentum)
    else:
        raise InputError(f"front-end {frontend!r} is unknown; say 'waveform' or 'spectrogram'")
    back = BackEnd(
        front.channels,
        n_tags,
        filters=backend_filters,
        n_units=num_units,
        dropout=dropout,
        momentum=momentum,
        residual=residual,
        aggregation=aggregation,
    )
    network = Network(front, back)
    network.apply(he_initialise)
    return network


def count_parameters(module: nn.Module) -> int:
    """Return the number of trained values; batch-norm statistics are not among them."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
