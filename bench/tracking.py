"""The only file that knows MLflow: one parent run a study, one child run a cell, alike enough to be compared.

A cell is logged from its finished folder, so that training never waits for a server, and it is logged once: a child
carries its cell's digest, and only a child that was logged to its end counts. A child shows the curves of a training
while it lasts, as far as the server takes them; the finished folder completes it.
"""

import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.digest import json_digest
from bench.errors import InputError, StudyFailedError
from bench.live import LiveCurves, Row
from bench.output import TAGS_FILE
from bench.record import CURVES_FILE, MODEL_FOLDER, RECORD_FILE, RunRecord, RunSpec
from bench.study import Study

if TYPE_CHECKING:  # mlflow is imported where it is used: training must not need it
    from mlflow.entities import DatasetInput, Metric, Param, Run
    from mlflow.tracking import MlflowClient

URI_VARIABLE = "MLFLOW_TRACKING_URI"
CELL_TAG = "tagbench.cell"
OUTPUT_TAG = "tagbench.output"
PARENT_TAG = "mlflow.parentRunId"
METRICS_A_BATCH = 1000  # the most that MLflow takes in one call
PARAMS_A_BATCH = 100
PARAM_CHARACTERS = 6000
REPORT_FILES = (
    "study.toml",
    "cells.csv",
    "data.json",
    "tracks.csv",
    "rejected.csv",
    "duplicates.csv",
    "groups.csv",
    "tags.csv",
    "report.html",
    "claims.json",
    "table1.md",
    "table1.csv",
    "table1.tex",
    "differences.csv",
    "table1_by_tags.csv",
    "timings.csv",
)


class Tracking:
    """The MLflow runs of one study in one output folder.

    The store is `MLFLOW_TRACKING_URI` where that is set, else `mlflow.db` in the output folder.
    Raises `StudyFailedError` when the store cannot be used.
    """

    def __init__(self, study: Study, out: Path) -> None:
        self.out = out
        self.live: dict[str, LiveCurves] = {}
        self.live_runs: dict[str, str] = {}
        own_database = f"sqlite:///{out.resolve() / 'mlflow.db'}"
        self.uri = os.environ.get(URI_VARIABLE) or own_database
        with _mlflow_faults(self.uri):
            self.client = _client(self.uri)
            artifacts = (out.resolve() / "mlartifacts").as_uri() if self.uri == own_database else None
            self.experiment = self._find_or_create_experiment(study.name, artifacts)
            self.parent = self._find_or_create_parent(study)
            self.logged = self._logged_cells()

    def follow(self, spec: RunSpec) -> LiveCurves:
        """Return what takes the rows of a cell's curves while it is trained; a child run shows them."""
        self.live[spec.digest] = LiveCurves(partial(self._log_live, spec))
        return self.live[spec.digest]

    def log_cell(self, folder: Path) -> None:
        """Log a finished cell from its folder, unless it is logged already."""
        record = RunRecord.load(folder)
        if record.digest in self.logged:
            return
        with _mlflow_faults(self.uri):
            run, curves_sent = self._started(record)
            params = _params(_cell_params(record))
            for first in range(0, len(params), PARAMS_A_BATCH):
                self.client.log_batch(run, params=params[first : first + PARAMS_A_BATCH])
            metrics = _cell_metrics(record) + _trial_metrics(record)
            metrics += _curve_metrics(pd.read_parquet(folder / CURVES_FILE).iloc[curves_sent:])
            self._log_metrics(run, metrics)
            self.client.log_inputs(run, datasets=_datasets(record, self.out))
            self.client.log_table(run, _per_tag_table(record), "per_tag.json")
            self.client.log_artifacts(run, str(folder))
            self.client.set_terminated(run, "FINISHED")
        self.logged.add(record.digest)

    def log_report(self, *, failed: bool) -> None:
        """Log the table and the figures with the parent run, and end it."""
        with _mlflow_faults(self.uri):
            for name in REPORT_FILES:
                if (self.out / name).exists():
                    self.client.log_artifact(self.parent, str(self.out / name))
            if (self.out / "figures").is_dir():
                self.client.log_artifacts(self.parent, str(self.out / "figures"), "figures")
            for run in self.live_runs.values():  # of cells that were not finished
                self.client.set_terminated(run, "FAILED")
            self.client.set_terminated(self.parent, "FAILED" if failed else "FINISHED")

    def _find_or_create_experiment(self, name: str, artifacts: str | None) -> str:
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name, artifacts))

    def _find_or_create_parent(self, study: Study) -> str:
        here = json_digest([platform.node(), str(self.out.resolve())])
        found = self.client.search_runs([self.experiment], f"tags.`{OUTPUT_TAG}` = '{here}'", max_results=1)
        if found:
            run = str(found[0].info.run_id)
            self.client.update_run(run, status="RUNNING")
        else:
            created = self.client.create_run(self.experiment, tags={OUTPUT_TAG: here}, run_name=study.name)
            run = str(created.info.run_id)
        for key, value in _study_tags(study).items():
            self.client.set_tag(run, key, value)
        return run

    def _logged_cells(self) -> set[str]:
        """Return the digests of the cells that are logged; delete what an interruption left half logged."""
        logged = set()
        for run in self._children():
            if run.info.status == "FINISHED":
                logged.add(str(run.data.tags[CELL_TAG]))
            else:
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
        with _mlflow_faults(self.uri):
            if spec.digest not in self.live_runs:
                self.live_runs[spec.digest] = self._start_child(spec, 0)
            self._log_metrics(self.live_runs[spec.digest], _curve_metrics(pd.DataFrame(rows)))

    def _log_metrics(self, run: str, metrics: "list[Metric]") -> None:
        for first in range(0, len(metrics), METRICS_A_BATCH):
            self.client.log_batch(run, metrics=metrics[first : first + METRICS_A_BATCH])

    def _start_child(self, spec: RunSpec, seconds: float) -> str:
        """Create the run of a cell that began so many seconds ago."""
        name = f"{spec.label} · {spec.n_train} · seed {spec.seed}"
        tags = {PARENT_TAG: self.parent, CELL_TAG: spec.digest}
        started = _now() - round(1000 * seconds)
        run = self.client.create_run(self.experiment, start_time=started, tags=tags, run_name=name)
        return str(run.info.run_id)


def download_cell(run: str, folder: Path) -> None:
    """Download into `folder` what tagging needs of the cell that a run logged.

    The run is looked up at `MLFLOW_TRACKING_URI`, or where that is not set in `mlflow.db` in the working folder.
    Raises `InputError` where there is neither, no such run, or one that logged no cell.
    """
    uri = os.environ.get(URI_VARIABLE) or _database_here()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a bar for each of three small artifacts
    with _mlflow_faults(uri):
        client = _client(uri)
        if CELL_TAG not in _run(client, uri, run).data.tags:
            raise InputError(f"run {run} at {uri} is not that of a cell; take one of its child runs")
        for artifact in (RECORD_FILE, TAGS_FILE, MODEL_FOLDER):
            client.download_artifacts(run, artifact, str(folder))


def _database_here() -> str:
    if not Path("mlflow.db").is_file():
        raise InputError(f"set {URI_VARIABLE} to the MLflow server that has the run, or to sqlite:///DIR/mlflow.db")
    return f"sqlite:///{Path('mlflow.db').absolute()}"


def _run(client: "MlflowClient", uri: str, run: str) -> "Run":
    from mlflow.exceptions import MlflowException, RestException

    try:
        return client.get_run(run)
    except (MlflowException, RestException) as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise InputError(f"MLflow at {uri} has no run {run}") from error


@contextmanager
def _mlflow_faults(uri: str) -> Iterator[None]:
    """Turn a fault of the MLflow store into one line that names it."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        line = str(error).strip().splitlines()[0]
        raise StudyFailedError(f"MLflow at {uri} cannot be used: {line}") from error


def _client(uri: str) -> "MlflowClient":
    from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(uri)


def _study_tags(study: Study) -> dict[str, str]:
    """Return the parent's description as tags, which can change: a study may get another size or seed."""
    return {
        "mlflow.note.content": _description(study),
        "corpus": study.corpus.name,
        "sizes": study.told_sizes,
        "seeds": ", ".join(map(str, study.seeds)),
        "families": ", ".join(entry.label for entry in study.entries()),
    }


def _cell_params(record: RunRecord) -> dict[str, object]:
    described = {
        "label": record.label,
        "family": record.family,
        "n_train": record.n_train,
        "seed": record.seed,
        "subset_seed": record.subset_seed,
        "corpus": record.corpus,
        "corpus_version": record.corpus_version,
        "device": record.device,
        "threads": record.threads,
    }
    heard = {} if record.audio is None else record.audio.model_dump()
    audio = {f"audio.{key}": value for key, value in heard.items()} or {"audio": "none"}
    settings = {f"settings.{key}": value for key, value in record.settings.items()}
    tuning = {"tuning.trials": record.tuning.trials, "tuning.seed": record.tuning.seed} if record.tuning else {}
    return described | audio | settings | tuning | {f"chosen.{key}": value for key, value in record.chosen.items()}


def _params(values: dict[str, object]) -> "list[Param]":
    from mlflow.entities import Param

    return [Param(key, str(value)[:PARAM_CHARACTERS]) for key, value in values.items()]


def _cell_metrics(record: RunRecord) -> "list[Metric]":
    from mlflow.entities import Metric

    values: dict[str, float | None] = {
        **record.metrics.model_dump(),
        "pooled_rmse": record.pooled_rmse,
        "n_train": record.n_train,  # a param cannot be compared with < and > in MLflow's search
        "n_parameters": record.n_parameters,
        "train_seconds": record.train_seconds,
        "predict_seconds": record.predict_seconds,
    }
    beside = {"truth": record.truth_metrics} | {way: other.metrics for way, other in record.otherwise.items()}
    for name, measures in beside.items():
        if measures:
            values |= {f"{name}_{key}": value for key, value in measures.model_dump().items()}
    return [Metric(key, float(value), _now(), 0) for key, value in values.items() if value is not None]


def _trial_metrics(record: RunRecord) -> "list[Metric]":
    from mlflow.entities import Metric

    return [
        Metric("trial_valid_mse", trial.valid_mse, _now(), step)
        for step, trial in enumerate(record.trials)
        if trial.valid_mse is not None
    ]


def _curve_metrics(curves: pd.DataFrame) -> "list[Metric]":
    from mlflow.entities import Metric

    measured = [str(column) for column in curves.columns if column != "step"]
    return [
        Metric(f"curve/{column}", float(value), _now(), int(step))
        for column in measured
        for step, value in zip(curves["step"], curves[column], strict=True)
        if pd.notna(value)
    ]


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


def _per_tag_table(record: RunRecord) -> pd.DataFrame:
    rows = [
        {"tag": tag, "roc_auc": None, "pr_auc": None, "rmse": None} | measures
        for tag, measures in record.per_tag.items()
    ]
    return pd.DataFrame(rows, columns=["tag", "roc_auc", "pr_auc", "rmse"])


def _description(study: Study) -> str:
    text = f"Study **{study.name}** of tagbench: {len(study.families)} families at training sizes {study.told_sizes}."
    return f"{text} The child runs are its cells; Table 1 is among the artifacts. {study.note}".strip()


def _now() -> int:
    return round(1000 * time.time())
