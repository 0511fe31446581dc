"""How an error falls with training data, as a curve on every resample at once, and where two such curves meet.

The error of n training tracks is taken as a power law with an offset, a + b · n^(-c) with a, b >= 0 (Hestness et al.,
"Deep learning scaling is predictable, empirically", 2017; for how often such curves mislead, and for what else was
proposed, Viering and Loog, "The shape of learning curves: a review", 2021). It is fitted by least squares: for each
exponent the best a and b have a closed form (variable projection: Golub and Pereyra, 1973), so that only the exponent
is searched, for all resamples at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.bootstrap import Draws, Interval
from bench.metrics import Float64Array

EXPONENTS = np.geomspace(0.01, 4.0, 60)
NARROWINGS = 30  # by golden sections
GOLDEN = (math.sqrt(5) - 1) / 2
REACH = 1000  # times the largest size: further on, no meeting is looked for
STEPS = 400  # sizes, from the smallest to the reach, between which a meeting is interpolated
TAILS = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves a + b · (n / start)^(-c) of one error on the test tracks as they are, and on each resample.

    `a`, `b` and `c` have the shape (1 + resamples,), `start` is the smallest size.
    """

    start: int
    a: Float64Array
    b: Float64Array
    c: Float64Array

    def at(self, sizes: Float64Array) -> Float64Array:
        """Return the errors at some sizes, shape (1 + resamples, sizes)."""
        return self.a[:, None] + self.b[:, None] * (sizes / self.start) ** -self.c[:, None]


def fit_curves(sizes: Sequence[int], errors: Sequence[Draws]) -> Curves:
    """Fit the errors at each of the sizes, smallest first: the best exponent of a grid, then between its neighbours."""
    observed = np.stack([np.append(each.value, each.resamples) for each in errors], axis=1)
    relative = np.array(sizes) / sizes[0]
    misses = [_given_exponents(relative, observed, np.full(len(observed), c))[2] for c in EXPONENTS]
    best = np.argmin(misses, axis=0)
    low, high = EXPONENTS[np.maximum(best - 1, 0)], EXPONENTS[np.minimum(best + 1, len(EXPONENTS) - 1)]
    for _ in range(NARROWINGS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        goes_left = _given_exponents(relative, observed, left)[2] < _given_exponents(relative, observed, right)[2]
        low, high = np.where(goes_left, low, left), np.where(goes_left, right, high)
    c = (low + high) / 2
    a, b, _ = _given_exponents(relative, observed, c)
    return Curves(sizes[0], a, b, c)


def _given_exponents(
    relative: Float64Array, observed: Float64Array, c: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return the best a and b for an exponent each, and the sum of squares that they miss.

    Where the best a without bounds is below zero, the best within them has a = 0, and likewise with b.
    """
    falls = relative ** -c[:, None]
    mean_fall, mean = falls.mean(axis=1), observed.mean(axis=1)
    centred = falls - mean_fall[:, None]
    b = (centred * observed).sum(axis=1) / (centred**2).sum(axis=1)
    a = mean - b * mean_fall
    b = np.where(a < 0, (falls * observed).sum(axis=1) / (falls**2).sum(axis=1), b)
    a, b = np.where(b < 0, mean, np.maximum(0, a)), np.maximum(0, b)
    return a, b, np.asarray(((a[:, None] + b[:, None] * falls - observed) ** 2).sum(axis=1))


@dataclass(frozen=True)
class Meeting:
    """Where two curves meet, in training tracks, on the test tracks as they are; `interval` holds 95 % of resamples.

    The size is infinite where they do not meet within `REACH` times the largest size, and 0 where the upper curve is
    not the higher one even at the smallest; `apart` and `passed` are the shares of resamples of which that is true.
    """

    size: float
    interval: Interval
    apart: float
    passed: float

    @property
    def is_known(self) -> bool:
        """Tell whether the curves meet, and the interval is bounded on both sides."""
        return all(0 < size < np.inf for size in (self.size, self.interval.low, self.interval.high))


def meeting(upper: Curves, lower: Curves, largest: int) -> Meeting:
    """Return where the `upper` curve first comes down to the `lower` one, which begins at the same size."""
    sizes = np.geomspace(upper.start, REACH * largest, STEPS)
    above = upper.at(sizes) - lower.at(sizes)
    passed, apart = above[:, 0] <= 0, above.min(axis=1) > 0
    row, step = np.arange(len(above)), np.maximum(1, (above <= 0).argmax(axis=1))  # the first at which they have met
    left, right = above[row, step - 1], above[row, step]
    share = np.divide(left, left - right, out=np.zeros_like(left), where=~passed & ~apart)
    met = np.select([passed, apart], [0.0, np.inf], sizes[step - 1] * (sizes[1] / sizes[0]) ** share)
    low, high = np.quantile(met[1:], TAILS, method="inverted_cdf")
    return Meeting(float(met[0]), Interval(float(low), float(high)), float(apart[1:].mean()), float(passed[1:].mean()))
