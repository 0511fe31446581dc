"""Tables of the page as values: cells with what is printed, what they sort by, and an interval drawn to scale."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from reports.estimates import Estimate
from reports.page.prose import minus
from reports.rows import Measure
from reports.table import NO_VALUE

ROOM = 4.0  # percent of a bar's width that is left free on both sides, for the dot


@dataclass(frozen=True)
class Bar:
    """An interval, its value, and 0 where the column has differences, in percent of the column's width."""

    low: float
    value: float
    high: float
    zero: float | None


@dataclass(frozen=True)
class Cell:
    """What a table has in one place.

    It is sorted by `value`, None where there is none. `interval` is printed as `between` and drawn as `bar`; `strong`
    marks the best of a column, `doubtful` a difference whose interval holds 0. `rows` is how many rows of its table the
    cell spans, 0 where one above it does.
    """

    text: str
    value: float | str | None = None
    interval: tuple[float, float] | None = None
    between: str = ""
    bar: Bar | None = None
    strong: bool = False
    doubtful: bool = False
    rows: int = 1


@dataclass(frozen=True)
class Column:
    """The head of a column; `hint` says more of it."""

    heading: str
    numeric: bool = True
    hint: str = ""


@dataclass(frozen=True)
class Group:
    """Rows of a table under a heading of their own, which may be empty."""

    heading: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns, of which the first names the row."""

    caption: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]


EMPTY = Cell(NO_VALUE)


def words(text: str) -> Cell:
    """Return a cell of text."""
    return Cell(text, text.casefold())


def count(number: int) -> Cell:
    """Return a cell with a number of things."""
    return Cell(f"{number:,}", number)


def share(value: float) -> Cell:
    """Return a cell with a fraction as a percentage."""
    return Cell(f"{100 * value:.1f} %", value)


def measured(estimate: Estimate | None, measure: Measure, *, strong: bool = False) -> Cell:
    """Return a cell with a measure's value and its interval; a dash where there is no value."""
    if estimate is None:
        return EMPTY
    cell = _cell(estimate, measure, "", "–")
    return replace(cell, strong=strong)


def difference(estimate: Estimate | None, measure: Measure) -> Cell:
    """Return a cell with a difference between two values of a measure; a dash where there is none."""
    if estimate is None:
        return EMPTY
    cell = _cell(estimate, measure, "+", " to ")
    return replace(cell, doubtful=estimate.interval is not None and not estimate.is_beyond_zero)


def _cell(estimate: Estimate, measure: Measure, sign: str, until: str) -> Cell:
    text = _printed(estimate.value, measure, sign)
    spread = "" if estimate.sd_apart is None else f"({_printed(estimate.sd_apart, measure)})"
    if estimate.interval is None:
        return Cell(text, estimate.value, between=spread)
    ends = estimate.interval.low, estimate.interval.high
    between = until.join(_printed(end, measure, sign) for end in ends)
    return Cell(text, estimate.value, ends, f"{between} {spread}".rstrip())


def _printed(value: float, measure: Measure, sign: str = "") -> str:
    return minus(f"{value * measure.scale:{sign}.{measure.decimals}f}")


def with_bars(
    rows: Iterable[Sequence[Cell]], *, values: Collection[int] = (), differences: Collection[int] = ()
) -> tuple[tuple[Cell, ...], ...]:
    """Return rows in which the intervals of these columns, by number, are drawn, those of a column on one scale.

    On the scale of `differences` lies 0.
    """
    columns = [
        _column_with_bars(column, with_zero=number in differences)
        if number in values or number in differences
        else column
        for number, column in enumerate(zip(*rows, strict=True))
    ]
    return tuple(zip(*columns, strict=True))


def _column_with_bars(cells: Sequence[Cell], *, with_zero: bool) -> list[Cell]:
    ends = [end for cell in cells if cell.interval for end in (*cell.interval, cell.value) if isinstance(end, float)]
    if not ends:
        return list(cells)
    low, high = min(ends + [0.0] * with_zero), max(ends + [0.0] * with_zero)

    def place(value: float) -> float:
        return round(ROOM + (100 - 2 * ROOM) * (value - low) / ((high - low) or 1.0), 1)

    def bar(cell: Cell) -> Bar | None:
        if cell.interval is None or not isinstance(cell.value, float):
            return None
        return Bar(
            place(cell.interval[0]), place(cell.value), place(cell.interval[1]), place(0.0) if with_zero else None
        )

    return [replace(cell, bar=bar(cell)) for cell in cells]
