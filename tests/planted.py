"""Faults to be planted into the real code while a study is trained, or a model predicts; each is undone at the end."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from bench.cell import Done, train_and_score
from bench.corpus import Corpus
from bench.record import RunRecord, RunSpec
from bench.run import Machine, run_untracked
from bench.splits import Split
from bench.study import Entry, Study
from bench.tagger import Context, Tagger
from bench.tuning import Tuned, Tuning, fit_tuned
from neural.layers import KeyedDropout
from neural.logmel import LogMel

Fault = Callable[[pytest.MonkeyPatch], None]
CLASSICAL = {"prior", "linear", "gbt"}


def labels_shifted(patch: pytest.MonkeyPatch) -> None:
    """Give each training track the labels of the one before it."""

    def faulty(
        tagger: Tagger, tuning: Tuning | None, train: Corpus, valid: Corpus, context: Context, *, cell: str
    ) -> Tuned:
        shifted = replace(train, targets=np.roll(train.targets, 1, axis=0))
        return fit_tuned(tagger, tuning, shifted, valid, context, cell=cell)

    patch.setattr("bench.cell.fit_tuned", faulty)


def tracks_of_the_test_in_training(patch: pytest.MonkeyPatch) -> None:
    """Train on the test tracks, too."""

    def faulty(entry: Entry, spec: RunSpec, parts: Split, context: Context) -> Done:
        return train_and_score(entry, spec, replace(parts, train=_joined(parts.train, parts.test)), context)

    patch.setattr("bench.run.train_and_score", faulty)


def _joined(one: Corpus, other: Corpus) -> Corpus:
    pairs = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(one)}
    joined: dict[str, Any] = {
        name: np.concatenate(columns) for name, columns in pairs.items() if isinstance(columns[0], np.ndarray)
    }
    return replace(one, **joined)


def log_mel_without_normalisation(patch: pytest.MonkeyPatch) -> None:
    """Give the spectrogram network what it was not trained on."""
    patch.setattr(LogMel, "forward", LogMel.unnormalised)


def dropout_left_on(patch: pytest.MonkeyPatch) -> None:
    """Let dropout layers stay in training whatever mode the model is in."""
    patch.setattr(KeyedDropout, "train", lambda layer, _mode=True: nn.Module.train(layer, True))


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """Plant a fault for a while."""
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        yield


def trained_again(study: Study, finished: Path, out: Path, fault: Fault, machine: Machine, root: Path | None) -> Path:
    """Copy a finished study to `out`, and train its classical models there again with a fault; return `out`."""
    shutil.copytree(finished, out, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    for cell in (out / "cells").iterdir():
        if RunRecord.load(cell).label in CLASSICAL:
            shutil.rmtree(cell)
    with planted(fault):
        assert run_untracked(study, out=out, root=root, machine=machine) == []
    return out
