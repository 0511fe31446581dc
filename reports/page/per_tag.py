"""The tables of single tags: one a training size and measure, to be sorted and filtered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.bootstrap import Draws
from bench.corpus import Corpus
from reports.page.cells import EMPTY, Cell, Column, Group, Table, count, difference, measured, share, with_bars, words
from reports.resampled import ResampledRow, ResampledStudy
from reports.rows import MEASURES, Measure, Row, in_paper_order, pairs
from reports.table import track_count

IN_TAGS = tuple(replace(measure, decimals=measure.decimals - 1) for measure in MEASURES)  # of so few tracks, less is told
KINDS = {"roc_auc": "classification", "pr_auc": "classification", "rmse": "regression"}


@dataclass(frozen=True)
class TagTable:
    """The tags of one kind: every model of one size, by one measure."""

    n_train: int
    measure: Measure
    size: str
    table: Table


def tag_tables(study: ResampledStudy) -> list[TagTable]:
    """Return the tables, the largest size first; none for a measure of which the corpus has no tag."""
    rows = in_paper_order(one.row for one in study.rows.values())
    sizes = list(dict.fromkeys(row.n_train for row in rows))
    return [
        _tag_table(study, [row for row in rows if row.n_train == size], measure)
        for size in sizes
        for measure in IN_TAGS
        if any(tag.kind == KINDS[measure.field] for tag in study.test.tags)
    ]


def _tag_table(study: ResampledStudy, rows: Sequence[Row], measure: Measure) -> TagTable:
    kind, size = KINDS[measure.field], track_count(rows[0].n_train)
    graded = kind == "regression"
    columns = [Column("Tag", numeric=False), Column("Category", numeric=False)]
    columns += [Column("Mean target")] if graded else [Column("Prevalence"), Column("Positives")]
    first = len(columns)
    columns += [Column(row.label, hint=f"{measure.heading} of {row.label}") for row in rows]
    compared = pairs(rows)
    columns += [Column(_pair_name(new, len(compared)), hint=f"{new.label} against {old.label}") for old, new in compared]
    numbers = [number for number, tag in enumerate(study.test.tags) if tag.kind == kind]
    lines = []
    for number in numbers:
        values = [measured(of_tag(study.rows[row.key], number, measure), measure) for row in rows]
        gains = [_gain(study, old, new, number, measure) for old, new in compared]
        lines.append([*_of_tag(study.test, number, graded=graded), *values, *gains])
    last = range(first + len(rows), len(columns))
    drawn = with_bars(lines, differences=last)
    caption = f"{measure.heading} of each {kind} tag, models trained on {size} tracks"
    return TagTable(rows[0].n_train, measure, size, Table(caption, tuple(columns), (Group("", drawn),)))


def _pair_name(new: Row, several: int) -> str:
    return "Δ" if several == 1 else f"Δ {new.pair}"


def _of_tag(test: Corpus, number: int, *, graded: bool) -> list[Cell]:
    tag, targets = test.tags[number], test.targets[:, number]
    named = [words(tag.name), words(tag.category)]
    mean = float(np.mean(targets, dtype=np.float64))
    if graded:
        return [*named, Cell(f"{mean:.3f}", mean)]
    return [*named, share(mean), count(int((targets > 0).sum()))]


def of_tag(row: ResampledRow, number: int, measure: Measure) -> Draws | None:
    """Return a measure of one tag, None where it is not scored."""
    draws = Draws.of(getattr(row.per_tag, measure.field)[number])
    return draws if np.isfinite(draws.value) else None


def _gain(study: ResampledStudy, old: Row, new: Row, number: int, measure: Measure) -> Cell:
    before, after = (of_tag(study.rows[row.key], number, measure) for row in (old, new))
    if before is None or after is None:
        return EMPTY
    return difference(after - before if measure.higher_is_better else before - after, measure)
