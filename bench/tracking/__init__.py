"""The only package that knows MLflow: one parent run a study, one child run a cell, alike enough to be compared.

A cell is logged from its finished folder, so that training never waits for a server, and it is logged once: a child
carries its cell's digest, and only a child that was logged to its end counts. A child shows the curves of a training
while it lasts, as far as the server takes them; the finished folder completes it. What a server that is gone does not
take is kept, and sent when it is back: in this run, or by the next, or by `tagbench sync`.
"""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd

from bench.costs import stage
from bench.errors import StudyFailedError
from bench.live import LiveCurves, Row
from bench.progress import say
from bench.record import RunSpec, describe
from bench.study import Study
from bench.tracking.cells import FinishedCell, log_cell, log_points, now
from bench.tracking.connection import (
    URI_VARIABLE,
    StoreGoneError,
    connect,
    mlflow_faults,
    named_store,
    own_store,
    shown,
)
from bench.tracking.contents import curve_points, report_files
from bench.tracking.database import ready_database
from bench.tracking.runs import ENDED, StudyRuns, was_logged

SHARE_FOR_A_GONE_STORE = 0.1  # of a study's time, at most, is spent on asking whether it is back
SECONDS_FOR_THE_LAST_CURVES = 5


class Tracking:
    """The MLflow runs of one study in one output folder.

    The store is `MLFLOW_TRACKING_URI` where that is set, else `mlflow.db` in the output folder. `seconds` is the time
    that the study has waited for it; curves that are sent during a training cost none. `sent` counts the cells that
    were logged. A store that cannot be used raises `StudyFailedError` at first, but where it was used for this output
    folder before, the study goes on without it, unless that is to `insist`.
    """

    def __init__(self, study: Study, out: Path, *, insist: bool = False) -> None:
        self.study = study
        self.out = out
        self.uri = named_store() or own_store(out)
        self.sent = 0
        self.seconds = 0.0
        self._seconds_last = 0.0
        self._finished: dict[str, FinishedCell] = {}  # by digest; of them, some are
        self._kept: dict[str, FinishedCell] = {}  # not logged yet, and some
        self._refused: dict[str, FinishedCell] = {}  # not taken by a store that was there
        self._report_kept = False
        self._live: dict[str, LiveCurves] = {}
        self._live_runs: dict[str, str] = {}
        self._ask_again = 0.0
        self._runs: StudyRuns | None = None  # None while the store is gone
        try:
            self._runs = self._found()
        except StudyFailedError as fault:
            if insist or not was_logged(out):
                advice = f"; mend {URI_VARIABLE}, or unset it to log into the output folder" if named_store() else ""
                raise StudyFailedError(f"{fault}{advice}") from fault
            self._lose(fault)

    def follow(self, spec: RunSpec) -> LiveCurves | None:
        """Return what takes the rows of a cell's curves while it is trained; a child run shows them.

        None while the store is gone.
        """
        if self._runs is None:
            return None
        self._live[spec.digest] = LiveCurves(partial(self._log_live, self._runs, spec))
        return self._live[spec.digest]

    @stage("log")
    def log_cell(self, folder: Path) -> None:
        """Log a finished cell from its folder, unless it is logged already, and what was kept before.

        What cannot be logged is kept, which is told. Raises `InputError` where the cell cannot be read.
        """
        cell = FinishedCell.read(folder)
        self._finished[cell.record.digest] = self._kept[cell.record.digest] = cell
        if time.monotonic() >= self._ask_again:
            self._send_kept()

    def log_report(self, *, failed: bool) -> None:
        """Log what was kept, and the tables, the pages and the figures with the parent run, and end it."""
        self._report_kept = True
        if (runs := self._send_kept()) is None:
            return
        try:
            with self._counted():
                self._log_report(runs, "FAILED" if failed else ENDED)
        except StudyFailedError as fault:
            self._lose(fault)
        else:
            self._report_kept = False

    @property
    def missing(self) -> str | None:
        """One line on what is not logged and how it will be, None where all is."""
        cells = len(self._kept) + len(self._refused)
        if not (cells or self._report_kept):
            return None
        told = [f"{cells} cell{'s' * (cells > 1)}"] * bool(cells) + ["the report"] * self._report_kept
        return (
            f"{' and '.join(told)} could not be logged to MLflow at {shown(self.uri)}; nothing is lost: once it can be "
            f"used, {shlex.join(['tagbench', 'sync', str(self.out)])} sends what is missing"
        )

    def _found(self) -> StudyRuns:
        """Connect to the store, and look what is there."""
        with self._counted():
            own = self.uri == own_store(self.out)
            if own:
                ready_database(self.out)
            return StudyRuns(connect(self.uri), self.study, self.out, own=own)

    def _reached(self) -> StudyRuns | None:
        """Return what is in the store, None while it is gone."""
        if self._runs is None:
            try:
                self._runs = self._found()
            except StudyFailedError as fault:
                self._lose(fault)
            else:
                say(f"MLflow at {shown(self.uri)} can be used again")
                self._ask_again = 0.0
                there = self._runs.logged | self._refused.keys()  # it may have lost some
                self._kept = {digest: cell for digest, cell in self._finished.items() if digest not in there}
        return self._runs

    def _lose(self, fault: StudyFailedError) -> None:
        """Go on without the store; when it is back, it is asked what it has, which may be more than it said."""
        if not self._ask_again:
            say(f"{fault}; the study goes on, and what is not logged is kept")
        self._ask_again = time.monotonic() + self._seconds_last / SHARE_FOR_A_GONE_STORE
        self._runs = None
        self._live.clear()
        self._live_runs.clear()  # which never ended: they will be deleted

    def _send_kept(self) -> StudyRuns | None:
        """Log what is kept, unless the store does not take it, and return what is there; None while it is gone."""
        if (runs := self._reached()) is None:
            return None
        for digest, cell in list(self._kept.items()):
            try:
                with self._counted():
                    self._send(runs, cell)
            except StoreGoneError as fault:
                self._lose(fault)
                return None
            except StudyFailedError as fault:
                say(f"{describe(cell.record)}: {fault}")
                self._refused[digest] = cell
            del self._kept[digest]
        return runs

    def _send(self, runs: StudyRuns, cell: FinishedCell) -> None:
        digest = cell.record.digest
        if digest in runs.logged:
            return
        run, curves_sent = self._started(runs, cell)
        log_cell(runs, run, cell, curves_sent=curves_sent)
        runs.logged.add(digest)
        self.sent += 1

    def _started(self, runs: StudyRuns, cell: FinishedCell) -> tuple[str, int]:
        """Return the run of a finished cell and how many rows of its curves it has: the live one, or else a new one."""
        digest = cell.record.digest
        live = self._live.pop(digest, None)
        if live is not None and not live.wait(SECONDS_FOR_THE_LAST_CURVES):
            raise StoreGoneError(f"MLflow at {shown(self.uri)} does not answer")
        run = self._live_runs.pop(digest, None)
        if run is not None and live is not None and not live.broken:
            return run, live.sent
        if run is not None:  # nobody knows what the server took before it broke off
            runs.delete(run)
        return runs.start_child(cell.record, now() - round(1000 * cell.seconds)), 0

    def _log_live(self, runs: StudyRuns, spec: RunSpec, rows: list[Row]) -> None:
        with mlflow_faults(self.uri):
            if spec.digest not in self._live_runs:
                self._live_runs[spec.digest] = runs.start_child(spec, now())
            log_points(runs, self._live_runs[spec.digest], curve_points(pd.DataFrame(rows)))

    def _log_report(self, runs: StudyRuns, status: str) -> None:
        for file in report_files(self.out):
            folder = file.relative_to(self.out).parent.name
            runs.client.log_artifact(runs.parent, str(file), folder or None)
        for live in self._live.values():
            live.wait(SECONDS_FOR_THE_LAST_CURVES)
        for run in self._live_runs.values():  # of cells that were not finished
            runs.client.set_terminated(run, "FAILED")
        runs.tidy(keep=self._live_runs.values())
        runs.client.set_terminated(runs.parent, status)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with mlflow_faults(self.uri):
                yield
        finally:
            self._seconds_last = time.perf_counter() - started
            self.seconds += self._seconds_last
