"""How the targets of one tag lie in [0, 1]."""

from dataclasses import dataclass

import numpy as np

from bench.corpus import Float32Array
from bench.inspection.kinds import Appearance, appearance

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BINS = 20  # of equal width over [0, 1]; the last includes 1


@dataclass(frozen=True)
class Distribution:
    """The targets of one tag: what they look like, their values at `QUANTILES`, and counts in `BINS` bins.

    `graded` tells that some are neither 0 nor 1. Of no track, the values are nan.
    """

    looks_like: Appearance
    graded: bool
    mean: float
    deviation: float
    quantiles: tuple[float, ...]
    histogram: tuple[int, ...]


def distribution(targets: Float32Array) -> Distribution:
    """Return how targets, shape (tracks,), lie."""
    wide = targets.astype(np.float64) if len(targets) else np.array([np.nan])
    counts, _ = np.histogram(targets, bins=BINS, range=(0, 1))
    return Distribution(
        looks_like=appearance(targets),
        graded=not bool(np.isin(targets, (0, 1)).all()),
        mean=float(wide.mean()),
        deviation=float(wide.std()),
        quantiles=tuple(np.quantile(wide, QUANTILES).tolist()),
        histogram=tuple(counts.tolist()),
    )
