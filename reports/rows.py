"""The rows of Table 1, measured and published alike, and the gain of spectrogram over waveform between two of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean
from typing import Literal

from bench.record import Measures
from bench.study import DELTA_FAMILIES

WAVEFORM, SPECTROGRAM = DELTA_FAMILIES
BASELINE = "gbt"  # the paper's: the family that networks are set against
ADDED_FAMILY = "added"  # of models that were trained elsewhere

RowKey = tuple[str, int]  # label and number of training tracks
MeasureField = Literal["roc_auc", "pr_auc", "rmse"]


@dataclass(frozen=True)
class Measure:
    """One measured column: where it stands in `Measures`, and how it is printed (`scale` times the value)."""

    field: MeasureField
    title: str
    unit: str
    scale: float
    decimals: int
    higher_is_better: bool

    @property
    def heading(self) -> str:
        """The title with its unit."""
        return f"{self.title} {self.unit}".strip()

    def of(self, measures: Measures) -> float | None:
        """Return this measure's value, unscaled; None where no tag of its kind was scored."""
        value: float | None = getattr(measures, self.field)
        return value

    def gain(self, new: Measures, old: Measures) -> float | None:
        """Return by how much `new` is better than `old`, unscaled; None where either has no value."""
        after, before = self.of(new), self.of(old)
        if after is None or before is None:
            return None
        return after - before if self.higher_is_better else before - after


MEASURES = (
    Measure("roc_auc", "ROC-AUC", "%", scale=100.0, decimals=2, higher_is_better=True),
    Measure("pr_auc", "PR-AUC", "%", scale=100.0, decimals=2, higher_is_better=True),
    Measure("rmse", "√MSE", "", scale=1.0, decimals=4, higher_is_better=False),
)


@dataclass(frozen=True)
class Row:
    """One model at one training size.

    `per_seed` holds the measures of each of `seeds`, `exact_per_seed` the same against exact labels where they are
    known, `otherwise_per_seed` those of other ways to predict, by name. Rows that share a non-empty `pair` are set
    against each other. `mark` is a footnote's sign.
    """

    label: str
    family: str
    pair: str
    n_train: int
    per_seed: tuple[Measures, ...]
    seeds: tuple[int, ...] = ()
    exact_per_seed: tuple[Measures, ...] = ()
    otherwise_per_seed: Mapping[str, tuple[Measures, ...]] = field(default_factory=dict)
    mark: str = ""
    n_parameters: int | None = None
    n_classification_tags: int | None = None
    n_regression_tags: int | None = None

    @property
    def key(self) -> RowKey:
        """What names the row within its table."""
        return self.label, self.n_train

    @cached_property
    def metrics(self) -> Measures:
        """Means over the seeds."""
        return mean_measures(self.per_seed)

    @cached_property
    def otherwise(self) -> dict[str, Measures]:
        """Means over the seeds, by the name of the other way to predict."""
        return {way: mean_measures(per_seed) for way, per_seed in self.otherwise_per_seed.items()}


def mean_measures(per_seed: Sequence[Measures]) -> Measures:
    """Return each measure's mean over the seeds; None where a seed has none."""
    means: dict[str, float | None] = {}
    for measure in MEASURES:
        values = [measure.of(measures) for measures in per_seed]
        known = [value for value in values if value is not None]
        means[measure.field] = fmean(known) if known and len(known) == len(values) else None
    return Measures.model_validate(means)


def against_exact_labels(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that were also scored against exact labels, with those scores in place of the annotators'."""
    return [replace(row, per_seed=row.exact_per_seed) for row in rows if row.exact_per_seed]


def other_ways(rows: Iterable[Row]) -> list[str]:
    """Return the names of all other ways to predict, in the rows' order."""
    return list(dict.fromkeys(way for row in rows for way in row.otherwise))


def gains(rows: Iterable[Row]) -> dict[RowKey, Measures]:
    """Return Δ for both rows of each pair (`pairs`): positive where spectrogram is better than waveform."""
    found: dict[RowKey, Measures] = {}
    for waveform, spectrogram in pairs(rows):
        found[waveform.key] = found[spectrogram.key] = _gain(spectrogram.metrics, waveform.metrics)
    return found


def pairs(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """Return the waveform and the spectrogram row of each pair at each size that has a Δ.

    A pair of which one row is missing, that is not one waveform and one spectrogram row, or whose rows are of other
    seeds (a cell is still missing), has none.
    """
    members: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        if row.pair:
            members[row.pair, row.n_train].append(row)
    found = []
    for pair in members.values():
        old = [row for row in pair if row.family == WAVEFORM]
        new = [row for row in pair if row.family == SPECTROGRAM]
        if len(old) == len(new) == 1 and same_seeds(old[0], new[0]):
            found.append((old[0], new[0]))
    return found


def same_seeds(one: Row, other: Row) -> bool:
    """Tell whether two rows are means over as many trainings, of the same seeds."""
    return set(one.seeds) == set(other.seeds)


def _gain(new: Measures, old: Measures) -> Measures:
    return Measures.model_validate({measure.field: measure.gain(new, old) for measure in MEASURES})


def best_rows(rows: Iterable[Row], measure: Measure) -> set[RowKey]:
    """Return the rows that hold the best value of a measure at full precision; more than one where they tie."""
    values = {row.key: measure.of(row.metrics) for row in rows}
    known = [value for value in values.values() if value is not None]
    if not known:
        return set()
    best = max(known) if measure.higher_is_better else min(known)
    return {key for key, value in values.items() if value == best}


def in_paper_order(rows: Iterable[Row]) -> list[Row]:
    """Return rows largest size first; at one size what stands in no pair, then each pair, spectrogram second.

    This is the order of the paper's Table 1, and at matched sizes it puts what may be compared side by side.
    Otherwise rows keep their order.
    """
    listed = list(rows)
    first: dict[str, int] = {}
    for position, row in enumerate(listed):
        first.setdefault(row.pair, position)
    return sorted(listed, key=lambda row: (-row.n_train, bool(row.pair), first[row.pair], row.family == SPECTROGRAM))
