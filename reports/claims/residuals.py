"""What residual connections do: two entries that differ in nothing else, each trained with several seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations

import numpy as np
from scipy.stats import f

from bench.bootstrap import Draws, Interval
from bench.record import RunRecord
from reports.claims.evidence import LackingError, at_size, better, shared_measures, values_of
from reports.claims.verdicts import Part
from reports.resampled import LEAST_SEEDS, ResampledRow, ResampledStudy
from reports.rows import SPECTROGRAM, WAVEFORM, Measure

SETTING = "residual"


@dataclass(frozen=True, eq=False)
class SpreadPart(Part):
    """That one standard deviation over seeds is larger than another: the logarithm of their ratio is above zero.

    Few seeds cannot be resampled (their spread would come out too small). For normally distributed ones the ratio of
    the variances, over its true value, is F-distributed with these `degrees` of freedom, and so both the interval and
    the p-values are by F itself.
    """

    degrees: tuple[int, int] = field(kw_only=True)

    @cached_property
    def interval(self) -> Interval:
        """The classical 95 % interval of a ratio of variances, as that of the logarithm of its root."""
        low, high = self.value - np.log(f.ppf([0.975, 0.025], *self.degrees)) / 2
        return Interval(float(low), float(high))

    @property
    def p(self) -> tuple[float, float]:
        """The one-sided p-values of the F-test, for either direction."""
        ratio = np.exp(2 * self.value)
        return float(f.sf(ratio, *self.degrees)), float(f.cdf(ratio, *self.degrees))


def residual_parts(study: ResampledStudy) -> Iterator[Part]:
    """Yield by how much each network's spread over seeds is lower, and its measures better, with residual connections.

    Taken at the largest size that both entries have. Raises `LackingError` where no two entries differ in them alone,
    or where none of those was trained with `LEAST_SEEDS` seeds.
    """
    pairs = [pair for family in (WAVEFORM, SPECTROGRAM) for pair in _pairs(study, family)[:1]]
    if not pairs:
        raise LackingError("the study has no two entries that differ in residual connections alone")
    enough = [pair for pair in pairs if min(len(one.row.seeds) for one in pair) >= LEAST_SEEDS]
    if not enough:
        most = max(min(len(one.row.seeds) for one in pair) for pair in pairs)
        raise LackingError(
            f"with and without residual connections the study has {most} of the {LEAST_SEEDS} seeds that it takes"
        )
    for residual, plain in enough:
        yield from _spread_parts(residual, plain)
        yield from _help_parts(residual, plain)


def _pairs(study: ResampledStudy, family: str) -> list[tuple[ResampledRow, ResampledRow]]:
    """Return the rows with and without residual connections, largest size first, in the study's order."""
    missing = {(cell.label, cell.n_train) for cell in study.study.missing}
    records = {(one.cell.label, one.cell.n_train): one.record for one in study.study.finished}
    rows = [key for key, record in records.items() if record.family == family and key not in missing]
    rows.sort(key=lambda key: -key[1])
    return [
        (study.rows[residual], study.rows[plain])
        for residual, plain in permutations(rows, 2)
        if residual[1] == plain[1] and _differ_in_residuals_alone(records[residual], records[plain])
    ]


def _differ_in_residuals_alone(residual: RunRecord, plain: RunRecord) -> bool:
    asked = residual.settings.get(SETTING), plain.settings.get(SETTING)
    return (
        asked == (True, False)
        and {**residual.settings, SETTING: False} == plain.settings
        and (residual.tuning == plain.tuning)
    )


def _spread_parts(residual: ResampledRow, plain: ResampledRow) -> Iterator[Part]:
    for measure in shared_measures(values_of(residual), values_of(plain)):
        with_them, without = (_over_seeds(row, measure) for row in (residual, plain))
        which = f"{at_size(*plain.row.key)} to {at_size(*residual.row.key)}"
        text = f"spread of {measure.title} over seeds, log ratio of {which}"
        yield spread_part(text, without, with_them)


def _help_parts(residual: ResampledRow, plain: ResampledRow) -> Iterator[Part]:
    new, old = values_of(residual), values_of(plain)
    for measure in shared_measures(new, old):
        text = f"{measure.title}, {at_size(*residual.row.key)} against {at_size(*plain.row.key)}"
        yield Part.by(text, better(new, old, measure), measure)


def _over_seeds(row: ResampledRow, measure: Measure) -> list[float]:
    return [value for one in row.row.per_seed if (value := measure.of(one)) is not None]


def spread_part(text: str, one: Sequence[float], other: Sequence[float]) -> SpreadPart:
    """Return the part that the standard deviation of `one` is larger than that of `other`.

    Raises `LackingError` where seeds do not differ.
    """
    spreads = [float(np.std(values, ddof=1)) for values in (one, other)]
    if min(spreads) == 0:
        raise LackingError("trainings with different seeds gave the same")
    ratio = Draws(float(np.log(spreads[0] / spreads[1])), np.empty(0))
    return SpreadPart(text, ratio, degrees=(len(one) - 1, len(other) - 1))
