"""How an error falls with training data, as a curve on every resample at once, and where two such curves meet.

The error of n training tracks is taken as a power law with an offset, a + b · n^(-c) with a, b >= 0 (Hestness et al.,
"Deep learning scaling is predictable, empirically", 2017; for how often such curves mislead, and for what else was
proposed, Viering and Loog, "The shape of learning curves: a review", 2021). It is fitted by least squares: for each
exponent of a grid the best a and b have a closed form (variable projection: Golub and Pereyra, 1973), so that all
resamples are fitted at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.bootstrap import Draws, Interval
from bench.metrics import Float64Array

EXPONENTS = np.geomspace(0.01, 4.0, 200)
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
    """Fit the errors at each of the sizes, smallest first."""
    observed = np.stack([np.append(each.value, each.resamples) for each in errors], axis=1)
    falls = (np.array(sizes) / sizes[0]) ** -EXPONENTS[:, None]  # (exponents, sizes)
    candidates = [_least_squares(falls, observed), _without_offset(falls, observed), _constant(falls, observed)]
    a, b = (np.stack([each[which] for each in candidates]) for which in (0, 1))  # (3, 1 + resamples, exponents)
    misses = np.stack([_squared_misses(falls, observed, *each) for each in candidates])
    misses[(a < 0) | (b < 0)] = np.inf
    best = misses.transpose(1, 0, 2).reshape(len(observed), -1).argmin(axis=1)
    which, exponent = np.unravel_index(best, (len(candidates), len(EXPONENTS)))
    column = np.arange(len(observed))
    return Curves(sizes[0], a[which, column, exponent], b[which, column, exponent], EXPONENTS[exponent])


_Pair = tuple[Float64Array, Float64Array]  # a and b, each (1 + resamples, exponents)


def _least_squares(falls: Float64Array, observed: Float64Array) -> _Pair:
    centred = falls - falls.mean(axis=1, keepdims=True)
    b = observed @ centred.T / (centred**2).sum(axis=1)
    return observed.mean(axis=1, keepdims=True) - b * falls.mean(axis=1), b


def _without_offset(falls: Float64Array, observed: Float64Array) -> _Pair:
    b = observed @ falls.T / (falls**2).sum(axis=1)
    return np.zeros_like(b), b


def _constant(falls: Float64Array, observed: Float64Array) -> _Pair:
    a = np.repeat(observed.mean(axis=1, keepdims=True), len(falls), axis=1)
    return a, np.zeros_like(a)


def _squared_misses(falls: Float64Array, observed: Float64Array, a: Float64Array, b: Float64Array) -> Float64Array:
    fitted = a[:, :, None] + b[:, :, None] * falls
    return np.asarray(((fitted - observed[:, None, :]) ** 2).sum(axis=2))


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
    row, step = np.arange(len(above)), np.maximum(1, (above <= 0).argmax(axis=1))  # the first at which they have met
    left, right = above[row, step - 1], above[row, step]
    with np.errstate(invalid="ignore", divide="ignore"):  # where they do not meet
        met = sizes[step - 1] * (sizes[1] / sizes[0]) ** (left / (left - right))
    passed, apart = above[:, 0] <= 0, above.min(axis=1) > 0
    met[passed], met[apart] = 0.0, np.inf
    low, high = np.quantile(met[1:], TAILS, method="inverted_cdf")
    return Meeting(float(met[0]), Interval(float(low), float(high)), float(apart[1:].mean()), float(passed[1:].mean()))
