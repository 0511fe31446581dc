"""The runs of one output folder in an MLflow store: a parent, and below it a child a cell; each of them once.

A server may take a call and die before it answers, and a client that asks again may be understood twice. So nothing is
known to be there but what the store itself tells: a child counts once it has ended, others like it are deleted, and so
are those that never ended.
"""

import platform
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bench.digest import json_digest
from bench.errors import InputError
from bench.output import CELLS_FOLDER
from bench.record import RunSpec, describe
from bench.study import Study
from bench.tracking.connection import ARTIFACTS_FOLDER
from bench.tracking.contents import experiment_tags, study_tags
from bench.whole_file import written_aside

if TYPE_CHECKING:
    from mlflow.entities import Experiment
    from mlflow.tracking import MlflowClient

CELL_TAG = "tagbench.cell"
OUTPUT_TAG = "tagbench.output"
PARENT_TAG = "mlflow.parentRunId"
ID_FILE = "mlflow_id"
ID = re.compile("[0-9a-f]+")
ENDED = "FINISHED"
OLDEST_FIRST = ["attributes.start_time ASC"]


class StudyRuns:
    """The parent run of a study's output folder, found or created, and what is logged below it.

    `logged` has the digests of the cells that are there to their end. `own` says that the store lies in the folder.
    """

    def __init__(self, client: "MlflowClient", study: Study, out: Path, *, own: bool) -> None:
        self.client = client
        self.experiment = self._find_or_create_experiment(study, out if own else None)
        self.parent = self._find_or_create_parent(study, output_id(out))
        self.logged = self.tidy()

    def start_child(self, spec: RunSpec, started: int) -> str:
        """Create the run of a cell that began at a time, in milliseconds since 1970."""
        tags = {PARENT_TAG: self.parent, CELL_TAG: spec.digest}
        run = self.client.create_run(self.experiment, start_time=started, tags=tags, run_name=describe(spec))
        return str(run.info.run_id)

    def tidy(self, keep: Collection[str] = ()) -> set[str]:
        """Return the digests of the cells that are logged; delete other runs of theirs, and what never ended.

        `keep` are runs of cells that were not finished, which stay though they never will be.
        """
        logged: set[str] = set()
        for run in self._children(self.parent):
            digest = str(run.data.tags[CELL_TAG])
            if run.info.status == ENDED and digest not in logged:
                logged.add(digest)
            elif run.info.run_id not in keep:
                self.delete(run.info.run_id)
        return logged

    def delete(self, run: str) -> None:
        """Delete a cell's run with its models."""
        self.delete_models(run)
        self.client.delete_run(run)

    def delete_models(self, run: str, *, but: str = "") -> None:
        """Delete the models of a cell's run, but for one."""
        for model in self.client.search_logged_models([self.experiment], f"source_run_id = '{run}'"):
            if model.model_id != but:
                self.client.delete_logged_model(model.model_id)

    def _find_or_create_experiment(self, study: Study, home: Path | None) -> str:
        found = self.client.get_experiment_by_name(study.name) or self._create_experiment(study.name, home)
        for key, value in experiment_tags(study).items():
            if key not in found.tags:  # else it is the user's
                self.client.set_experiment_tag(found.experiment_id, key, value)
        return str(found.experiment_id)

    def _create_experiment(self, name: str, home: Path | None) -> "Experiment":
        from mlflow.exceptions import MlflowException

        artifacts = None if home is None else (home.resolve() / ARTIFACTS_FOLDER).as_uri()
        try:
            return self.client.get_experiment(self.client.create_experiment(name, artifacts))
        except MlflowException:
            found = self.client.get_experiment_by_name(name)  # by a call that was not answered, or another process
            if found is None:
                raise
            return found

    def _find_or_create_parent(self, study: Study, output: str) -> str:
        if not self._search(OUTPUT_TAG, output):
            self.client.create_run(self.experiment, tags={OUTPUT_TAG: output}, run_name=study.name)
        kept, *twins = self._search(OUTPUT_TAG, output)
        for twin in twins:  # of a call that was understood twice
            for child in self._children(twin.info.run_id):
                self.delete(child.info.run_id)
            self.client.delete_run(twin.info.run_id)
        run = str(kept.info.run_id)
        self.client.update_run(run, status="RUNNING")
        for key, value in study_tags(study).items():
            self.client.set_tag(run, key, value)
        return run

    def _children(self, parent: str) -> list[Any]:
        return self._search(PARENT_TAG, parent)

    def _search(self, tag: str, value: str) -> list[Any]:
        """Return all runs with a tag, the oldest first."""
        runs: list[Any] = []
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [self.experiment], f"tags.`{tag}` = '{value}'", order_by=OLDEST_FIRST, page_token=token
            )
            runs.extend(page)
            token = page.token
            if not token:
                return runs


def output_id(out: Path) -> str:
    """Return what the parent run of an output folder is known by, wherever the folder lies and whoever asks.

    It is written into the folder once. A folder from before that was known by the machine's name and its own, and
    keeps that. Raises `InputError` where the file is not what was written.
    """
    file = out / ID_FILE
    if not file.exists():
        known = json_digest([platform.node(), str(out.resolve())])
        with written_aside(file) as aside:
            aside.write_text((known if (out / CELLS_FOLDER).exists() else uuid4().hex) + "\n", encoding="utf-8")
    told = file.read_bytes().decode(errors="replace").strip()
    if not ID.fullmatch(told):
        raise InputError(f"{file} is damaged; delete it, and the study is logged to MLflow anew")
    return told


def was_logged(out: Path) -> bool:
    """Tell whether a store was reached from this output folder before, or has cells to be told of."""
    return (out / ID_FILE).exists() or any((out / CELLS_FOLDER).glob("*"))
