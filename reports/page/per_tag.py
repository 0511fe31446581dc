"""The tables of single tags: one a training size and measure, to be sorted and filtered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.bootstrap import Draws
from bench.corpus import Corpus
from reports.estimates import Estimate
from reports.page.cells import Cell, Column, Group, Table, count, difference, measured, share, with_bars, words
from reports.resampled import ResampledStudy, TagMeasures
from reports.rows import MEASURES, Measure, MeasureField, Row, in_paper_order, pairs
from reports.table import track_count

IN_TAGS = tuple(
    replace(measure, decimals=measure.decimals - 1) for measure in MEASURES
)  # of so few tracks, less is told
KINDS: dict[MeasureField, Literal["classification", "regression"]] = {
    "roc_auc": "classification",
    "pr_auc": "classification",
    "rmse": "regression",
}


@dataclass(frozen=True)
class TagTable:
    """The tags of one kind: every model of one size, by one measure."""

    n_train: int
    measure: Measure
    size: str
    table: Table


def tag_tables(study: ResampledStudy) -> list[TagTable]:
    """Return the tables, first those of the study's largest size; none for a measure of which the corpus has no tag."""
    rows = in_paper_order(one.row for one in study.rows.values())
    sizes = sorted({row.n_train for row in rows}, key=lambda size: (size != study.study.largest_size, -size))
    return [
        _tag_table(study, [row for row in rows if row.n_train == size], measure)
        for size in sizes
        for measure in IN_TAGS
        if any(tag.kind == KINDS[measure.field] for tag in study.test.tags)
    ]


def _tag_table(study: ResampledStudy, rows: Sequence[Row], measure: Measure) -> TagTable:
    compared = pairs(rows)
    columns = [*_columns(measure), *(Column(row.label, hint=f"{measure.heading} of {row.label}") for row in rows)]
    first = len(columns)
    columns += [
        Column(_pair_name(new, len(compared)), hint=f"{new.label} against {old.label}") for old, new in compared
    ]
    values = [study.rows[row.key] for row in rows]
    gains = [study.rows[new.key].better_than(study.rows[old.key]) for old, new in compared]
    lines = [
        [
            *_of_tag(study.test, number),
            *(measured(of_tag(study, one, number, measure), measure) for one in values),
            *(difference(of_tag(study, one, number, measure), measure) for one in gains),
        ]
        for number in study.test.tag_rows(KINDS[measure.field])
    ]
    size = track_count(rows[0].n_train)
    caption = f"{measure.heading} of each {KINDS[measure.field]} tag, models trained on {size} tracks"
    drawn = with_bars(lines, differences=range(first, len(columns)))
    return TagTable(rows[0].n_train, measure, size, Table(caption, tuple(columns), (Group("", drawn),)))


def _columns(measure: Measure) -> list[Column]:
    named = [Column("Tag", numeric=False), Column("Category", numeric=False)]
    if KINDS[measure.field] == "regression":
        return [*named, Column("Mean target")]
    return [*named, Column("Prevalence"), Column("Positives")]


def _pair_name(new: Row, pairs_of_size: int) -> str:
    return "Δ" if pairs_of_size == 1 else f"Δ {new.pair}"


def _of_tag(test: Corpus, number: int) -> list[Cell]:
    tag, targets = test.tags[number], test.targets[:, number]
    named = [words(tag.name), words(tag.category)]
    mean = float(np.mean(targets, dtype=np.float64))
    if tag.kind == "regression":
        return [*named, Cell(f"{mean:.3f}", mean)]
    return [*named, share(mean), count(int((targets > 0).sum()))]


def of_tag(study: ResampledStudy, measures: TagMeasures, number: int, measure: Measure) -> Estimate | None:
    """Return a measure of one tag, None where it is not scored."""
    draws = Draws.of(getattr(measures.per_tag, measure.field)[number])
    if not np.isfinite(draws.value):
        return None
    return Estimate(draws.value, study.interval(draws, measures.limits))
