"""The floor under every table: each track gets each tag's mean in training, whatever it sounds like."""

from pathlib import Path

import numpy as np

from baselines.tagger import read_model_file, write_model_file
from bench.corpus import Corpus, Float32Array, Tag
from bench.errors import InputError
from bench.tagger import Context, FitSummary, Tagger, Trained, check_tags


class Prior(Tagger):
    """The mean of the training targets; it has no settings."""

    def fit(self, train: Corpus, valid: Corpus, context: Context) -> "TrainedPrior":  # noqa: ARG002
        """Average the training targets; `valid` is not looked at."""
        if not len(train):
            raise InputError(f"the training part of {train.name} has no tracks")
        return TrainedPrior(train.tags, train.targets.mean(axis=0, dtype=np.float64).astype(np.float32))

    @staticmethod
    def load(folder: Path) -> "TrainedPrior":
        """Read a saved prior."""
        tags, content = read_model_file(folder)
        return TrainedPrior(tags, np.array(content["means"], np.float32))


class TrainedPrior(Trained):
    """The `means` of the training targets, shape (tags,)."""

    def __init__(self, tags: tuple[Tag, ...], means: Float32Array) -> None:
        self.tags = tags
        self.means = means
        self.summary = FitSummary(n_parameters=len(tags))

    def predict(self, corpus: Corpus, context: Context) -> Float32Array:  # noqa: ARG002
        """Return the means once a track, shape (tracks, tags)."""
        check_tags(corpus, [tag.name for tag in self.tags])
        return np.tile(self.means, (len(corpus), 1))

    def save(self, folder: Path) -> None:
        """Write tags and means as JSON."""
        write_model_file(folder, self.tags, means=self.means.tolist())
