"""Logs a finished cell from its folder to its run."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.errors import InputError
from bench.record import CURVES_FILE, MODEL_FOLDER, RunRecord
from bench.tracking.contents import (
    NOTE_TAG,
    Point,
    cell_note,
    cell_params,
    cell_points,
    curve_points,
    per_tag_table,
    trial_points,
)
from bench.tracking.models import can_tag, log_model
from bench.tracking.runs import ENDED, StudyRuns

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

METRICS_A_BATCH = 1000  # the most that MLflow takes in one call
PARAMS_A_BATCH = 100
PARAM_CHARACTERS = 6000


@dataclass(frozen=True)
class FinishedCell:
    """A cell's folder with what is read of it."""

    folder: Path
    record: RunRecord
    curves: pd.DataFrame

    @staticmethod
    def read(folder: Path) -> "FinishedCell":
        """Read what a cell's run tells; raises `InputError` where its record or its curves cannot be read."""
        record = RunRecord.load(folder)
        try:
            return FinishedCell(folder, record, pd.read_parquet(folder / CURVES_FILE))
        except (OSError, ValueError) as error:  # whatever pandas and Arrow raise on a damaged file
            advice = f"delete the folder {folder} and run the study again"
            raise InputError(f"{folder / CURVES_FILE} cannot be read ({error}); {advice}") from error

    @property
    def seconds(self) -> float:
        """How long the cell took."""
        return self.record.train_seconds + self.record.predict_seconds


def log_cell(runs: StudyRuns, run: str, cell: FinishedCell, *, curves_sent: int) -> None:
    """Log a cell to a run that has so many rows of its curves already, and end the run."""
    record, client = cell.record, runs.client
    client.set_tag(run, NOTE_TAG, cell_note(record))
    log_params(runs, run, cell_params(record))
    curves = curve_points(cell.curves.iloc[curves_sent:])
    log_points(runs, run, cell_points(record) + trial_points(record) + curves)
    client.log_inputs(run, datasets=_datasets(record, cell.folder))
    client.log_table(run, per_tag_table(record), "per_tag.json")
    _log_files(runs, run, cell)
    client.set_terminated(run, ENDED)


def log_params(runs: StudyRuns, run: str, values: dict[str, str]) -> None:
    """Log params, as many a call as MLflow takes."""
    from mlflow.entities import Param

    params = [Param(key, value[:PARAM_CHARACTERS]) for key, value in values.items()]
    for first in range(0, len(params), PARAMS_A_BATCH):
        runs.client.log_batch(run, params=params[first : first + PARAMS_A_BATCH])


def log_points(runs: StudyRuns, run: str, points: Iterable[Point]) -> None:
    """Log measures, as many a call as MLflow takes."""
    from mlflow.entities import Metric

    metrics = [Metric(key, value, now(), step) for key, value, step in points]
    for first in range(0, len(metrics), METRICS_A_BATCH):
        runs.client.log_batch(run, metrics=metrics[first : first + METRICS_A_BATCH])


def now() -> int:
    """Return the time as MLflow has it, in milliseconds since 1970."""
    return round(1000 * time.time())


def _log_files(runs: StudyRuns, run: str, cell: FinishedCell) -> None:
    """Log what is in a cell's folder, its model as one of MLflow's where it can tag audio files."""
    with_model = can_tag(cell.record, cell.folder)
    if with_model:
        model = log_model(runs.client, run, cell.record, cell.folder, cell_params(cell.record))
        runs.delete_models(run, but=model)  # a call that was understood twice has made another
    for entry in sorted(cell.folder.iterdir()):
        if not (with_model and entry.name == MODEL_FOLDER):
            runs.client.log_artifact(run, str(entry))


def _datasets(record: RunRecord, folder: Path) -> "list[DatasetInput]":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": str(folder.resolve().parents[1])})

    def used(digest: str, tracks: int, context: str) -> DatasetInput:
        profile = json.dumps({"num_rows": tracks})
        dataset = Dataset(record.corpus, digest, "local", source, profile=profile)
        return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])

    return [
        used(record.train_digest, record.n_train, "training"),
        used(record.valid_digest, record.n_valid, "validation"),
        used(record.test_digest, record.n_test, "test"),
    ]
