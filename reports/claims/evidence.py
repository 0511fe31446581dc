"""What the paper's sentences are judged by: its three models at every size, measured on resamples or as printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.bootstrap import Draws
from bench.record import Measures
from reports.published import PublishedTable
from reports.resampled import ResampledRow, ResampledStudy
from reports.rows import BASELINE, MEASURES, SPECTROGRAM, WAVEFORM, Measure
from reports.study_folder import Cell
from reports.table import track_count

TABLE_CANNOT_TELL = "the table alone cannot tell"
ONE_GROUP = "all test tracks are of one group, so nothing says what others would give"

LEAST_GROUPS = 10  # at ten, a normal 5 % is one of 10 % by Student's t, and below it grows fast


class LackingError(Exception):
    """A sentence cannot be judged; the message says what it would take, as one plain reason."""


Values = Mapping[str, Draws]  # by the field of the measure; a measure without scored tags is not there


@dataclass(frozen=True, eq=False)
class Model:
    """One model: all its training `sizes`, smallest first, and its values at those whose cells are finished."""

    label: str
    sizes: tuple[int, ...]
    values: Mapping[int, Values]

    def at(self, n_train: int) -> Values:
        """Return the values at a size; raises `LackingError` where a cell of it is missing."""
        if n_train not in self.values:
            raise LackingError(f"the study is unfinished: {at_size(self.label, n_train)} is missing")
        return self.values[n_train]

    @property
    def smallest(self) -> int:
        """The smallest training size."""
        return self.sizes[0]

    @property
    def largest(self) -> int:
        """The largest training size."""
        return self.sizes[-1]


@dataclass(frozen=True, eq=False)
class Evidence:
    """The models by family; `study` is None where there is nothing but a printed table."""

    models: Mapping[str, Model]
    study: ResampledStudy | None = None

    def model(self, family: str) -> Model:
        """Return the model of a family that the sentences are about; raises `LackingError` where there is none."""
        if family not in self.models:
            raise LackingError(f"the study has no {family} entry")
        return self.models[family]

    @property
    def is_of_one_group(self) -> bool:
        """Tell whether all test tracks of a study are of one group, which cannot be resampled."""
        return self.study is not None and self.study.n_groups == 1

    @property
    def too_few_groups(self) -> str:
        """Why nothing is judged by so few groups of test tracks; empty where there are enough."""
        if self.is_of_one_group:
            return ONE_GROUP
        if self.study is None or self.study.n_groups >= LEAST_GROUPS:
            return ""
        few = f"the test tracks are of {self.study.n_groups} groups"
        return f"{few}, and below {LEAST_GROUPS} the chance of a wrong verdict is not kept"

    @property
    def records(self) -> ResampledStudy:
        """The study behind the values; raises `LackingError` where there is nothing but a printed table."""
        if self.study is None:
            raise LackingError(TABLE_CANNOT_TELL)
        return self.study


def at_size(label: str, n_train: int) -> str:
    """Return a model and its number of training tracks as text tells of them."""
    return f"{label} at {track_count(n_train)}"


def better(new: Values, old: Values, measure: Measure) -> Draws:
    """Return by how much `new` is better than `old`, in the unit that the measure is printed in."""
    after, before = new[measure.field], old[measure.field]
    return (after - before if measure.higher_is_better else before - after) * measure.scale


def as_error(value: Draws, measure: Measure) -> Draws:
    """Return a measure as an error, of which less is better: 1 - an area, or √MSE itself."""
    return Draws(1 - value.value, 1 - value.resamples) if measure.higher_is_better else value


def error_title(measure: Measure) -> str:
    """Return what `as_error` gives as text tells of it."""
    return f"1 - {measure.title}" if measure.higher_is_better else measure.title


def shared_measures(*values: Values) -> list[Measure]:
    """Return the measures that all of these have; raises `LackingError` where that is none."""
    shared = [measure for measure in MEASURES if all(measure.field in each for each in values)]
    if not shared:
        raise LackingError("no tag is scored")
    return shared


def measured(study: ResampledStudy) -> Evidence:
    """Return the study's models that the sentences are about.

    Of several entries of a family the first is taken; of several waveform and spectrogram entries, the first that form
    a pair.
    """
    cells = [*(one.cell for one in study.study.finished), *study.study.missing]
    labels = _judged_labels(cells)
    return Evidence({family: _measured_model(study, cells, label) for family, label in labels.items()}, study)


def _judged_labels(cells: Sequence[Cell]) -> dict[str, str]:
    """Return the label of each family that the sentences are about."""
    chosen: dict[str, str] = {}
    for cell in cells:
        if cell.family in (BASELINE, WAVEFORM, SPECTROGRAM):
            chosen.setdefault(cell.family, cell.label)
    of_pair = {(cell.pair, cell.family): cell.label for cell in reversed(cells) if cell.pair}
    for pair in dict.fromkeys(cell.pair for cell in cells):
        if (pair, WAVEFORM) in of_pair and (pair, SPECTROGRAM) in of_pair:
            return chosen | {family: of_pair[pair, family] for family in (WAVEFORM, SPECTROGRAM)}
    return chosen


def _measured_model(study: ResampledStudy, cells: Iterable[Cell], label: str) -> Model:
    sizes = sorted({cell.n_train for cell in cells if cell.label == label})
    missing = {cell.n_train for cell in study.study.missing if cell.label == label}
    values = {size: values_of(study.rows[label, size]) for size in sizes if size not in missing}
    return Model(label, tuple(sizes), values)


def values_of(row: ResampledRow) -> Values:
    """Return a row's macro means on all resamples."""
    drawn = {measure.field: row.macro(measure.field) for measure in MEASURES}
    return {field: draws for field, draws in drawn.items() if draws is not None}


def printed(table: PublishedTable) -> Evidence:
    """Return the models of a published table: values without any resamples."""
    models = {}
    for family in dict.fromkeys(row.family for row in table.rows):
        rows = sorted((row for row in table.rows if row.family == family), key=lambda row: row.n_train)
        values = {row.n_train: _printed_values(row.row().metrics) for row in rows}
        models[family] = Model(rows[0].label, tuple(values), values)
    return Evidence(models)


def _printed_values(metrics: Measures) -> Values:
    known = {measure.field: measure.of(metrics) for measure in MEASURES}
    return {field: Draws(value, np.empty(0)) for field, value in known.items() if value is not None}
