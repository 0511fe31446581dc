"""Writes rows as the paper's Table 1: a Markdown table that also reads as plain text, and a CSV at full precision."""

import csv
import io
import itertools
import re
from collections.abc import Collection, Iterable, Sequence

from bench.record import Measures, RunRecord
from reports.rows import (
    MEASURES,
    SPECTROGRAM,
    Measure,
    Row,
    against_exact_labels,
    best_rows,
    gains,
    in_paper_order,
    other_ways,
)

NO_VALUE = "–"

_SPECIAL = re.compile(r"[\\`*{}\[\]<>|~$&#]|(?<![^\W_])_|_(?![^\W_])")  # underscores inside a word mean nothing


def escape(text: str) -> str:
    """Return a label or a sentence as it is written in Markdown, in one line, with nothing in it read as markup."""
    return _SPECIAL.sub(lambda found: "\\" + found.group(), " ".join(text.split()))


def track_count(n_tracks: int) -> str:
    """Return a number of tracks as the paper writes it (1.2M, 500k) where that is exact to the track."""
    unit, letter = (1_000_000, "M") if n_tracks >= 1_000_000 else (1_000, "k")
    if n_tracks >= unit and n_tracks % (unit // 10) == 0:
        return f"{n_tracks / unit:g}{letter}"
    return f"{n_tracks:,}"


def markdown_table(rows: Iterable[Row]) -> str:
    """Return rows laid out as the paper's Table 1, in its order; Δ stands on the lower row of its pair.

    The best value of each measure is bold (all that tie at full precision); what stands in no pair has dashes for Δ.
    """
    ordered = in_paper_order(rows)
    best = {measure.field: best_rows(ordered, measure) for measure in MEASURES}
    delta = gains(ordered)
    header = ["Model", "Training tracks", *(measure.heading for measure in MEASURES)]
    header += [f"Δ {measure.title}" for measure in MEASURES]
    body = []
    for row in ordered:
        values = [_value(row, measure, bold=row.key in best[measure.field]) for measure in MEASURES]
        deltas = [_delta(row, delta.get(row.key), measure) for measure in MEASURES]
        body.append([f"{escape(row.label)} {row.mark}".strip(), track_count(row.n_train), *values, *deltas])
    return aligned(header, body)


def side_by_side(rows: Iterable[Row]) -> str:
    """Return a table of the rows that have other ways to predict: each measure as in Table 1, then by those ways."""
    compared = [row for row in in_paper_order(rows) if row.otherwise]
    ways = other_ways(compared)
    headings = [[measure.heading, *(way.replace("_", " ") for way in ways)] for measure in MEASURES]
    body = [
        [
            escape(row.label),
            track_count(row.n_train),
            *(
                printed(given, measure)
                for measure in MEASURES
                for given in [row.metrics, *map(row.otherwise.get, ways)]
            ),
        ]
        for row in compared
    ]
    return aligned(["Model", "Training tracks", *itertools.chain.from_iterable(headings)], body)


def _value(row: Row, measure: Measure, *, bold: bool) -> str:
    text = printed(row.metrics, measure)
    return f"**{text}**" if bold and text != NO_VALUE else text


def printed(measures: Measures | None, measure: Measure) -> str:
    """Return the value of a measure as every table has it, a dash where there is none."""
    value = None if measures is None else measure.of(measures)
    return NO_VALUE if value is None else f"{value * measure.scale:.{measure.decimals}f}"


def _delta(row: Row, delta: Measures | None, measure: Measure) -> str:
    if not row.pair:
        return NO_VALUE
    if delta is None or row.family != SPECTROGRAM:
        return ""
    value = measure.of(delta)
    return NO_VALUE if value is None else f"{value * measure.scale:+.{measure.decimals}f}"


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


def table_csv(rows: Iterable[Row]) -> str:
    """Return `table1.csv`: fractions at full precision, Δ on both rows of a pair, empty where there is no value.

    Where rows were also scored against exact labels, or predicted by other ways, those scores follow in columns of
    their own.
    """
    ordered = in_paper_order(rows)
    delta = gains(ordered)
    exact = {row.key: row.metrics for row in against_exact_labels(ordered)}
    ways = other_ways(ordered)
    lines: list[dict[str, object]] = []
    for row in ordered:
        line: dict[str, object] = {"model": row.label, "n_train": row.n_train, "n_seeds": len(row.per_seed)}
        line |= _named("", row.metrics) | _named("delta_", delta.get(row.key))
        line |= {
            "n_parameters": row.n_parameters,
            "n_classification_tags": row.n_classification_tags,
            "n_regression_tags": row.n_regression_tags,
        }
        if exact:
            line |= _named("truth_", exact.get(row.key))
        for way in ways:
            line |= _named(f"{way}_", row.otherwise.get(way))
        lines.append(line)
    return _csv(lines)


def _named(prefix: str, measures: Measures | None) -> dict[str, object]:
    return {prefix + measure.field: None if measures is None else measure.of(measures) for measure in MEASURES}


def timings_csv(records: Iterable[RunRecord]) -> str:
    """Return `timings.csv`, one line a cell: all that depends on the machine and the hour, in seconds."""
    return _csv(
        [
            {
                "model": record.label,
                "n_train": record.n_train,
                "seed": record.seed,
                "train_seconds": record.train_seconds,
                "predict_seconds_per_track": record.predict_seconds / record.n_test,
                "device": record.device,
            }
            for record in records
        ]
    )


def _csv(lines: Sequence[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
