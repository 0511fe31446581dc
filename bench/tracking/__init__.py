"""The only package that knows MLflow: one parent run a study, one child run a cell, alike enough to be compared.

A cell is logged from its finished folder, so that training never waits for a server, and it is logged once: a child
carries its cell's digest, and only a child that was logged to its end counts. A child shows the curves of a training
while it lasts, as far as the server takes them; the finished folder completes it.
"""

import json
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.costs import stage
from bench.digest import json_digest
from bench.live import LiveCurves, Row
from bench.record import CURVES_FILE, MODEL_FOLDER, RunRecord, RunSpec, describe
from bench.study import Study
from bench.tracking.connection import ARTIFACTS_FOLDER, connect, mlflow_faults, named_store, own_store
from bench.tracking.contents import (
    NOTE_TAG,
    Point,
    cell_note,
    cell_params,
    cell_points,
    curve_points,
    experiment_tags,
    per_tag_table,
    report_files,
    study_tags,
    trial_points,
)
from bench.tracking.models import can_tag, log_model

if TYPE_CHECKING:  # mlflow is imported where it is used: training must not need it
    from mlflow.entities import DatasetInput, Metric, Param

CELL_TAG = "tagbench.cell"
OUTPUT_TAG = "tagbench.output"
PARENT_TAG = "mlflow.parentRunId"
METRICS_A_BATCH = 1000  # the most that MLflow takes in one call
PARAMS_A_BATCH = 100
PARAM_CHARACTERS = 6000


class Tracking:
    """The MLflow runs of one study in one output folder.

    The store is `MLFLOW_TRACKING_URI` where that is set, else `mlflow.db` in the output folder. `seconds` is the time
    that the study has waited for it; curves that are sent during a training cost none.
    Raises `StudyFailedError` when the store cannot be used.
    """

    def __init__(self, study: Study, out: Path) -> None:
        self.out = out
        self.live: dict[str, LiveCurves] = {}
        self.live_runs: dict[str, str] = {}
        self.seconds = 0.0
        self.uri = named_store() or own_store(out)
        with self._counted():
            self.client = connect(self.uri)
            self.experiment = self._find_or_create_experiment(study)
            self.parent = self._find_or_create_parent(study)
            self.logged = self._logged_cells()

    def follow(self, spec: RunSpec) -> LiveCurves:
        """Return what takes the rows of a cell's curves while it is trained; a child run shows them."""
        self.live[spec.digest] = LiveCurves(partial(self._log_live, spec))
        return self.live[spec.digest]

    @stage("log")
    def log_cell(self, folder: Path) -> None:
        """Log a finished cell from its folder, unless it is logged already."""
        record = RunRecord.load(folder)
        if record.digest in self.logged:
            return
        with self._counted():
            run, curves_sent = self._started(record)
            self.client.set_tag(run, NOTE_TAG, cell_note(record))
            params = _params(cell_params(record))
            for first in range(0, len(params), PARAMS_A_BATCH):
                self.client.log_batch(run, params=params[first : first + PARAMS_A_BATCH])
            curves = pd.read_parquet(folder / CURVES_FILE).iloc[curves_sent:]
            self._log_points(run, cell_points(record) + trial_points(record) + curve_points(curves))
            self.client.log_inputs(run, datasets=_datasets(record, self.out))
            self.client.log_table(run, per_tag_table(record), "per_tag.json")
            self._log_files(run, record, folder)
            self.client.set_terminated(run, "FINISHED")
        self.logged.add(record.digest)

    def log_report(self, *, failed: bool) -> None:
        """Log the tables, the pages and the figures with the parent run, and end it."""
        with self._counted():
            for file in report_files(self.out):
                folder = file.relative_to(self.out).parent.name
                self.client.log_artifact(self.parent, str(file), folder or None)
            for run in self.live_runs.values():  # of cells that were not finished
                self.client.set_terminated(run, "FAILED")
            self.client.set_terminated(self.parent, "FAILED" if failed else "FINISHED")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = time.perf_counter()
        with mlflow_faults(self.uri):
            yield
        self.seconds += time.perf_counter() - started

    def _find_or_create_experiment(self, study: Study) -> str:
        found = self.client.get_experiment_by_name(study.name)
        own = self.uri == own_store(self.out)
        artifacts = (self.out.resolve() / ARTIFACTS_FOLDER).as_uri() if own else None
        experiment = str(found.experiment_id if found else self.client.create_experiment(study.name, artifacts))
        there = found.tags if found else {}
        for key, value in experiment_tags(study).items():
            if key not in there:  # else it is the user's
                self.client.set_experiment_tag(experiment, key, value)
        return experiment

    def _find_or_create_parent(self, study: Study) -> str:
        here = json_digest([platform.node(), str(self.out.resolve())])
        found = self.client.search_runs([self.experiment], f"tags.`{OUTPUT_TAG}` = '{here}'", max_results=1)
        if found:
            run = str(found[0].info.run_id)
            self.client.update_run(run, status="RUNNING")
        else:
            created = self.client.create_run(self.experiment, tags={OUTPUT_TAG: here}, run_name=study.name)
            run = str(created.info.run_id)
        for key, value in study_tags(study).items():
            self.client.set_tag(run, key, value)
        return run

    def _logged_cells(self) -> set[str]:
        """Return the digests of the cells that are logged; delete what an interruption left half logged."""
        logged = set()
        for run in self._children():
            if run.info.status == "FINISHED":
                logged.add(str(run.data.tags[CELL_TAG]))
            else:
                for model in run.outputs.model_outputs if run.outputs else []:
                    self.client.delete_logged_model(model.model_id)
                self.client.delete_run(run.info.run_id)
        return logged

    def _children(self) -> list[Any]:
        children: list[Any] = []
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [self.experiment], f"tags.`{PARENT_TAG}` = '{self.parent}'", page_token=token
            )
            children.extend(page)
            token = page.token
            if not token:
                return children

    def _started(self, record: RunRecord) -> tuple[str, int]:
        """Return the run of a finished cell and how many rows of its curves it has: the live one, or else a new one."""
        if live := self.live.pop(record.digest, None):
            live.wait()
        run = self.live_runs.pop(record.digest, None)
        if run is not None and live is not None and not live.broken:
            return run, live.sent
        if run is not None:  # nobody knows what the server took before it broke off
            self.client.delete_run(run)
        return self._start_child(record, record.train_seconds + record.predict_seconds), 0

    def _log_live(self, spec: RunSpec, rows: list[Row]) -> None:
        with mlflow_faults(self.uri):
            if spec.digest not in self.live_runs:
                self.live_runs[spec.digest] = self._start_child(spec, 0)
            self._log_points(self.live_runs[spec.digest], curve_points(pd.DataFrame(rows)))

    def _log_points(self, run: str, points: Iterable[Point]) -> None:
        metrics = _metrics(points)
        for first in range(0, len(metrics), METRICS_A_BATCH):
            self.client.log_batch(run, metrics=metrics[first : first + METRICS_A_BATCH])

    def _log_files(self, run: str, record: RunRecord, folder: Path) -> None:
        """Log what is in a cell's folder, its model as one of MLflow's where it can tag audio files."""
        with_model = can_tag(record, folder)
        if with_model:
            log_model(self.client, run, record, folder, cell_params(record))
        for entry in sorted(folder.iterdir()):
            if not (with_model and entry.name == MODEL_FOLDER):
                self.client.log_artifact(run, str(entry))

    def _start_child(self, spec: RunSpec, seconds: float) -> str:
        """Create the run of a cell that began so many seconds ago."""
        tags = {PARENT_TAG: self.parent, CELL_TAG: spec.digest}
        started = _now() - round(1000 * seconds)
        run = self.client.create_run(self.experiment, start_time=started, tags=tags, run_name=describe(spec))
        return str(run.info.run_id)


def _params(values: Mapping[str, str]) -> "list[Param]":
    from mlflow.entities import Param

    return [Param(key, value[:PARAM_CHARACTERS]) for key, value in values.items()]


def _metrics(points: Iterable[Point]) -> "list[Metric]":
    from mlflow.entities import Metric

    return [Metric(key, value, _now(), step) for key, value, step in points]


def _datasets(record: RunRecord, out: Path) -> "list[DatasetInput]":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": str(out.resolve())})

    def used(digest: str, tracks: int, context: str) -> DatasetInput:
        profile = json.dumps({"num_rows": tracks})
        dataset = Dataset(record.corpus, digest, "local", source, profile=profile)
        return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])

    return [
        used(record.train_digest, record.n_train, "training"),
        used(record.valid_digest, record.n_valid, "validation"),
        used(record.test_digest, record.n_test, "test"),
    ]


def _now() -> int:
    return round(1000 * time.time())
