"""How a cost grows with what it is spent on: laws fitted to a few measurements, and how far each can be trusted.

A linear law is a sum of amounts, each at a price of 0 or more: least squares on relative errors (SciPy's `nnls`).
A power law, a + c · amount^b, is for what nothing is known of: whoever reads all tracks costs at least in proportion to
them in the end, so b is 1, or up to 2 where a straight line misses what was measured. The
noise of a measurement is taken to be relative and the same for all stages, as it is the machine's: the median of what
the residuals of each law show, of which one alone has too few. An interval of two standard errors then follows from
how far beyond the measurements a law is drawn; it says nothing of what no measurement shows, as a disk that fills.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Float64Array = NDArray[np.float64]
Form = Literal["linear", "power"]
Key = TypeVar("Key", bound=Hashable)

ERRORS = 2.0  # standard errors to each side
EXPONENTS = np.linspace(1, 2, 21)
MISSED = 0.15  # relative: a straight line that is further off is none


@dataclass(frozen=True)
class Range:
    """An expected value and an interval about it."""

    low: float
    mid: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def times(self, factor: float) -> "Range":
        """Return so many times it."""
        return Range(factor * self.low, factor * self.mid, factor * self.high)

    def or_more(self, other: "Range") -> "Range":
        """Return the larger of each of the three."""
        return Range(max(self.low, other.low), max(self.mid, other.mid), max(self.high, other.high))


NOTHING = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Measurements:
    """`amounts`, shape (measurements, amounts), what each cost, and the `form` of the law to be fitted.

    Costs under the `floor` are as good as one another, and tell nothing of the noise.
    """

    amounts: Float64Array
    costs: Float64Array
    form: Form
    floor: float


@dataclass(frozen=True)
class Law:
    """A fitted law: `prices` of the amounts, of a power law a and c, its `exponent`; covariance is over noise²."""

    prices: Float64Array
    covariance: Float64Array
    squares: float  # sum of squared relative residuals
    freedom: int
    exponent: float | None = None
    noise: float = 1.0

    def at(self, amounts: Sequence[float]) -> Range:
        """Return the cost of these amounts."""
        place = np.array(amounts if self.exponent is None else (1.0, amounts[0] ** self.exponent), np.float64)
        expected, error = float(place @ self.prices), ERRORS * self._error(place)
        low = expected**2 / (expected + error) if expected > 0 else 0.0
        return Range(low, expected, expected + error)

    def _error(self, place: Float64Array) -> float:
        return self.noise * math.sqrt(max(0.0, float(place @ self.covariance @ place)))


def fit_laws(measured: Mapping[Key, Measurements], *, least_noise: float) -> dict[Key, Law]:
    """Return a law for each set of measurements, all with the noise that they show together, or the least there is."""
    laws = {key: _fitted(of) for key, of in measured.items()}
    telling = [law for key, law in laws.items() if law.freedom and measured[key].costs.max() > measured[key].floor]
    shown = math.sqrt(np.median([law.squares / law.freedom for law in telling])) if telling else 0.0
    noise = max(least_noise, shown)
    return {key: replace(law, noise=noise) for key, law in laws.items()}


def _fitted(measured: Measurements) -> Law:
    costs = np.maximum(measured.costs, measured.floor)
    if measured.form == "linear":
        return _linear(measured.amounts, measured.costs, costs)
    laws = [_power(measured, costs, exponent) for exponent in EXPONENTS]
    straight = laws[0]
    return straight if straight.squares <= MISSED**2 else min(laws, key=lambda law: law.squares)


def _linear(amounts: Float64Array, costs: Float64Array, weights: Float64Array) -> Law:
    """Fit prices of 0 or more; `weights` are what a relative error is relative to."""
    design = amounts / weights[:, None]
    norm = np.linalg.norm(design, axis=0)
    scale = np.where(norm > 0, norm, 1.0)
    prices, distance = nnls(design / scale, costs / weights)
    covariance = np.linalg.pinv((design / scale).T @ (design / scale), rcond=1e-6) / np.outer(scale, scale)
    freedom = len(weights) - int(np.linalg.matrix_rank(design / scale, tol=1e-3))
    return Law(prices / scale, covariance, float(distance**2), max(0, freedom))


def _power(measured: Measurements, weights: Float64Array, exponent: float) -> Law:
    amounts = np.stack([np.ones(len(weights)), measured.amounts[:, 0] ** exponent], axis=1)
    return replace(_linear(amounts, measured.costs, weights), exponent=exponent)
