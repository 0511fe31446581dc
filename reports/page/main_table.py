"""Rows as on the page: a group of them a training size, each value with its interval drawn, Δ across its pair."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice

from reports.estimates import Estimates, Line
from reports.page.cells import EMPTY, Cell, Column, Group, Table, difference, measured, with_bars, words
from reports.rows import MEASURES, Measure
from reports.table import track_count

VALUES = range(1, 1 + len(MEASURES))  # columns
GAINS = range(1 + len(MEASURES), 1 + 2 * len(MEASURES))
SPANNED = (Cell("", rows=0),) * len(MEASURES)
CAPTION = (
    "Each measure on the test tracks, and under it its 95\N{NO-BREAK SPACE}% interval. Δ in grey: its interval holds 0."
)


def main_table(lines: Sequence[Line], caption: str = CAPTION) -> Table:
    """Return lines as a table, in their order; a Δ spans its row and the one above, against which it is."""
    cells = [_line(line, gains) for line, gains in zip(lines, _all_gains(lines), strict=True)]
    drawn = iter(with_bars(cells, values=VALUES, differences=GAINS))
    groups = [
        Group(f"{track_count(size)} training tracks", tuple(islice(drawn, len(list(of_size)))))
        for size, of_size in groupby(lines, key=lambda line: line.row.n_train)
    ]
    columns = [Column("Model", numeric=False), *(Column(measure.heading, hint=better(measure)) for measure in MEASURES)]
    columns += [Column(f"Δ {measure.title}", hint="positive: the lower row is better") for measure in MEASURES]
    return Table(caption, tuple(columns), tuple(groups))


def _line(line: Line, gains: Sequence[Cell]) -> list[Cell]:
    values = [measured(line.values.get(one.field), one, strong=one.field in line.best) for one in MEASURES]
    return [words(f"{line.row.label}\N{NO-BREAK SPACE}{line.row.mark}".strip()), *values, *gains]


def _all_gains(lines: Sequence[Line]) -> Iterator[Sequence[Cell]]:
    """Yield the cells of Δ of each line: those of a pair stand in its upper row and span both."""
    above: Estimates | None = None
    for line, below in zip(lines, [*lines[1:], None], strict=True):
        if line.gains is None:
            yield [EMPTY] * len(MEASURES)
        elif line.gains and above is not None and not above:
            yield SPANNED
        elif not line.gains and below is not None and below.gains:
            yield [replace(cell, rows=2) for cell in _gains(below.gains)]
        else:
            yield _gains(line.gains)
        above = line.gains


def _gains(gains: Estimates) -> list[Cell]:
    return [difference(gains.get(measure.field), measure) for measure in MEASURES]


def better(measure: Measure) -> str:
    """Return which way a measure is better."""
    return "higher is better" if measure.higher_is_better else "lower is better"
