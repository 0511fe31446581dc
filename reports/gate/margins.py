"""How far a new training may lie from the mean of earlier ones: a prediction interval from the spread between seeds.

For a new mean over m seeds, of a normal quantity whose standard deviation SD was estimated from n seeds, half the
interval is t · SD · √(1/m + 1/n) (Hahn and Meeker, Statistical Intervals, 1991, §4.7). The deviation is pooled over the
sizes of a model, and the level shared among all numbers that are compared (Bonferroni).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from reports.rows import Measure

FALSE_ALARMS = 0.01  # in all numbers of a run together, in both directions
FLOOR = 0.001  # a tenth of a point: two processors may round two scores of a deterministic model into another order


@dataclass(frozen=True)
class Margin:
    """How far a run with one seed may be off, unscaled, the deviation it comes from, and why, in words."""

    deviation: float
    margin: float
    reason: str


def margin_of(by_size: Sequence[Sequence[float]], measure: Measure, *, n_numbers: int) -> Margin:
    """Derive a margin from a measure's values, for each size of a model those of every seed (two or more)."""
    freedom = sum(len(values) - 1 for values in by_size)
    deviation = math.sqrt(sum((len(values) - 1) * np.var(values, ddof=1) for values in by_size) / freedom)
    n_seeds = len(by_size[0])
    quantile = float(scipy.stats.t.ppf(1 - FALSE_ALARMS / (2 * n_numbers), freedom))
    spread = quantile * deviation * math.sqrt(1 + 1 / n_seeds)
    if spread <= FLOOR:
        floor = f"{_told(FLOOR, measure)}, for rounding between machines"
        return Margin(deviation, FLOOR, f"seeds differ by next to nothing (SD {_told(deviation, measure)}); {floor}")
    sizes = f"{len(by_size)} sizes × " if len(by_size) > 1 else ""
    reason = (
        f"seed SD {_told(deviation, measure)} over {sizes}{n_seeds} seeds; margin = t · SD · √(1 + 1/{n_seeds}), "
        f"t = {quantile:.2f} for {freedom} degrees of freedom and false alarms in {100 * FALSE_ALARMS:g} % of runs "
        f"over {n_numbers} numbers"
    )
    return Margin(deviation, spread, reason)


def margin_for(margin: float, *, n_expected: int, n_found: int) -> float:
    """Return the margin of a mean over `n_found` seeds, of one that was derived for one seed from `n_expected`."""
    return max(FLOOR, margin * math.sqrt((1 / n_found + 1 / n_expected) / (1 + 1 / n_expected)))


def _told(value: float, measure: Measure) -> str:
    return f"{measure.scale * value:.{measure.decimals}f}{' points' if measure.unit == '%' else ''}"
