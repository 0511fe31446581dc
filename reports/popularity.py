"""Whether a model favours tags that are popular: what it gives of each tag against what the annotators gave.

Two views of the scored classification tags, from the mean predicted prevalence p_t (the mean score) and the true
prevalence q_t of each tag t among the test tracks.

*By prevalence*: the sum of p over the sum of q, for the tags of a bin. 1 is unbiased; 2 says that a model gives these
tags twice as often as the annotators did.

*Popularity lift*, as one number (Abdollahpouri, Mansoury, Burke and Mobasher, 2020, "The connection between popularity
bias, calibration, and fairness in recommendation"): how popular a tag is in the mean that the model gives, against one
that the annotators give,

    lift = (sum p_t q_t / sum p_t) / (sum q_t q_t / sum q_t) - 1

This is how much higher p / q is where tags are popular than over all. Above 0, popular tags get more than their share,
whatever the scale of the scores. The true labels have 0, and a predictor that knows the prevalences and nothing else
has 0 but for chance; one that gives all tags alike is below 0, and this is what a short training, regularisation or
balanced classes draw a model to. The slope of log (p / q) on log q, which also suggests itself, hangs on the rarest
tags, whose q is the least certain, and has no value where a model never gives a tag.

Both say "popular" of a tag that has many positives among the test tracks, by chance too. So where artists are few, even
a predictor of the prevalences has a ratio above 1 for rare tags and below 1 for popular ones, and a lift somewhat below
0: the row of the prior shows how much.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.bootstrap import Draws, Interval
from bench.corpus import Float32Array, IntArray
from bench.metrics import Float64Array
from reports.resampled import ResampledRow, ResampledStudy

BINS = 10  # deciles, where there are tags enough
LEAST_TAGS = 3  # in a bin


@dataclass(frozen=True)
class PrevalenceBin:
    """Some scored classification tags of like prevalence, by column, from the rarest; their mean prevalence."""

    tags: tuple[int, ...]
    lowest: float
    highest: float
    mean: float


@dataclass(frozen=True)
class Ratio:
    """A mean predicted over a true prevalence; both ends of its interval are above 0. None where there is none."""

    value: float
    interval: Interval | None


def prevalence_bins(study: ResampledStudy) -> list[PrevalenceBin]:
    """Return the scored classification tags by prevalence among the test tracks, in bins of as many tags as can be.

    There are ten, or as many as let each hold three tags; with fewer than three tags, all are one bin.
    """
    tags = _tags(study)
    prevalence = study.test.targets.mean(axis=0, dtype=np.float64)
    ordered = tags[np.argsort(prevalence[tags], kind="stable")]
    if not len(ordered):
        return []
    parts = np.array_split(ordered, max(1, min(BINS, len(ordered) // LEAST_TAGS)))
    return [
        PrevalenceBin(tuple(part.tolist()), prevalence[part[0]], prevalence[part[-1]], float(prevalence[part].mean()))
        for part in parts
    ]


def prevalence_ratios(study: ResampledStudy, row: ResampledRow, bins: Sequence[PrevalenceBin]) -> list[Ratio]:
    """Return the mean predicted over the true prevalence of the tags of each bin; the mean over the seeds.

    Intervals are those of its logarithm. Where a model gives no tag of a bin, the ratio is 0 and has none.
    """
    return [_ratio(study, logarithm) for logarithm in log_ratios(study, row, bins)]


def _ratio(study: ResampledStudy, logarithm: Draws) -> Ratio:
    interval = study.interval(logarithm)
    ends = None if interval is None else Interval(math.exp(interval.low), math.exp(interval.high))
    return Ratio(math.exp(logarithm.value), ends)


def log_ratios(study: ResampledStudy, row: ResampledRow, bins: Sequence[PrevalenceBin]) -> list[Draws]:
    """Return the natural logarithms of the same ratios on every resample.

    They are not finite in a resample in which the annotators gave no tag of a bin, or the model gave none.
    """
    if not bins:
        return []

    def of_bins(values: Float32Array) -> Float64Array:
        in_bins = [values[:, one.tags].sum(axis=1, dtype=np.float64) for one in bins]
        return study.resamples.means(np.stack(in_bins, axis=1))

    given = of_bins(study.test.targets)
    predicted = row.over_seeds([of_bins(scores) for scores in row.scores])
    with np.errstate(divide="ignore", invalid="ignore"):
        return [Draws.of(ratio) for ratio in np.log(predicted) - np.log(given)]


def popularity_bias(study: ResampledStudy, row: ResampledRow) -> Draws | None:
    """Return the popularity lift of a row, the mean over its seeds: above 0, popular tags are favoured.

    None where there is nothing to compare: fewer than two scored classification tags, or no score of them above 0.
    """
    tags = _tags(study)
    if len(tags) < 2:
        return None
    given = study.resamples.means(study.test.targets[:, tags].astype(np.float64))
    each = [study.resamples.means(scores[:, tags].astype(np.float64)) for scores in row.scores]
    with np.errstate(divide="ignore", invalid="ignore"):
        lifts = [_mean_popularity(predicted, given) / _mean_popularity(given, given) - 1 for predicted in each]
    lift = Draws.of(row.over_seeds([one[None] for one in lifts])[0])
    return lift if np.isfinite(lift.value) else None


def _mean_popularity(predicted: Float64Array, given: Float64Array) -> Float64Array:
    """Return the mean of `given` over the tags, weighed by `predicted`, shape (1 + resamples,).

    Both have the shape (tags, 1 + resamples).
    """
    mean: Float64Array = (predicted * given).sum(axis=0) / predicted.sum(axis=0)
    return mean


def _tags(study: ResampledStudy) -> IntArray:
    columns = study.test.tag_rows("classification")
    return columns[study.scored[columns]]
