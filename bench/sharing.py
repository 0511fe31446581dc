"""A study shared by any number of processes on one output folder, as of a Slurm array: each does cells no other has.

A cell is taken by a lock, so that one whose process was killed is free at once, and goes on from its checkpoint. A cell
that failed is tried by no other: `cells/<digest>.failed` says why, until a run without sharing tries it again. Nobody
logs to MLflow meanwhile; the process that finds nothing left to do logs all, and writes the report. One that comes
later writes it again only where it is to tell of other tracks, or to have excerpts or none.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.device import use_threads
from bench.digest import json_digest
from bench.locks import attempt, lock_file, making
from bench.output import cell_folder, failure_file, is_finished, report_mark, training_folder
from bench.progress import progress_bar, say
from bench.record import RunSpec, describe
from bench.run import Machine, Outcome, Plan, faults_of, outcome_of, prepare_taggers, run_cell, write_plan
from bench.study import Cell, Study
from bench.study_data import begin_study
from bench.tracking import Tracking
from bench.whole_file import replace_file


@dataclass(frozen=True)
class SharedStudy:
    """A study in an output folder, of whose cells this process could take no more."""

    study: Study
    plan: Plan
    out: Path

    @contextmanager
    def ending(self, asked: Mapping[str, object]) -> Iterator[Outcome | None]:
        """Log all cells, and give what became of them to who is to write their report inside; to any other, None.

        That is who finds that no cell is left, unless the last report was written of these very cells, and `asked` the
        same: whatever else it depends on.
        """
        with making(self.out, ["report"]):
            told, settled = report_mark(self.out), json_digest([self._settled(), asked])
            if left := len(_left(self.plan, self.out)):
                say(f"no cell is free, {left} in the hands of other processes; the last to end writes the table")
                yield None
            elif told.read_text(encoding="utf-8") == settled:
                say(f"no cell is left, and the table is written: {self.out}")
                yield None
            else:
                yield self._logged()
                replace_file(told, settled.encode())

    def failures(self) -> list[str]:
        """Return a line for each cell that failed, in whichever process."""
        files = [failure_file(cell_folder(self.out, spec)) for _, spec in self.plan.unfinished(self.out)]
        return [file.read_text(encoding="utf-8") for file in files if file.is_file()]

    def _settled(self) -> dict[str, bool]:
        """Return, by the digests of the cells, whether each is finished."""
        return {spec.digest: is_finished(cell_folder(self.out, spec)) for _, spec in self.plan.cells}

    def _logged(self) -> Outcome:
        tracking = Tracking(self.study, self.out)
        faults = self.failures()
        for _, spec in self.plan.cells:
            if is_finished(folder := cell_folder(self.out, spec)):
                faults += faults_of(describe(spec), tracking.log_cell, folder)
        return outcome_of(self.plan, self.out, tracking, faults)


def share_study(
    study: Study, *, out: Path, root: Path | None, machine: Machine, chosen: Collection[str] = ()
) -> SharedStudy:
    """Do what no other process does of a study, until no cell is free; raises as `bench.run.run_study` does."""
    use_threads(study.threads)
    place = begin_study(study, out=out, root=root, cache=machine.cache, chosen=chosen)
    plan = write_plan(study, place, out=out, machine=machine, chosen=chosen)
    left = _left(plan, out)
    take_cells(prepare_taggers(plan, left), left, out)
    return SharedStudy(study, plan, out)


def take_cells(plan: Plan, cells: list[tuple[Cell, RunSpec]], out: Path) -> None:
    """Run those of the cells that are free, one after another, until none is."""
    with progress_bar(len(cells), "study", "cell") as bar:
        while taken := sum(_is_taken(plan, cell, spec, out) for cell, spec in cells):
            bar.update(taken)  # and again: one may have become free whose process was killed


def _is_taken(plan: Plan, cell: Cell, spec: RunSpec, out: Path) -> bool:
    """Run a cell, unless it is settled or another process has it; return whether it was run."""
    folder = cell_folder(out, spec)
    if _is_settled(folder):
        return False
    with attempt(lock_file(out, spec.digest)) as other:
        if other or _is_settled(folder):
            return False
        for fault in faults_of(describe(spec), partial(run_cell, cell, spec, plan, folder, None)):
            folder.parent.mkdir(exist_ok=True)  # it may be the first
            replace_file(failure_file(folder), fault.encode())
        if is_finished(folder):
            shutil.rmtree(training_folder(folder), ignore_errors=True)
    return True


def _left(plan: Plan, out: Path) -> list[tuple[Cell, RunSpec]]:
    """Return the cells that are neither finished nor failed."""
    return [(cell, spec) for cell, spec in plan.cells if not _is_settled(cell_folder(out, spec))]


def _is_settled(folder: Path) -> bool:
    return is_finished(folder) or failure_file(folder).is_file()
