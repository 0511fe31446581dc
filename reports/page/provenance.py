"""What a page's numbers stand on: what was refused, versions and digests, the cells and the study file."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bench.bootstrap import RESAMPLES
from bench.errors import InputError
from bench.output import REJECTED_FILE
from bench.record import RunRecord
from reports.page.cells import EMPTY, Cell, Column, Group, Table, count, words
from reports.resampled import ResampledStudy
from reports.table import track_count

MOST_REJECTED = 200  # lines of the page


def rejected_tracks(out: Path) -> list[tuple[str, str]]:
    """Return the path of each refused track and the reason; raises `InputError` where the file cannot be read."""
    file = out / REJECTED_FILE
    if not file.exists():
        return []
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return [(line["path"], line["reason"]) for line in csv.DictReader(lines)]
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read; run the study again to rewrite it") from error


def rejected_table(rejected: Iterable[tuple[str, str]]) -> Table:
    """Return refused tracks with the reason."""
    rows = tuple((words(path), words(reason)) for path, reason in rejected)
    return Table("Refused tracks", (Column("File", numeric=False), Column("Reason", numeric=False)), (Group("", rows),))


def facts(study: ResampledStudy) -> dict[str, str]:
    """Return the facts that all of the study's cells share, or all their values, by name."""
    records = [one.record for one in study.study.finished]
    versions: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for package, version in record.versions.items():
            versions[package].add(version)
    first = records[0]
    return {
        "Corpus": f"{first.corpus} {first.corpus_version}".strip(),
        "Test tracks": f"{len(study.test):,} of {study.resamples.counts.shape[0]:,} groups, digest {first.test_digest}",
        "Validation tracks": f"{first.n_valid:,}, digest {first.valid_digest}",
        "Intervals": f"95 %, from {RESAMPLES:,} resamples of the test part's groups",
        "Versions": ", ".join(f"{package} {' or '.join(sorted(found))}" for package, found in versions.items()),
        "Device": ", ".join(sorted({record.device for record in records})),
        "Threads": ", ".join(map(str, sorted({record.threads for record in records}))),
    }


def cells_table(records: Iterable[RunRecord]) -> Table:
    """Return the study's finished cells: one training each, with what it was given."""
    columns = (
        Column("Model", numeric=False),
        Column("Training tracks"),
        Column("Seed"),
        Column("Seed of the subset"),
        Column("Parameters"),
        Column("Digest of the training tracks", numeric=False),
        Column("Folder in cells", numeric=False),
    )
    return Table("The study's cells", columns, (Group("", tuple(map(_cell_line, records))),))


def _cell_line(record: RunRecord) -> tuple[Cell, ...]:
    return (
        words(record.label),
        Cell(track_count(record.n_train), record.n_train),
        count(record.seed),
        count(record.subset_seed),
        EMPTY if record.n_parameters is None else count(record.n_parameters),
        words(record.train_digest),
        words(record.digest),
    )
