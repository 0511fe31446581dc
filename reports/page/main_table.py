"""Table 1 of the page: a group of rows a training size, each value with its interval drawn, Δ across its pair."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice

from reports.page.cells import EMPTY, Cell, Column, Group, Table, difference, measured, with_bars, words
from reports.resampled import ResampledStudy
from reports.rows import MEASURES, Measure, Row, RowKey, best_rows, in_paper_order, pairs
from reports.table import track_count

VALUES = range(1, 1 + len(MEASURES))  # columns
DIFFERENCES = range(1 + len(MEASURES), 1 + 2 * len(MEASURES))
SPANNED = Cell("", rows=0)


def main_table(study: ResampledStudy) -> Table:
    """Return Table 1; Δ stands in the upper row of its pair and spans both."""
    rows = in_paper_order(one.row for one in study.rows.values())
    best = {measure.field: best_rows(rows, measure) for measure in MEASURES}
    delta = _differences(study, rows)
    lines = [_line(study, row, best, delta) for row in rows]
    drawn = iter(with_bars(lines, values=VALUES, differences=DIFFERENCES))
    groups = [
        Group(f"{track_count(size)} training tracks", tuple(islice(drawn, len(list(of_size)))))
        for size, of_size in groupby(rows, key=lambda row: row.n_train)
    ]
    columns = [Column("Model", numeric=False), *(Column(measure.heading, hint=_better(measure)) for measure in MEASURES)]
    columns += [Column(f"Δ {measure.title}", hint="positive: spectrogram is better") for measure in MEASURES]
    return Table("Each measure on the test tracks with its 95\N{NO-BREAK SPACE}% interval. Δ in grey: its interval holds 0.", tuple(columns), tuple(groups))


def _line(
    study: ResampledStudy, row: Row, best: Mapping[str, set[RowKey]], delta: Mapping[RowKey, tuple[Cell, ...]]
) -> list[Cell]:
    values = [
        measured(study.rows[row.key].macro(measure.field), measure, strong=row.key in best[measure.field])
        for measure in MEASURES
    ]
    return [words(f"{row.label}\N{NO-BREAK SPACE}{row.mark}".strip()), *values, *delta.get(row.key, [EMPTY] * len(MEASURES))]


def _differences(study: ResampledStudy, rows: Sequence[Row]) -> dict[RowKey, tuple[Cell, ...]]:
    """Return the cells of Δ of each pair's rows: they stand in the first and are spanned in the second."""
    found: dict[RowKey, tuple[Cell, ...]] = {}
    for old, new in pairs(rows):
        cells = tuple(gain_cell(study, old, new, measure) for measure in MEASURES)
        found[old.key] = tuple(replace(cell, rows=2) for cell in cells)
        found[new.key] = (SPANNED,) * len(MEASURES)
    return found


def gain_cell(study: ResampledStudy, old: Row, new: Row, measure: Measure) -> Cell:
    """Return by how much the new row is better than the old."""
    before, after = (study.rows[row.key].macro(measure.field) for row in (old, new))
    if before is None or after is None:
        return EMPTY
    return difference(after - before if measure.higher_is_better else before - after, measure)


def _better(measure: Measure) -> str:
    return "higher is better" if measure.higher_is_better else "lower is better"
