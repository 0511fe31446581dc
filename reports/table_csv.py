"""Writes Table 1 and what stands with it as CSV: fractions at full precision, empty where there is no value."""

from collections.abc import Iterable, Mapping, Sequence

from bench.csv_text import csv_text
from bench.record import RunRecord
from reports.estimates import (
    NO_ESTIMATES,
    Estimates,
    deltas,
    differences,
    estimates,
    lines,
    other_ways_differences,
)
from reports.resampled import ResampledStudy
from reports.rows import MEASURES
from reports.tag_groups import tag_groups


def table_csv(study: ResampledStudy) -> str:
    """Return `table1.csv`, Δ on both rows of a pair.

    Where rows were also scored against exact labels, or predicted by other ways, those scores follow in columns of
    their own, and after all of these the ends of their 95 % intervals and their standard deviations between seeds.
    """
    delta = deltas(study)
    exact = {line.row.key: line.values for line in lines(study.exact)} if study.exact else {}
    written = []
    for line in lines(study):
        row, key = line.row, line.row.key
        own = {"": line.values, "delta_": delta.get(key, NO_ESTIMATES)}
        beside = {"truth_": exact.get(key, NO_ESTIMATES)} if exact else {}
        for way, rows in study.otherwise.items():
            beside[f"{way}_"] = estimates(study, rows[key]) if key in rows else NO_ESTIMATES
        counts = {
            "n_parameters": row.n_parameters,
            "n_classification_tags": row.n_classification_tags,
            "n_regression_tags": row.n_regression_tags,
        }
        named = {"model": row.label, "n_train": row.n_train, "n_seeds": len(row.per_seed)}
        written.append(named | _values(own) | counts | _values(beside) | _spreads(own | beside))
    return _csv(written)


def differences_csv(study: ResampledStudy) -> str:
    """Return `differences.csv`: by how much one is better than another; empty where nothing is compared."""
    return _csv(
        [
            {
                "difference": one.kind,
                "model": one.model,
                "against": one.against,
                "n_train": one.n_train,
                "minus_at": one.minus_at,
                "against_at": one.against_at,
            }
            | _values({"": one.gains})
            | _spreads({"": one.gains})
            for one in [*differences(study), *other_ways_differences(study)]
        ]
    )


def table_by_tags_csv(study: ResampledStudy) -> str:
    """Return `table1_by_tags.csv`: Table 1 over the tags of each category, and of each band of prevalence."""
    written = []
    for group in tag_groups(study):
        delta = deltas(study, group.tags)
        for line in lines(study, group.tags):
            shown = {"": line.values, "delta_": delta.get(line.row.key, NO_ESTIMATES)}
            named = {
                "by": group.by,
                "tags": group.name,
                "n_classification_tags": group.n_classification,
                "n_regression_tags": group.n_regression,
                "model": line.row.label,
                "n_train": line.row.n_train,
            }
            written.append(named | _values(shown) | _spreads(shown))
    return _csv(written)


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


def _values(shown: Mapping[str, Estimates]) -> dict[str, object]:
    """Return the values of estimates by the names of their columns, each the measure's after a prefix."""
    return {
        prefix + measure.field: found[measure.field].value if measure.field in found else None
        for prefix, found in shown.items()
        for measure in MEASURES
    }


def _spreads(shown: Mapping[str, Estimates]) -> dict[str, object]:
    """Return the ends of their intervals and their deviations between seeds likewise."""
    columns: dict[str, object] = {}
    for prefix, found in shown.items():
        for measure in MEASURES:
            name, one = prefix + measure.field, found.get(measure.field)
            interval = one.interval if one else None
            columns |= {f"{name}_low": interval.low if interval else None}
            columns |= {f"{name}_high": interval.high if interval else None}
            columns |= {f"{name}_seed_sd": one.seed_sd if one else None}
    return columns


def _csv(lines: Sequence[dict[str, object]]) -> str:
    return csv_text([list(lines[0]), *(line.values() for line in lines)]) if lines else ""
