"""How the targets of one tag lie in [0, 1]."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.corpus import Float32Array
from bench.inspection.kinds import Appearance, appearance

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BINS = 20  # of equal width over [0, 1]; the last includes 1
MOST_LEVELS = 21  # steps of a scale; as 0, 0.05 … 1


@dataclass(frozen=True)
class Distribution:
    """The targets of one tag: what they look like, their values at `QUANTILES`, and counts in `BINS` bins.

    `graded` tells that some are neither 0 nor 1. `levels` has the number of tracks at each value where there are not
    more values than `MOST_LEVELS`, and is empty otherwise. Of no track, mean, deviation and quantiles are nan.
    """

    looks_like: Appearance
    graded: bool
    mean: float
    deviation: float
    quantiles: tuple[float, ...]
    histogram: tuple[int, ...]
    levels: Mapping[float, int]


def distribution(targets: Float32Array) -> Distribution:
    """Return how targets, shape (tracks,), lie."""
    wide = targets.astype(np.float64) if len(targets) else np.array([np.nan])
    counts, _ = np.histogram(targets, bins=BINS, range=(0, 1))
    values, tracks = np.unique(targets, return_counts=True)
    return Distribution(
        looks_like=appearance(targets),
        graded=not bool(np.isin(targets, (0, 1)).all()),
        mean=float(wide.mean()),
        deviation=float(wide.std()),
        quantiles=tuple(np.quantile(wide, QUANTILES).tolist()),
        histogram=tuple(counts.tolist()),
        levels=dict(zip(values.tolist(), tracks.tolist(), strict=True)) if len(values) <= MOST_LEVELS else {},
    )
