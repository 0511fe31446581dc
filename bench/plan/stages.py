"""What a study does, stage by stage, and the amounts that the cost of each stage grows with."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.corpora import corpus_module
from bench.plan.growth import Form
from bench.study import Entry, Study
from bench.tagger import Steps

OF_SHARDS = ("decode", "compare", "prepare")  # shared out among the workers, shard by shard
OF_TAGS = ("train", "predict")  # shared out tag by tag, of families that do not share the work of a training
ON_GPUS = ("train", "validate", "predict", "predict otherwise")  # of families that share the work of a training
ON_ONE_GPU = ("train",)  # of others that train on it, tag after tag
HOLDING = ("corpus", "divide")  # what they add to memory stays there


@dataclass(frozen=True)
class Extent:
    """How large a study is: tracks, tags, training sizes, validation and test tracks."""

    tracks: int
    tags: int
    sizes: tuple[int, ...]
    valid: int
    test: int


@dataclass(frozen=True)
class Work:
    """A stage that is done so many `times`, for an entry at a training size, or for all ("" and 0).

    Its cost grows with the `amounts` by a law of that `form`, and its memory with the number of `tracks`: 0 where what
    it holds beside the corpus does not grow.
    """

    stage: str
    label: str
    n_train: int
    amounts: tuple[float, ...]
    tracks: float = 0.0
    times: float = 1.0
    form: Form = "linear"


def is_made(study: Study) -> bool:
    """Tell whether the study's corpus is made by this project."""
    return hasattr(corpus_module(study.corpus.name), "create")


def all_work(study: Study, extent: Extent, choose: Callable[[Steps], float]) -> list[Work]:
    """Return all that a study does, each training being as long as `choose` says."""
    heard = any(entry.audio is not None for entry in study.entries())
    return [*_before(study, extent, heard=heard), *_cells(study, extent, choose), _report(study, extent)]


def _before(study: Study, extent: Extent, *, heard: bool) -> Iterator[Work]:
    tracks, numbers = extent.tracks, extent.tracks * extent.tags
    yield Work("corpus", "", 0, (1, tracks if is_made(study) else numbers), 0 if is_made(study) else tracks)
    yield Work("divide", "", 0, (1, (1 + len(extent.sizes)) * numbers), tracks)
    if heard:
        yield Work("decode", "", 0, (1, tracks))
        yield Work("compare", "", 0, (1, tracks))
    for entry in study.entries():
        yield Work("prepare", entry.label, 0, (1, tracks))  # all tracks of a shard at once


def _cells(study: Study, extent: Extent, choose: Callable[[Steps], float]) -> Iterator[Work]:
    seeds = len(study.seeds)
    for n_train in extent.sizes:
        for entry in study.entries():
            steps = entry.tagger.steps()
            length = 1.0 if steps is None else choose(steps)
            yield from _cell(entry, extent, n_train, steps, length, seeds)
            yield Work("keep", "", 0, (1, extent.test * extent.tags), extent.test, seeds)
            yield Work("log", "", 0, (1, extent.test * extent.tags), extent.test, seeds)


def _cell(entry: Entry, extent: Extent, n_train: int, steps: Steps | None, length: float, seeds: int) -> Iterator[Work]:
    """Yield what is done of one entry at one size alone."""
    trials = seeds * (entry.tuning.trials if entry.tuning else 1)
    tags, valid, test = extent.tags, extent.valid, extent.test
    trees = length if steps and steps.reads_all else 1.0  # what is asked in prediction, and kept
    held = 0 if steps and not steps.reads_all else 1  # what hears windows holds a batch of them
    a_track = 1.0 if steps and not steps.reads_all else trees * tags
    if steps is None:
        yield Work("train", entry.label, n_train, (n_train * tags,), n_train, trials, "power")
    elif steps.reads_all:
        amounts = (n_train * tags, length * tags, length * n_train * tags)
        yield Work("train", entry.label, n_train, amounts, n_train, trials)
    else:
        judged = math.ceil(length / steps.judged_every)
        yield Work("train", entry.label, n_train, (1, length), times=trials)
        yield Work("validate", entry.label, n_train, (valid,), times=trials * judged)
    if entry.tuning:
        yield Work("predict", entry.label, n_train, (1, valid * a_track), held * valid, trials)
    yield Work("predict", entry.label, n_train, (1, test * a_track), held * test, seeds)
    yield Work("predict otherwise", entry.label, n_train, (1, test), times=seeds)
    yield Work("save", entry.label, n_train, (1, trees * tags), times=seeds)


def _report(study: Study, extent: Extent) -> Work:
    scored = _n_cells(study, extent) * extent.test
    return Work("report", "", 0, (1, scored * extent.tags), scored)


def _n_cells(study: Study, extent: Extent) -> int:
    return len(extent.sizes) * len(study.seeds) * len(study.families)
