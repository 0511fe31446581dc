"""Writes a study's rows as the paper's Table 1, in Markdown that also reads as plain text."""

import re
from collections.abc import Collection, Iterable, Sequence

from bench.one_line import in_one_line
from reports.estimates import Difference, Estimate, Estimates, Line
from reports.rows import MEASURES, Measure

NO_VALUE = "–"

_SPECIAL = re.compile(r"[\\`*{}\[\]<>|~$&#]|(?<![^\W_])_|_(?![^\W_])")  # underscores inside a word mean nothing


def escape(text: str) -> str:
    """Return a label or a sentence as it is written in Markdown, in one line, with nothing in it read as markup."""
    return _SPECIAL.sub(lambda found: "\\" + found.group(), in_one_line(text))


def track_count(n_tracks: int) -> str:
    """Return a number of tracks as the paper writes it (1.2M, 500k) where that is exact to the track."""
    unit, letter = (1_000_000, "M") if n_tracks >= 1_000_000 else (1_000, "k")
    if n_tracks >= unit and n_tracks % (unit // 10) == 0:
        return f"{n_tracks / unit:g}{letter}"
    return f"{n_tracks:,}"


def markdown_table(lines: Iterable[Line], measures: Sequence[Measure] = MEASURES) -> str:
    """Return lines laid out as the paper's Table 1; Δ stands on the lower row of its pair, dashes where there is none.

    The best value of each measure is bold, and so is what cannot be told from it.
    """
    header = ["Model", "Training tracks", *headings(measures)]
    body = [[model_name(line), track_count(line.row.n_train), *printed_line(line, measures)] for line in lines]
    return aligned(header, body)


def headings(measures: Sequence[Measure]) -> list[str]:
    """Return the headings of the measures, then of Δ in each."""
    return [*(measure.heading for measure in measures), *(f"Δ {measure.title}" for measure in measures)]


def printed_line(line: Line, measures: Sequence[Measure]) -> list[str]:
    """Return what stands under the `headings`."""
    values = [
        printed_estimate(line.values.get(measure.field), measure, bold=measure.field in line.best)
        for measure in measures
    ]
    return values + [_gain(line.gains, measure) for measure in measures]


def model_name(line: Line) -> str:
    """Return a row's label with its mark."""
    return f"{escape(line.row.label)} {line.row.mark}".strip()


def _gain(gains: Estimates | None, measure: Measure) -> str:
    if gains is not None and not gains:
        return ""
    return printed_estimate((gains or {}).get(measure.field), measure, sign="+")


def differences_table(found: Iterable[Difference]) -> str:
    """Return a table of differences; those whose interval lies on one side of zero are bold."""
    header = ["Difference", "Training tracks", *(measure.title for measure in MEASURES)]
    return aligned(header, [_printed_difference(one) for one in found])


def _printed_difference(one: Difference) -> list[str]:
    what, size = f"{escape(one.model)} − {escape(one.against)}", track_count(one.n_train)
    if one.minus_at is not None:
        what = f"Δ, {what}"
    for other in (one.minus_at, one.against_at):
        size += "" if other is None else f" − {track_count(other)}"
    gained = [(one.gains.get(measure.field), measure) for measure in MEASURES]
    bold = [estimate is not None and estimate.is_beyond_zero for estimate, _ in gained]
    return [
        what,
        size,
        *(printed_estimate(*each, sign="+", bold=sure) for each, sure in zip(gained, bold, strict=True)),
    ]


def printed_estimate(estimate: Estimate | None, measure: Measure, *, sign: str = "", bold: bool = False) -> str:
    """Return a value, half the width of its interval, and in brackets the deviation between seeds that is not in it."""
    if estimate is None:
        return NO_VALUE
    value, half_width, seed_sd = numbers(estimate, measure, sign)
    return (f"**{value}**" if bold else value) + (half_width and f" ± {half_width}") + (seed_sd and f" ({seed_sd})")


def numbers(estimate: Estimate, measure: Measure, sign: str = "") -> tuple[str, str, str]:
    """Return the three as every table has them, empty where there is none; `sign` "+" is for differences."""

    def number(value: float | None, sign: str = "") -> str:
        return "" if value is None else f"{value * measure.scale:{sign}.{measure.decimals}f}"

    return number(estimate.value, sign), number(estimate.half_width), number(estimate.sd_apart)


def aligned(header: Sequence[str], body: Sequence[Sequence[str]], *, text: Collection[int] = (0,)) -> str:
    """Return a Markdown table whose columns line up; those of `text`, by number, are set left, all others right."""
    widths = [max(2, *(len(line[column]) for line in (header, *body))) for column in range(len(header))]
    rule = [
        ":" + "-" * (width - 1) if column in text else "-" * (width - 1) + ":" for column, width in enumerate(widths)
    ]
    lines = []
    for line in (header, rule, *body):
        cells = [
            cell.ljust(width) if column in text else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
