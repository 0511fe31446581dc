"""The spectrogram family: the paper's network that hears a log-mel spectrogram through musically motivated filters."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from neural.logmel import LogMel, OnLogMel
from neural.network import build_network
from neural.tagger import NetworkTagger, TrainedNetwork, load_network


class Spectrogram(NetworkTagger):
    """Settings of the spectrogram network; `window` and `hop` of its log-mel spectrogram are in samples."""

    family: ClassVar[str] = "spectrogram"

    num_filt: int = Field(default=16, ge=1)
    n_mels: int = Field(default=90, ge=10)
    window: int = Field(default=512, ge=32)
    hop: int = Field(default=256, ge=1)

    @model_validator(mode="after")
    def _hears_every_sample(self) -> Self:
        if self.hop > self.window:
            message = f"hop = {self.hop} is above window = {self.window}; samples between windows would not be heard"
            raise ValueError(message)
        return self

    def build(self, n_tags: int, sample_rate: int) -> OnLogMel:
        """Return a fresh network from audio, (batch, samples), to probabilities."""
        log_mel = LogMel(sample_rate=sample_rate, n_mels=self.n_mels, window=self.window, hop=self.hop)
        network = build_network(
            "spectrogram",
            n_tags,
            n_mels=self.n_mels,
            num_filt=self.num_filt,
            backend_filters=self.backend_filters,
            num_units=self.num_units,
            dropout=self.dropout,
            batch_norm_momentum=self.batch_norm_momentum,
            residual=self.residual,
            aggregation=self.aggregation,
        )
        return OnLogMel(log_mel, network)

    @staticmethod
    def load(folder: Path) -> TrainedNetwork:
        """Read a saved spectrogram network."""
        return load_network(folder, Spectrogram)
