"""Running a study: its data are prepared, and each cell is done once."""

import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.audio import AudioSettings
from bench.cell import keep, train_and_score
from bench.corpora import Place
from bench.costs import stage
from bench.device import use_threads
from bench.errors import InputError, StudyFailedError
from bench.output import (
    cell_folder,
    failure_file,
    is_finished,
    set_damaged_aside,
    training_folder,
    write_study,
)
from bench.processes import hand_out
from bench.progress import progress_bar, say
from bench.record import RunSpec, describe, describe_measures
from bench.splits import Split, subset
from bench.store import Store
from bench.study import Cell, Entry, Study
from bench.study_data import StudyData, begin_study, checked, prepare_data, tell
from bench.tagger import Context
from bench.test_part import refuse_no_test_track, write_test_part
from bench.tracking import Tracking

SILENCE = Store(AudioSettings(), {}, {})  # what an entry that needs no audio is given


@dataclass(frozen=True)
class Machine:
    """Where a study runs; none of it changes what is measured, but for rounding on another device."""

    device: str
    workers: int
    cache: Path


@dataclass(frozen=True)
class Outcome:
    """A study that was run: its MLflow runs, how many cells are finished, and a line for each fault on the way.

    `audio` is what its tracks sound like, None where no model hears them.
    """

    tracking: Tracking
    finished: int
    faults: list[str]
    audio: Store | None


@dataclass(frozen=True)
class Plan:
    """The cells of a study with their identities, over one division of the usable tracks.

    `notes` and `faults` are, by label, what an entry noted on odd tracks and what stopped its preparation.
    """

    data: StudyData
    cells: list[tuple[Cell, RunSpec]]
    machine: Machine
    notes: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def context(self, entry: Entry, seed: int) -> Context:
        """Return what an entry's tagger works with."""
        store = SILENCE if entry.audio is None else self.data.prepared.stores[entry.audio]
        return Context(store, seed, self.machine.device, self.machine.workers, self.machine.cache)

    def unfinished(self, out: Path) -> list[tuple[Cell, RunSpec]]:
        """Return the cells that are still to be done in an output folder."""
        return [(cell, spec) for cell, spec in self.cells if not is_finished(cell_folder(out, spec))]


def run_study(study: Study, *, out: Path, root: Path | None, machine: Machine, chosen: Collection[str] = ()) -> Outcome:
    """Do what is not yet done of a study and log it; its cells, targets and lists lie in `out` afterwards.

    Raises `InputError` when the study asks for what the corpus does not have, and when one of the `chosen` tracks,
    which its report is to tell of, is not in the test part. A cell that fails, with an `InputError` or a
    `StudyFailedError`, stops no other.
    """
    use_threads(study.threads)
    place = begin_study(study, out=out, root=root, cache=machine.cache, chosen=chosen)
    tracking = Tracking(study, out)
    plan = write_plan(study, place, out=out, machine=machine, chosen=chosen)
    faults = run_cells(prepare_taggers(plan, plan.unfinished(out)), out, tracking)
    return outcome_of(plan, out, tracking, faults)


def run_untracked(study: Study, *, out: Path, root: Path | None, machine: Machine) -> list[str]:
    """Do the same without MLflow, on a machine that may lack it; return a line for each fault.

    The cells lie in `out` as `run_study` would leave them, which then finds them finished and logs them.
    """
    use_threads(study.threads)
    place = begin_study(study, out=out, root=root, cache=machine.cache)
    plan = plan_study(study, place, out=out, machine=machine)
    return run_cells(prepare_taggers(plan, plan.unfinished(out)), out, None)


def write_plan(study: Study, place: Place, *, out: Path, machine: Machine, chosen: Collection[str]) -> Plan:
    """Plan a study, and write to `out` its data, its cells and the study itself, complete with its defaults."""
    plan = plan_study(study, place, out=out, machine=machine)
    refuse_no_test_track(chosen, plan.data.parts.test)  # it may have been refused
    write_study(plan.data.study, plan.cells, out)
    plan.data.found.save(out)
    return plan


@stage("divide")
def plan_study(study: Study, place: Place, *, out: Path, machine: Machine) -> Plan:
    """Prepare a study's data, give each cell its identity, and write the test part to `out`.

    A finished cell that is damaged is set aside, so that it is made again.
    """
    data = prepare_data(study, place, out=out, cache=machine.cache, workers=machine.workers)
    tell(data, out)
    data = checked(data, out)
    cells = planned_cells(data.study, data.parts)
    write_test_part(data.parts.test, out)
    for _, spec in cells:
        if damage := set_damaged_aside(cell_folder(out, spec)):
            say(f"{describe(spec)}: {damage}")
    return Plan(data, cells, machine)


def planned_cells(study: Study, parts: Split) -> list[tuple[Cell, RunSpec]]:
    """Return the cells of a study with their identities."""
    digests = {size: subset(parts.train, size, seed=study.subset_seed).digest for size in study.sizes}
    return [(cell, _cell_spec(study, cell, parts, digests[cell.n_train])) for cell in study.cells()]


def _cell_spec(study: Study, cell: Cell, parts: Split, train_digest: str) -> RunSpec:
    return RunSpec(
        label=cell.entry.label,
        family=cell.entry.family,
        settings=cell.entry.tagger.model_dump(mode="json"),
        n_train=cell.n_train,
        seed=cell.seed,
        subset_seed=study.subset_seed,
        train_digest=train_digest,
        valid_digest=parts.valid.digest,
        test_digest=parts.test.digest,
        audio=cell.entry.audio,
        min_positives=study.scoring.min_positives,
        min_negatives=study.scoring.min_negatives,
        threads=study.threads,
        tuning=cell.entry.tuning,
    )


def prepare_taggers(plan: Plan, cells: Iterable[tuple[Cell, RunSpec]]) -> Plan:
    """Let each entry that has one of these cells do what depends on the tracks alone, so that no cell pays for all.

    Return the plan with what they noted, and with what stopped those that failed.
    """
    waiting = {cell.entry.label: cell.entry for cell, _ in cells}
    largest = max(spec.n_train for _, spec in plan.cells)
    train = subset(plan.data.parts.train, largest, seed=plan.cells[0][1].subset_seed)
    used = np.concatenate([train.ids, plan.data.parts.valid.ids, plan.data.parts.test.ids])
    corpus = plan.data.prepared.corpus.take(np.isin(plan.data.prepared.corpus.ids, used))
    notes: dict[str, dict[str, str]] = {}
    faults: dict[str, str] = {}
    for label, entry in waiting.items():
        try:
            with stage("prepare", label):
                notes[label] = entry.tagger.prepare(corpus, plan.context(entry, seed=0))
        except (InputError, StudyFailedError) as fault:
            faults[label] = str(fault)
    return replace(plan, notes=notes, faults=faults)


def run_cells(plan: Plan, out: Path, tracking: Tracking | None) -> list[str]:
    """Run the cells that are not finished, log every finished one, and return a line for each fault."""
    faults: list[str] = []
    with progress_bar(len(plan.cells), "study", "cell") as bar:
        for cell, spec in plan.cells:
            folder = cell_folder(out, spec)
            if is_finished(folder):
                say(f"{describe(spec)}: finished before")
            else:
                faults += faults_of(describe(spec), run_cell, cell, spec, plan, folder, tracking)
            if is_finished(folder):
                shutil.rmtree(training_folder(folder), ignore_errors=True)
                faults += faults_of(describe(spec), tracking.log_cell, folder) if tracking else []
            bar.update()
    return faults


def outcome_of(plan: Plan, out: Path, tracking: Tracking, faults: list[str]) -> Outcome:
    """Return what became of a study whose cells are done, as far as they could be."""
    finished = len(plan.cells) - len(plan.unfinished(out))
    return Outcome(tracking, finished, faults, next(iter(plan.data.prepared.stores.values()), None))


def run_cell(cell: Cell, spec: RunSpec, plan: Plan, folder: Path, tracking: Tracking | None) -> None:
    """Train and measure one cell; its folder appears whole or not at all."""
    failure_file(folder).unlink(missing_ok=True)
    if spec.label in plan.faults:
        raise StudyFailedError(plan.faults[spec.label])
    live = tracking.follow(spec) if tracking else None
    context = replace(
        plan.context(cell.entry, cell.seed),
        training=training_folder(folder),
        on_validation=live.add if live else None,
    )
    parts = replace(plan.data.parts, train=subset(plan.data.parts.train, spec.n_train, seed=spec.subset_seed))
    work = partial(train_and_score, cell.entry, spec, parts)
    if cell.entry.tagger.shares_work:
        hand_out(partial(work, replace(context, on_validation=None)))
    done = work(context)
    record = keep(done, spec, parts, plan.notes[spec.label], folder, device=context.device)
    say(f"{describe(spec)}: {describe_measures(record.metrics)}; {done.seconds:.0f} s")


def faults_of(what: str, work: Callable[..., None], *arguments: object) -> list[str]:
    """Do a piece of work; return nothing, or one line that says what was stopped and by what."""
    try:
        work(*arguments)
    except (InputError, StudyFailedError) as fault:
        line = f"{what}: {fault}"
        say(line)
        return [line]
    return []
