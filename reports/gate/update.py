"""Measures how far the seeds of a study spread, and writes what is to be expected of it."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from bench.errors import InputError, StudyFailedError
from bench.locks import locked_output
from bench.output import STUDY_FILE, refuse_links_out
from bench.run import Machine, run_study
from bench.study import Study, read_study
from reports.gate.checks import told
from reports.gate.expectation import (
    Expectation,
    Number,
    Tracks,
    frozen_file,
    write_expectation,
    write_predictions,
)
from reports.gate.found import FoundStudy, check_records, identity_of, read_found
from reports.gate.freezing import Source, freeze, frozen_cells
from reports.gate.margins import margin_of
from reports.report import write_report
from reports.rows import MEASURES, Measure, RowKey

SEEDS_FOLDER = "gate-seeds"


def update(folder: Path, file: Path, *, n_seeds: int, root: Path | None, machine: Machine) -> None:
    """Run the study in a folder with the seeds from 0 on, beside itself, and write what is expected of it to a file.

    What is finished of these runs is not done again. Raises `InputError` where there is no study, or the folder of the
    file is missing, and `StudyFailedError` where a cell failed.
    """
    if not file.parent.is_dir():
        raise InputError(f"--expected {file}: there is no folder {file.parent}")
    if not (folder / STUDY_FILE).is_file():
        raise InputError(f"{folder} holds no study: it has no {STUDY_FILE}; name the output folder of a study")
    refuse_links_out(folder)
    study = read_study(str(folder / STUDY_FILE))
    with locked_output(folder / SEEDS_FOLDER):
        run_seeds(study, folder / SEEDS_FOLDER, n_seeds, root, machine)
        found = read_found(folder / SEEDS_FOLDER)
        if (records := check_records(found)).verdict != "passed":
            raise StudyFailedError(told(records))
        expectation = expectation_of(found, study.name)
        freeze(found, expectation, Source(study, root, machine), frozen_file(file))
        write_predictions(found.test, found.scores, file)
        write_expectation(expectation, file)


def run_seeds(study: Study, out: Path, n_seeds: int, root: Path | None, machine: Machine) -> None:
    """Run a study with so many seeds, under a name of its own, and write its report."""
    seeded = study.model_copy(update={"seeds": list(range(n_seeds)), "name": f"{study.name}-seeds"})
    outcome = run_study(seeded, out=out, root=root, machine=machine)
    if outcome.finished:
        write_report(out)
    outcome.tracking.log_report(failed=bool(outcome.faults))
    if outcome.faults:
        raise StudyFailedError(f"{len(outcome.faults)} things failed; the first: {outcome.faults[0]}")


def expectation_of(found: FoundStudy, name: str) -> Expectation:
    """Return what is to be expected of another run of a study, from one with several seeds."""
    record, finished = found.record, found.study.finished
    return Expectation(
        study=name,
        corpus=f"{record.corpus} {record.corpus_version}",
        seeds=sorted({one.cell.seed for one in finished}),
        tracks=Tracks(
            test=record.test_digest,
            valid=record.valid_digest,
            train={one.cell.n_train: one.record.train_digest for one in finished},
        ),
        tags={tag.name: tag.kind for tag in found.test.tags},
        models={one.cell.label: identity_of(one.record) for one in finished},
        frozen=dict(frozen_cells(found)),
        numbers=_numbers(found),
    )


def _numbers(found: FoundStudy) -> list[Number]:
    by_number = {
        (row.key, measure): [value for value in map(measure.of, row.per_seed) if value is not None]
        for row in found.study.rows
        for measure in MEASURES
    }
    measured = {number: values for number, values in by_number.items() if values}
    return [_number(key, measure, measured) for key, measure in measured]


def _number(key: RowKey, measure: Measure, measured: Mapping[tuple[RowKey, Measure], list[float]]) -> Number:
    """Return what is expected of a measure of a row, by its values for each seed and those at the other sizes."""
    by_size = [values for ((label, _), other), values in measured.items() if (label, other) == (key[0], measure)]
    margin = margin_of(by_size, measure, n_numbers=len(measured))
    return Number(
        label=key[0],
        n_train=key[1],
        measure=measure.field,
        mean=fmean(measured[key, measure]),
        sd=margin.deviation,
        margin=margin.margin,
        reason=margin.reason,
    )
