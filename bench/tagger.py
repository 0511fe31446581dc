"""What a model family is: settings that `fit` to a training corpus and give something that predicts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict

from bench.audio import AudioSettings
from bench.corpus import Corpus, Float32Array
from bench.errors import InputError, StudyFailedError
from bench.store import Store


@dataclass(frozen=True)
class Context:
    """Where and how fast a family works, and its randomness; nothing else that changes a number.

    `audio` is the prepared audio of every track that will be asked for, empty for a family that needs none. `seed`
    drives initialisation, patches, dropout and row sampling. `device` is "cpu" or "cuda"; `workers` is the number of
    processes; `cache` is a folder for what can be made again.

    `training` is a folder, not there before, where a long `fit` may leave what it needs to go on after an
    interruption, None where nobody would go on; it is deleted once the trained model is kept. `on_validation` is given
    each row of `FitSummary.curves` as soon as it is measured, those from before an interruption first; it returns at
    once.
    """

    audio: Store
    seed: int
    device: str
    workers: int
    cache: Path
    training: Path | None = None
    on_validation: Callable[[Mapping[str, float]], None] | None = None


@dataclass(frozen=True)
class FitSummary:
    """What happened during `fit`, beside the model.

    `n_parameters` is the number of trained values, where that is a meaningful size. `curves` has one row for each
    validation, with a column `step` and one for each measured quantity. `hit_cap` says that a cap on training, not
    the stopping rule, ended it. `special_tags` gives, for each tag that was not trained in the usual way, the reason.
    `gains` tells how much the inputs of each group lowered the training loss of each tag: columns `tag`, `group`,
    `n_inputs` of the group, `gain`. `earlier_seconds` is the time of interrupted fits that this one went on from.
    """

    n_parameters: int | None = None
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    hit_cap: bool = False
    special_tags: dict[str, str] = field(default_factory=dict)
    gains: pd.DataFrame = field(default_factory=pd.DataFrame)
    earlier_seconds: float = 0.0


@dataclass(frozen=True)
class Steps:
    """How many steps a training takes, which its stopping rule decides: from `least` to `most` of them.

    A step that `reads_all` hears all training tracks for each tag (a round of boosting), any other a batch of them (an
    update). After every `judged_every` steps the validation tracks are predicted.
    """

    least: int
    most: int
    judged_every: int
    reads_all: bool


class Trained(ABC):
    """A fitted family. Only `Tagger.fit` and `Tagger.load` make one."""

    summary: FitSummary

    @abstractmethod
    def predict(self, corpus: Corpus, context: Context) -> Float32Array:
        """Return scores in [0, 1], shape (tracks, tags), in the order of the corpus's tracks and tags."""

    def predict_otherwise(self, corpus: Corpus, context: Context) -> Mapping[str, Float32Array]:  # noqa: ARG002
        """Return what the same model gives by other ways to predict, each as from `predict`; most have none.

        A name such as `whole_song` tells each way; all are measured beside Table 1, never in it.
        """
        return {}

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model into an existing empty folder, in formats that load without pickle."""


class TrainedOnTable(Trained):
    """A fitted family that reads of each track a row of numbers, so that it can be asked without any audio."""

    @abstractmethod
    def inputs(self, corpus: Corpus, context: Context) -> pd.DataFrame:
        """Return what the model reads of each track: a row a track in the corpus's order, a named column a number."""

    @abstractmethod
    def predict_inputs(self, inputs: pd.DataFrame) -> Float32Array:
        """Return what `predict` does, from what `inputs` gave."""


class Tagger(BaseModel, ABC):
    """The settings of a model family; a new family is one module with a subclass.

    `search` declares what a study's `[tuning]` may try: some values of some settings, in any combination. A family
    without it is trained once, with the settings that it has.

    `shares_work` says that all processes which torchrun started (`bench/processes.py`) train and predict together; of
    any other family, `fit` and `predict` are called in the first alone. `trains_on_gpu` says that trainings use a GPU
    where the study has one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    search: ClassVar[Mapping[str, Sequence[object]]] = {}
    shares_work: ClassVar[bool] = False
    trains_on_gpu: ClassVar[bool] = False

    @property
    def needs_audio(self) -> bool:
        """Whether these settings hear the tracks. Where not, `Context.audio` holds none and no file need be there."""
        return True

    def check(self, audio: AudioSettings) -> None:
        """Raise `InputError` where these settings cannot work on audio heard so; called, if heard, before any work."""

    def check_corpus(self, corpus: Corpus) -> None:
        """Raise `InputError` where these settings need what the data set does not have; called before any work.

        Of a data set that is yet to be made, `corpus` is its outline.
        """

    def prepare(self, corpus: Corpus, context: Context) -> dict[str, str]:  # noqa: ARG002 - most need nothing
        """Do once, for all cells of a study, what depends on the tracks alone (descriptors).

        Return, by track id, a short note on each track that this family cannot take as it is (it has no descriptors,
        it is shorter than a patch); such notes are counted under the table.
        """
        return {}

    def steps(self) -> Steps | None:
        """Return what can be said of the length of a training before it; None where the tracks alone decide it."""
        return None

    def with_steps(self, steps: int) -> Self:  # noqa: ARG002 - most have none
        """Return these settings but for the length of a training, which is so many steps: to measure what they cost."""
        return self

    @abstractmethod
    def fit(self, train: Corpus, valid: Corpus, context: Context) -> Trained:
        """Train on `train`, choosing when to stop on `valid` alone."""

    @staticmethod
    @abstractmethod
    def load(folder: Path) -> Trained:
        """Read what `Trained.save` wrote; `summary` need not come back."""


def check_parts(train: Corpus, valid: Corpus) -> None:
    """Refuse to fit without tracks to train on or to choose by; raises `InputError`."""
    for part, corpus in (("training", train), ("validation", valid)):
        if not len(corpus):
            raise InputError(f"the {part} part of {corpus.name} has no tracks")


def checked_scores(trained: Trained, corpus: Corpus, context: Context) -> Float32Array:
    """Return what a model predicts, shape (tracks, tags).

    Raises `StudyFailedError` unless it is a number in [0, 1] for each track and tag.
    """
    return _checked(trained.predict(corpus, context), corpus)


def checked_other_scores(trained: Trained, corpus: Corpus, context: Context) -> dict[str, Float32Array]:
    """Return what a model predicts by its other ways; raises as `checked_scores`."""
    ways = trained.predict_otherwise(corpus, context)
    return {way: _checked(scores, corpus) for way, scores in ways.items()}


def _checked(scores: Float32Array, corpus: Corpus) -> Float32Array:
    if scores.shape != corpus.targets.shape:
        raise StudyFailedError(f"predictions have the shape {scores.shape}, not {corpus.targets.shape}")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise StudyFailedError("predictions are not all numbers in [0, 1]")
    return scores


def check_tags(corpus: Corpus, names: Sequence[str]) -> None:
    """Refuse, with `InputError`, a corpus whose tags are not the model's, in the model's order."""
    theirs = [tag.name for tag in corpus.tags]
    if theirs != list(names):
        raise InputError(f"the model gives the tags {', '.join(names)}; corpus {corpus.name} has {', '.join(theirs)}")
