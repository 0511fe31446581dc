"""What the families on descriptors share: settings, preparation, and prediction from a table of descriptors."""

import json
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from baselines.extraction import DescriptorSettings, describe_tracks, descriptors
from baselines.shipped import check_ships_descriptors
from bench.corpus import Corpus, Float32Array, Tag
from bench.tagger import Context, Tagger, TrainedOnTable, check_tags

MODEL_FILE = "model.json"


class DescriptorTagger(Tagger):
    """A family that sees a track as its `descriptors`."""

    descriptors: DescriptorSettings = DescriptorSettings()

    @property
    def needs_audio(self) -> bool:
        """Not where the data set ships the descriptors."""
        return not self.descriptors.are_shipped

    def check_corpus(self, corpus: Corpus) -> None:
        """Refuse, with `InputError`, a data set that ships no descriptors where they are asked for."""
        if self.descriptors.are_shipped:
            check_ships_descriptors(corpus)

    def prepare(self, corpus: Corpus, context: Context) -> dict[str, str]:
        """Extract or read what is not cached of the descriptors of a study's tracks; note the tracks that have none."""
        problems = describe_tracks(corpus, context, self.descriptors)
        return {track_id: f"no descriptors: {problem}" for track_id, problem in problems.items()}


class TrainedOnDescriptors(TrainedOnTable):
    """A fitted family with the tags it gives, and what it takes: the descriptors by name."""

    def __init__(self, settings: DescriptorSettings, names: tuple[str, ...], tags: tuple[Tag, ...]) -> None:
        self.settings = settings
        self.names = names
        self.tags = tags

    @abstractmethod
    def scores(self, values: Float32Array) -> Float32Array:
        """Return scores of tracks, shape (tracks, tags), from their descriptors, shape (tracks, descriptors)."""

    @abstractmethod
    def scores_of_file(self, file: Path, tracks: int, workers: int) -> Float32Array:
        """Return the same scores of the tracks whose descriptors lie in a NumPy file, side by side."""

    def predict(self, corpus: Corpus, context: Context) -> Float32Array:
        """Return scores in [0, 1], shape (tracks, tags); extracts or reads what is not cached.

        Our descriptors have the same names at every sample rate, so the audio may have another than in training; but
        what lies above its Nyquist frequency cannot be heard, and values of timbre change with it. Those that the data
        set ships are brought under the model's names. Raises `InputError` when the corpus's tags, or the names of our
        descriptors, are not the model's.
        """
        check_tags(corpus, [tag.name for tag in self.tags])
        if not len(corpus):
            return np.empty((0, len(self.tags)), np.float32)
        file = descriptors(corpus, context, self.settings, self.names).file
        return _as_scores(self.scores_of_file(file, len(corpus), context.workers))

    def inputs(self, corpus: Corpus, context: Context) -> pd.DataFrame:
        """Return the descriptors of each track under the model's names, nan where it has none."""
        table = descriptors(corpus, context, self.settings, self.names)
        return pd.DataFrame(table.matrix, columns=list(table.names), copy=False)

    def predict_inputs(self, inputs: pd.DataFrame) -> Float32Array:
        """Return scores in [0, 1], shape (tracks, tags), from descriptors as `inputs` gives them."""
        return _as_scores(self.scores(inputs.to_numpy(np.float32)))

    def write_description(self, folder: Path) -> None:
        """Write the tags and the names and settings of the descriptors as JSON."""
        content = {"descriptors": self.settings.model_dump(mode="json"), "names": self.names}
        write_model_file(folder, self.tags, **content)


def _as_scores(found: Float32Array) -> Float32Array:
    return np.clip(found, 0, 1).astype(np.float32)


def read_description(folder: Path) -> tuple[DescriptorSettings, tuple[str, ...], tuple[Tag, ...]]:
    """Read what `TrainedOnDescriptors.write_description` wrote: the arguments of the constructor."""
    tags, content = read_model_file(folder)
    return DescriptorSettings.model_validate(content["descriptors"]), tuple(content["names"]), tags


def write_model_file(folder: Path, tags: tuple[Tag, ...], **content: object) -> None:
    """Write a model's tags, and any other JSON content, beside its numbers."""
    listed = [{"name": tag.name, "kind": tag.kind} for tag in tags]
    text = json.dumps({"tags": listed, **content}, indent=1, ensure_ascii=False)
    (folder / MODEL_FILE).write_text(text + "\n", encoding="utf-8")


def read_model_file(folder: Path) -> tuple[tuple[Tag, ...], dict[str, Any]]:
    """Read a model's tags and its other JSON content."""
    content = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    return tuple(Tag(**tag) for tag in content.pop("tags")), content


def one_class_tags(train: Corpus) -> dict[int, str]:
    """Return the classification tags that cannot be learnt, by column, each with the reason."""
    lacking = {0: "no positive", 1: "no negative"}
    columns = train.tag_rows("classification").tolist()
    means = train.targets.mean(axis=0)
    return {
        column: f"{lacking[means[column]]} in training: predicts the prevalence, {means[column]:g}"
        for column in columns
        if means[column] in lacking
    }
