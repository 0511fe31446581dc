"""Tuning: a number of declared trials of a family's settings, judged on the validation part alone.

The first trial has the settings as the study gives them. The others are the first in an order by hash of all
combinations of the values to try, which depends on the combination and on the tuning's seed alone: the trials are the
same at every size and seed of a study, and for two families that declare the same values, as both networks do.

The trial with the least mean squared error over all tags and validation tracks is kept as it was trained: that is the
loss of the paper's networks, one number for both kinds of tags, and a proper score of probabilities. Early stopping
looks at the same tracks, so the kept trial's error is optimistic; only measures on the test part are reported. A cell
that is interrupted does its trials again; each has its own part of `Context.training`, from which a family may go on.
What `Tagger.prepare` notes on tracks is noted for the study's own settings.
"""

import itertools
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from bench.corpus import Corpus
from bench.digest import unit_hashes
from bench.errors import InputError, StudyFailedError
from bench.metrics import rmse
from bench.progress import say
from bench.tagger import Context, Tagger, Trained, checked_scores

MOST_COMBINATIONS = 100_000  # all are hashed for each cell; that many take about a second

Settings = dict[str, Any]


class TuningSettings(BaseModel):
    """How many trials every family has at each size and seed, its own settings being the first; the order's seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: StrictInt = Field(ge=1)
    seed: StrictInt = 0


class Tuning(TuningSettings):
    """The trials of one family; `search` has the values to try of each setting."""

    search: dict[str, list[Any]]

    @classmethod
    def of(cls, tagger: Tagger, search: Mapping[str, Sequence[object]], settings: TuningSettings) -> Self:
        """Return the tuning of a family's settings, its values written as the family's own JSON writes them.

        Raises pydantic's `ValidationError` for a value that does not go with the family's other settings, and
        `InputError` for a value that stands twice and for fewer combinations than trials.
        """
        taken = {name: [with_settings(tagger, {name: value}) for value in values] for name, values in search.items()}
        written = {name: [_settings(one)[name] for one in taggers] for name, taggers in taken.items()}
        for name, values in written.items():
            if any(value in values[:place] for place, value in enumerate(values)):
                raise InputError(f"{name}: a value stands in it twice")
        tuning = cls(trials=settings.trials, seed=settings.seed, search=written)
        tuning._refuse_too_few_or_too_many(tagger)
        return tuning

    def candidates(self, tagger: Tagger) -> list[Settings]:
        """Return the values that each trial gives to the searched settings, the family's own first."""
        own = self._own(tagger)
        combinations = (
            dict(zip(self.search, values, strict=True)) for values in itertools.product(*self.search.values())
        )
        others = [combination for combination in combinations if combination != own]
        names = [json.dumps(combination, sort_keys=True) for combination in others]
        order = np.argsort(unit_hashes(names, f"tuning {self.seed}"), kind="stable")
        return [own, *(others[place] for place in order[: self.trials - 1])]

    def _own(self, tagger: Tagger) -> Settings:
        settings = _settings(tagger)
        return {name: settings[name] for name in self.search}

    def _refuse_too_few_or_too_many(self, tagger: Tagger) -> None:
        declared = math.prod(map(len, self.search.values()))
        own = all(value in self.search[name] for name, value in self._own(tagger).items())
        if declared + (not own) < self.trials:
            with_own = "" if own else " beside the entry's own settings"
            raise InputError(f"declares {declared} combinations{with_own}, fewer than trials = {self.trials}")
        if declared > MOST_COMBINATIONS:
            raise InputError(f"declares {declared} combinations, more than {MOST_COMBINATIONS}; leave out some values")


class Trial(BaseModel):
    """One trial: the values of the searched settings, its error on the validation part, or why it has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings
    valid_mse: float | None
    reason: str = ""
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """A trained family, the searched settings that were `chosen` for it, and all trials; empty without tuning.

    `seconds` is the time of the training or of all trials, with that of interrupted attempts that they went on from.
    """

    trained: Trained
    chosen: Settings
    trials: list[Trial]
    seconds: float


def fit_tuned(
    tagger: Tagger, tuning: Tuning | None, train: Corpus, valid: Corpus, context: Context, *, cell: str
) -> Tuned:
    """Fit a family once, or with each trial's settings, and keep the best of them; `cell` names it in progress lines.

    A trial whose training fails has no score. Raises `StudyFailedError` when all of them fail.
    """
    if tuning is None:
        started = time.perf_counter()
        trained = tagger.fit(train, valid, context)
        return Tuned(trained, {}, [], time.perf_counter() - started + trained.summary.earlier_seconds)
    trials: list[Trial] = []
    best: tuple[float, Trained, Settings] | None = None
    for number, settings in enumerate(tuning.candidates(tagger), start=1):
        trial, fitted = _try(tagger, settings, train, valid, _context_of_trial(context, number))
        trials.append(trial)
        say(f"{cell}: trial {number} of {tuning.trials}, {_outcome(trial)}; {describe_settings(settings)}")
        if fitted is not None and trial.valid_mse is not None and (best is None or trial.valid_mse < best[0]):
            best = trial.valid_mse, fitted, settings
    if best is None:
        raise StudyFailedError(f"none of {tuning.trials} trials could be trained; the first: {trials[0].reason}")
    _, trained, chosen = best
    return Tuned(trained, chosen, trials, sum(trial.seconds for trial in trials))


def describe_settings(settings: Settings) -> str:
    """Return settings in a few words: "max_depth 2, learning_rate 0.05"."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _try(
    tagger: Tagger, settings: Settings, train: Corpus, valid: Corpus, context: Context
) -> tuple[Trial, Trained | None]:
    started = time.perf_counter()
    try:
        trained = with_settings(tagger, settings).fit(train, valid, context)
        errors = rmse(valid.targets, checked_scores(trained, valid, context))
    except (InputError, StudyFailedError) as failure:
        seconds = time.perf_counter() - started
        return Trial(settings=settings, valid_mse=None, reason=str(failure), seconds=seconds), None
    error = float(np.mean(np.square(errors)))
    seconds = time.perf_counter() - started + trained.summary.earlier_seconds
    return Trial(settings=settings, valid_mse=error, seconds=seconds), trained


def _context_of_trial(context: Context, number: int) -> Context:
    """Return where a trial works; nobody watches, for the curves of all trials would lie over one another."""
    training = None if context.training is None else context.training / f"trial-{number}"
    return replace(context, training=training, on_validation=None)


def _outcome(trial: Trial) -> str:
    return trial.reason if trial.valid_mse is None else f"validation MSE {trial.valid_mse:.5f}"


def _settings(tagger: Tagger) -> Settings:
    return tagger.model_dump(mode="json")


def with_settings(tagger: Tagger, settings: Settings) -> Tagger:
    """Return the family with some settings changed, validated together."""
    return type(tagger).model_validate(_settings(tagger) | settings)
