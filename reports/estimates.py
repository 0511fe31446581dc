"""What is printed of a study: the measures of its rows, and by how much one is better than another, with intervals.

All of it comes from the same resamples of the test tracks, so that what differs between two rows is paired.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bench.bootstrap import Draws, Interval
from bench.corpus import BoolArray
from bench.record import Measures
from bench.study import DELTA_FAMILIES
from reports.resampled import LEAST_SEEDS, ResampledStudy, TagMeasures
from reports.rows import (
    ADDED_FAMILY,
    BASELINE,
    MEASURES,
    SPECTROGRAM,
    Measure,
    MeasureField,
    Row,
    RowKey,
    best_rows,
    gains,
    in_paper_order,
    pairs,
    same_seeds,
)


@dataclass(frozen=True)
class Estimate:
    """A value, the 95 % interval about it, and the standard deviation between `n_seeds` trainings of other seeds.

    `interval` is None where nothing was resampled, `seed_sd` where there is one seed.
    """

    value: float
    interval: Interval | None = None
    seed_sd: float | None = None
    n_seeds: int = 1

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval; where a limit cuts it, how far it reaches on its longer side."""
        if self.interval is None:
            return None
        return max(self.interval.high - self.value, self.value - self.interval.low)

    @property
    def sd_apart(self) -> float | None:
        """The standard deviation between seeds where these are too few to be in the interval."""
        return self.seed_sd if self.n_seeds < LEAST_SEEDS else None

    @property
    def is_beyond_zero(self) -> bool:
        """Tell whether the interval lies on one side of zero."""
        return self.interval is not None and not self.interval.low <= 0 <= self.interval.high


Estimates = Mapping[MeasureField, Estimate]  # without the measures that have no value
NO_ESTIMATES: Estimates = {}


@dataclass(frozen=True)
class Line:
    """A row as it is printed.

    `gains` tells by how much it is better than the row above it that it is set against: None where it stands alone,
    empty where it is that row above. `best` names the measures in which the row is best, or not to be told from it.
    """

    row: Row
    values: Estimates
    gains: Estimates | None = None
    best: frozenset[MeasureField] = frozenset()


@dataclass(frozen=True)
class Difference:
    """By how much `model` is better than `against` at `n_train`; where `minus_at` is a size, minus the same there.

    `against_at` is the size of `against` where it has none that is as large as the model's.
    """

    kind: str
    model: str
    against: str
    n_train: int
    minus_at: int | None
    gains: Estimates
    against_at: int | None = None


def plain_lines(rows: Iterable[Row]) -> list[Line]:
    """Return rows in the paper's order without intervals, as published ones are."""
    ordered = in_paper_order(rows)
    best = {measure.field: best_rows(ordered, measure) for measure in MEASURES}
    delta = {key: _plain(measures) for key, measures in gains(ordered).items()}
    return [Line(row, _plain(row.metrics), _gains(row, delta), _best(row.key, best)) for row in ordered]


def lines(study: ResampledStudy, tags: BoolArray | None = None) -> list[Line]:
    """Return a study's rows in the paper's order, or the same over some of the tags, shape (tags,): then none is best.

    Bold among a few tags would mark chance.
    """
    best = {measure.field: _not_worse(study, measure) for measure in MEASURES if tags is None}
    delta = deltas(study, tags)
    return [
        Line(row, estimates(study, study.rows[row.key], tags), _gains(row, delta), _best(row.key, best))
        for row in in_paper_order(_rows(study))
    ]


def deltas(study: ResampledStudy, tags: BoolArray | None = None) -> dict[RowKey, Estimates]:
    """Return Δ for both rows of each pair, as `gains` does."""
    found: dict[RowKey, Estimates] = {}
    for waveform, spectrogram in pairs(_rows(study)):
        found[waveform.key] = found[spectrogram.key] = estimates(study, _delta(study, waveform, spectrogram), tags)
    return found


def other_ways_lines(study: ResampledStudy) -> list[Line]:
    """Return each row whose models predict in other ways, too, and under it these, set against it."""
    found = []
    for row in in_paper_order(_rows(study)):
        ways = {way: rows[row.key] for way, rows in study.otherwise.items() if row.key in rows}
        if ways:
            found.append(Line(row, estimates(study, study.rows[row.key]), NO_ESTIMATES))
        for way, other in ways.items():
            named = replace(other.row, label=_way_label(row, way))
            gained = estimates(study, other.better_than(study.rows[row.key]))
            found.append(Line(named, estimates(study, other), gained))
    return found


def other_ways_differences(study: ResampledStudy) -> list[Difference]:
    """Return how much better each other way to predict is than Table 1's, with the same models."""
    return [
        Difference(
            f"{way}_minus_windows",
            _way_label(study.rows[key].row, way),
            key[0],
            key[1],
            None,
            estimates(study, other.better_than(study.rows[key])),
        )
        for way, rows in study.otherwise.items()
        for key, other in rows.items()
    ]


def _way_label(row: Row, way: str) -> str:
    return f"{row.label}, {way.replace('_', ' ')}"


def differences(study: ResampledStudy) -> list[Difference]:
    """Return Δ at the smallest size minus Δ at the largest, and at each size each network against the trees.

    Then each added model against every entry.
    """
    return [*_delta_shrinkage(study), *_networks_against_baseline(study), *_added_against_entries(study)]


def _delta_shrinkage(study: ResampledStudy) -> Iterator[Difference]:
    by_pair: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
    for waveform, spectrogram in pairs(_rows(study)):
        by_pair[waveform.pair].append((waveform, spectrogram))
    for sizes in by_pair.values():
        small, large = (choose(sizes, key=lambda rows: rows[0].n_train) for choose in (min, max))
        if small != large and same_seeds(small[0], large[0]):
            shrunk = estimates(study, _delta(study, *small) - _delta(study, *large))
            waveform, spectrogram = small
            yield Difference(
                "delta_smallest_minus_largest",
                spectrogram.label,
                waveform.label,
                waveform.n_train,
                large[0].n_train,
                shrunk,
            )


def _networks_against_baseline(study: ResampledStudy) -> Iterator[Difference]:
    ordered = in_paper_order(_rows(study))
    for row in ordered:
        for other in ordered:
            compared = row.family in DELTA_FAMILIES and other.family == BASELINE and row.n_train == other.n_train
            if compared and same_seeds(row, other):
                gained = estimates(study, study.rows[row.key].better_than(study.rows[other.key]))
                yield Difference("network_minus_gbt", row.label, other.label, row.n_train, None, gained)


def _added_against_entries(study: ResampledStudy) -> Iterator[Difference]:
    """Yield each added model against the entries at its size, or at the study's largest where none has its size."""
    ordered = in_paper_order(_rows(study))
    entries = [row for row in ordered if row.family != ADDED_FAMILY]
    sizes = {row.n_train for row in entries}
    for row in [row for row in ordered if row.family == ADDED_FAMILY]:
        size = row.n_train if row.n_train in sizes else study.study.largest_size
        for other in [other for other in entries if other.n_train == size]:
            gained = study.rows[row.key].of_mean_seed.better_than(study.rows[other.key].of_mean_seed)
            against_at = size if size != row.n_train else None
            found = estimates(study, gained)
            yield Difference("added_minus_entry", row.label, other.label, row.n_train, None, found, against_at)


def _delta(study: ResampledStudy, waveform: Row, spectrogram: Row) -> TagMeasures:
    return study.rows[spectrogram.key].better_than(study.rows[waveform.key])


def estimates(study: ResampledStudy, measures: TagMeasures, tags: BoolArray | None = None) -> Estimates:
    """Return the macro means over the scored tags, or over those of them in `tags`.

    Test tracks that are all of one group cannot be resampled: no interval.
    """
    found: dict[MeasureField, Estimate] = {}
    for measure in MEASURES:
        draws, of_seeds = measures.macro(measure.field, tags), measures.macro_of_seeds(measure.field, tags)
        if draws is not None and of_seeds is not None:
            seed_sd = float(of_seeds.std(ddof=1)) if len(of_seeds) > 1 else None
            found[measure.field] = replace(
                _estimate(study, draws, measures.limits), seed_sd=seed_sd, n_seeds=len(of_seeds)
            )
    return found


def _estimate(study: ResampledStudy, draws: Draws, limits: Interval | None = None) -> Estimate:
    return Estimate(draws.value, study.interval(draws, limits))


def _rows(study: ResampledStudy) -> list[Row]:
    return [resampled.row for resampled in study.rows.values()]


def _plain(measures: Measures) -> Estimates:
    values = {measure.field: measure.of(measures) for measure in MEASURES}
    return {field: Estimate(value) for field, value in values.items() if value is not None}


def _gains(row: Row, delta: Mapping[RowKey, Estimates]) -> Estimates | None:
    """Return what a row of Table 1 has for Δ, which stands on the lower row of its pair."""
    if not row.pair:
        return None
    return delta.get(row.key, NO_ESTIMATES) if row.family == SPECTROGRAM else NO_ESTIMATES


def _best(key: RowKey, best: Mapping[MeasureField, set[RowKey]]) -> frozenset[MeasureField]:
    return frozenset(field for field, keys in best.items() if key in keys)


def _not_worse(study: ResampledStudy, measure: Measure) -> set[RowKey]:
    """Return the row with the best value of a measure, and those whose difference from it may be zero."""
    values = {key: draws for key, row in study.rows.items() if (draws := row.macro(measure.field)) is not None}
    if not values:
        return set()
    best = (max if measure.higher_is_better else min)(values.values(), key=lambda draws: draws.value)
    behind = {key: _estimate(study, best - draws) for key, draws in values.items()}
    return {key for key, one in behind.items() if one.value == 0 or (one.interval and not one.is_beyond_zero)}
