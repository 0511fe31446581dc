"""The waveform family: the paper's network that hears samples."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from neural.network import WAVEFORM_FILTERS, Network, build_network
from neural.tagger import NetworkTagger, TrainedNetwork, load_network


class Waveform(NetworkTagger):
    """Settings of the waveform network; `filters` gives the number of filters of each front-end layer.

    Each layer but the first divides the number of steps by three, so fewer layers leave more steps to the back-end.
    """

    family: ClassVar[str] = "waveform"

    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=WAVEFORM_FILTERS, min_length=2, max_length=10)

    def build(self, n_tags: int, sample_rate: int) -> Network:  # noqa: ARG002  samples are samples at any rate
        """Return a fresh network from audio, (batch, samples), to probabilities."""
        return build_network(
            "waveform",
            n_tags,
            filters=self.filters,
            backend_filters=self.backend_filters,
            num_units=self.num_units,
            dropout=self.dropout,
            batch_norm_momentum=self.batch_norm_momentum,
            residual=self.residual,
            aggregation=self.aggregation,
        )

    @staticmethod
    def load(folder: Path) -> TrainedNetwork:
        """Read a saved waveform network."""
        return load_network(folder, Waveform)
