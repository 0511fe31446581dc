"""Reads what a study left in its output folder: its cells, in its order, and the records of those that are finished."""

import csv
import tomllib
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.added import ADDED_FOLDER, AddedRecord, read_added
from bench.digest import Digest
from bench.errors import InputError
from bench.output import CELLS_FILE, CELLS_FOLDER, GAINS_FILE, STUDY_FILE, check_whole, is_finished, refuse_links_out
from bench.record import DataRecord, RunRecord
from bench.study import SplitSettings
from bench.text_files import parse_toml
from reports.rows import ADDED_FAMILY, Row, RowKey

HIT_CAP_MARK = "†"
ADDED_MARK = "§"
GAIN_COLUMNS: dict[Hashable, type] = {"tag": str, "group": str, "n_inputs": int, "gain": float}


class StudyFile(BaseModel):
    """What the report tells of `study.toml`."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    note: str = ""
    split: SplitSettings = SplitSettings()


class Cell(BaseModel):
    """One line of `cells.csv`: an entry of the study at one size and seed, and the name of its folder."""

    model_config = ConfigDict(frozen=True)

    label: str
    family: str
    pair: str
    n_train: int
    seed: int
    digest: Digest


@dataclass(frozen=True)
class FinishedCell:
    """A cell that has a record; `gains` as in `FitSummary`, empty where its family tells none."""

    cell: Cell
    record: RunRecord
    gains: pd.DataFrame


@dataclass(frozen=True)
class StudyFolder:
    """What a study said, and its cells in its order: `finished` with their records, and those still `missing`.

    `data` is what was found in its data, None where that was not kept. Other people's models are `added`; `outdated`
    are those of them that were scored on other test tracks than the study now has, and are left out.
    """

    said: StudyFile
    finished: tuple[FinishedCell, ...]
    missing: tuple[Cell, ...]
    data: DataRecord | None = None
    added: tuple[AddedRecord, ...] = ()
    outdated: tuple[AddedRecord, ...] = ()

    @cached_property
    def rows(self) -> list[Row]:
        """One row for each label and size, in the study's order, then those of the added models."""
        by_row: dict[RowKey, list[FinishedCell]] = defaultdict(list)
        for one in self.finished:
            by_row[one.cell.label, one.cell.n_train].append(one)
        return [*map(_row, by_row.values()), *map(_added_row, self._added_by_row.values())]

    @cached_property
    def _added_by_row(self) -> dict[RowKey, list[AddedRecord]]:
        by_row: dict[RowKey, list[AddedRecord]] = defaultdict(list)
        for one in self.added:
            by_row[one.label, one.n_train].append(one)
        return by_row

    @property
    def largest_size(self) -> int:
        """The most training tracks that one of the study's own models has."""
        return max(one.cell.n_train for one in self.finished)

    def folders(self, key: RowKey) -> list[Path]:
        """Return where the predictions of a row lie within the output folder, in the order of its seeds."""
        cells = [one.cell for one in self.finished if (one.cell.label, one.cell.n_train) == key]
        added = [Path(ADDED_FOLDER) / one.digest for one in self._added_by_row.get(key, ())]
        return [Path(CELLS_FOLDER) / cell.digest for cell in cells] + added


def read_study_folder(out: Path) -> StudyFolder:
    """Read what the study says, its cells and the records of the finished cells under `out`.

    Raises `InputError` when there is no study, no finished cell, a file that cannot be read, a link that leads out,
    when cells that the table would set side by side were not trained or tested on the same tracks, or when an added
    model has an entry's label.
    """
    refuse_links_out(out)
    said, cells = _read_study_file(out), _read_cells(out)
    finished, missing = [], []
    for cell in cells:
        folder = out / CELLS_FOLDER / cell.digest
        if is_finished(folder):
            check_whole(folder, "run the study again, which makes the cell anew")
            finished.append(FinishedCell(cell, RunRecord.load(folder), _read_gains(folder)))
        else:
            missing.append(cell)
    if not finished:
        raise InputError(f"none of the {len(cells)} cells of the study in {out} is finished; run the study first")
    _refuse_unmatched(finished)
    everybody, test = read_added(out), finished[0].record.test_digest
    added = tuple(one for one in everybody if one.test_digest == test)
    outdated = tuple(one for one in everybody if one.test_digest != test)
    for one in added:
        refuse_taken(one.label, cells, out)
    return StudyFolder(said, tuple(finished), tuple(missing), DataRecord.load(out), added, outdated)


def refuse_taken(label: str, cells: Iterable[Cell], out: Path) -> None:
    """Refuse, with `InputError`, an added model that has the label of an entry."""
    if label in {cell.label for cell in cells}:
        raise InputError(f"{label!r} is an entry of the study in {out}; give the added model another name")


def _read_study_file(out: Path) -> StudyFile:
    file = _study_file(out, STUDY_FILE)
    try:
        return StudyFile.model_validate(parse_toml(file.read_text(encoding="utf-8")))
    except (ValidationError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(file, error) from error


def _read_cells(out: Path) -> list[Cell]:
    file = _study_file(out, CELLS_FILE)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return [Cell.model_validate(line) for line in csv.DictReader(lines)]
    except (ValidationError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(file, error) from error


def _read_gains(folder: Path) -> pd.DataFrame:
    file = folder / GAINS_FILE
    if not file.is_file():
        return pd.DataFrame()
    try:
        return pd.read_csv(file, usecols=list(GAIN_COLUMNS), dtype=GAIN_COLUMNS, keep_default_na=False)
    except ValueError as error:  # a column is missing, is no number, or the text is broken
        raise InputError(f"{file} is damaged; delete the folder {folder} and run the study again") from error


def _study_file(out: Path, name: str) -> Path:
    if not (out / name).is_file():
        raise InputError(f"{out} holds no study: it has no {name}; name the output folder of a study")
    return out / name


def _unreadable(file: Path, error: Exception) -> InputError:
    return InputError(f"{file} cannot be read ({_first_fault(error)}); run the study again to rewrite it")


def _first_fault(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors(include_url=False)[0]
    return " ".join([*map(str, fault["loc"]), fault["msg"]])


def _refuse_unmatched(finished: Iterable[FinishedCell]) -> None:
    """Refuse cells of different test tracks, and cells of one size with different training or validation tracks."""
    test: dict[str, set[str]] = defaultdict(set)
    fitting: dict[tuple[int, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in finished:
        test[one.record.test_digest].add(one.cell.label)
        fitting[one.cell.n_train, "training"][one.record.train_digest].add(one.cell.label)
        fitting[one.cell.n_train, "validation"][one.record.valid_digest].add(one.cell.label)
    _refuse_several(test, "the test tracks of the study")
    for (n_train, part), digests in fitting.items():
        _refuse_several(digests, f"the {part} tracks at size {n_train}")


def _refuse_several(labels_by_digest: dict[str, set[str]], what: str) -> None:
    if len(labels_by_digest) > 1:
        named = "; ".join(f"{', '.join(sorted(labels))}: {digest}" for digest, labels in labels_by_digest.items())
        raise InputError(f"{what} differ between models, so their rows cannot be compared ({named}); run them alike")


def _added_row(records: list[AddedRecord]) -> Row:
    """Merge the seeds of one added label and size."""
    exact = [one.truth_metrics for one in records]
    return Row(
        label=records[0].label,
        family=ADDED_FAMILY,
        pair="",
        n_train=records[0].n_train,
        per_seed=tuple(one.metrics for one in records),
        seeds=tuple(one.seed for one in records),
        exact_per_seed=tuple(measures for measures in exact if measures is not None),
        mark=ADDED_MARK,
        n_parameters=_mean_size(one.n_parameters for one in records),
        n_classification_tags=records[0].n_classification_tags,
        n_regression_tags=records[0].n_regression_tags,
    )


def _mean_size(sizes: Iterable[int | None]) -> int | None:
    """Return the mean number of parameters of those that have one."""
    known = [size for size in sizes if size is not None]
    return round(sum(known) / len(known)) if known else None


def _row(cells: list[FinishedCell]) -> Row:
    """Merge the seeds of one label and size."""
    cell, record = cells[0].cell, cells[0].record
    exact = [one.record.truth_metrics for one in cells]
    ways = dict.fromkeys(way for one in cells for way in one.record.otherwise)
    return Row(
        label=cell.label,
        seeds=tuple(one.cell.seed for one in cells),
        family=cell.family,
        pair=cell.pair,
        n_train=cell.n_train,
        per_seed=tuple(one.record.metrics for one in cells),
        exact_per_seed=tuple(measures for measures in exact if measures is not None),
        otherwise_per_seed={
            way: tuple(one.record.otherwise[way].metrics for one in cells)
            for way in ways
            if all(way in one.record.otherwise for one in cells)
        },
        mark=HIT_CAP_MARK if any(one.record.hit_cap for one in cells) else "",
        n_parameters=_mean_size(one.record.n_parameters for one in cells),
        n_classification_tags=record.n_classification_tags,
        n_regression_tags=record.n_regression_tags,
    )
