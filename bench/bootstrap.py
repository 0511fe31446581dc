"""How far a measure would lie elsewhere on other test tracks: a paired bootstrap over groups, all resamples at once.

A resample draws as many test groups (artists) as there are, with replacement, and weighs each track by how often its
group was drawn (the cluster bootstrap: Field and Welsh, 2007). The same resamples serve every model, so that what
differs between two of them is paired. A weighted measure is that of the tracks repeated as often: no track is copied
and no score is sorted twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bench.corpus import BoolArray, Corpus, Float32Array, IntArray, StrArray
from bench.metrics import Float64Array

RESAMPLES = 1000
SEED = 2017
CHUNK = 128  # resamples at once: what a tag needs of them stays in the processor's caches

Int32Array = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each group was drawn: `counts` has the shape (groups, 1 + resamples), its first column all ones.

    `group_of` is the number of each track's group, shape (tracks,).
    """

    counts: NDArray[np.uint16]
    group_of: IntArray

    def chunks(self) -> Iterator[tuple[slice, Int32Array]]:
        """Yield the weights of all tracks, shape (tracks, some resamples), with the columns that these are."""
        for first in range(0, self.counts.shape[1], CHUNK):
            columns = slice(first, first + CHUNK)
            yield columns, self.counts[self.group_of, columns].astype(np.int32)

    def means(self, values: Float64Array) -> Float64Array:
        """Return the means over the tracks of `values`, shape (tracks, columns), on every resample.

        They have the shape (columns, 1 + resamples).
        """
        in_group = _indicator(self.group_of, len(self.counts))
        sums, sizes = in_group @ values, in_group.sum(axis=1)
        means = np.empty((values.shape[1], self.counts.shape[1]))
        for first in range(0, self.counts.shape[1], CHUNK):
            columns = slice(first, first + CHUNK)
            drawn = self.counts[:, columns].astype(np.float64)
            means[:, columns] = sums.T @ drawn / (sizes @ drawn)
        return means


def draw_resamples(groups: StrArray, *, resamples: int = RESAMPLES, seed: int = SEED) -> Resamples:
    """Draw resamples of tracks by their groups' names, shape (tracks,); the order of the tracks changes none."""
    names, group_of = np.unique(groups, return_inverse=True)
    draw = np.random.default_rng(seed)
    counts = np.ones((len(names), 1 + resamples), dtype=np.uint16)
    for column in range(1, 1 + resamples):
        counts[:, column] = np.bincount(draw.integers(len(names), size=len(names)), minlength=len(names))
    return Resamples(counts, group_of)


@dataclass(frozen=True, eq=False)
class Resampled:
    """The measures of each tag, shape (tags, 1 + resamples); the first column is of the test tracks as they are.

    nan where a tag is not scored, and in resamples where its tracks are all of one class.
    """

    roc_auc: Float64Array
    pr_auc: Float64Array
    rmse: Float64Array


def resample_measures(test: Corpus, scores: Float32Array, scored: BoolArray, resamples: Resamples) -> Resampled:
    """Return the measures of the `scored` tags, shape (tags,), on every resample; `scores` are (tracks, tags)."""
    shape = (len(test.tags), resamples.counts.shape[1])
    found = Resampled(np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan))
    ranked = [
        (tag, Ranking(test.targets[:, tag] > 0, scores[:, tag]))
        for tag in test.tag_rows("classification")
        if scored[tag]
    ]
    graded = [tag for tag in test.tag_rows("regression") if scored[tag]]
    errors = (test.targets[:, graded].astype(np.float64) - scores[:, graded]) ** 2
    for columns, weights in resamples.chunks():
        for tag, ranking in ranked:
            found.roc_auc[tag, columns], found.pr_auc[tag, columns] = ranking.areas(weights)
        if graded:
            found.rmse[graded, columns] = np.sqrt(errors.T @ weights / weights.sum(axis=0))
    return found


class Ranking:
    """The tracks of one tag in the order of their scores, as far as the two areas depend on it.

    Between two neighbouring scores of positives, no order matters: tracks are counted there. So a tag's thresholds are
    the distinct scores of its positives, and its tracks fall into 2 · thresholds + 1 bins: below the lowest, at it,
    between it and the next, and so on.
    """

    def __init__(self, positive: BoolArray, scores: Float32Array) -> None:
        self.positive = positive
        thresholds, self._at = np.unique(scores[positive], return_inverse=True)
        self._bin = np.searchsorted(thresholds, scores, "left") + np.searchsorted(thresholds, scores, "right")
        self._thresholds = len(thresholds)

    @cached_property
    def _in_bin(self) -> csr_array:
        return _indicator(self._bin, 2 * self._thresholds + 1)

    @cached_property
    def _at_threshold(self) -> csr_array:
        return _indicator(self._at, self._thresholds)

    def areas(self, weights: Int32Array) -> tuple[Float64Array, Float64Array]:
        """Return ROC-AUC (ties count half) and average precision under weights of shape (tracks, resamples)."""
        positives = self._at_threshold @ weights[self.positive]  # at each threshold, from the lowest up
        up_to = np.cumsum(self._in_bin @ weights, axis=0)  # tracks in this bin or a lower one
        total, all_positives = up_to[-1], positives.sum(axis=0)
        lower_positives = np.cumsum(positives, axis=0) - positives
        lower = up_to[0:-1:2]
        negatives_lower = lower - lower_positives
        negatives_tied = up_to[1::2] - lower - positives
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample without positives, or without negatives
            won = (positives * (negatives_lower + 0.5 * negatives_tied)).sum(axis=0)
            roc_auc = won / (all_positives * (total - all_positives).astype(np.float64))
            precision = (all_positives - lower_positives) / (total - lower)
            steps = np.where(positives > 0, positives * precision, 0.0)
            pr_auc = np.where(all_positives < total, steps.sum(axis=0) / all_positives, np.nan)
        return roc_auc, pr_auc


def _indicator(row_of: IntArray, rows: int) -> csr_array:
    columns = np.argsort(row_of, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=rows))])
    return csr_array((np.ones(len(row_of), dtype=np.int32), columns, starts), shape=(rows, len(row_of)))


@dataclass(frozen=True)
class Interval:
    """Between `low` and `high`."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Draws:
    """A quantity on the test tracks as they are, `value`, and on each resample, shape (resamples,).

    What is computed from several quantities keeps their pairing.
    """

    value: float
    resamples: Float64Array

    @staticmethod
    def of(columns: Float64Array) -> "Draws":
        """Take a quantity of shape (1 + resamples,), as in `Resampled`."""
        return Draws(float(columns[0]), columns[1:])

    def __add__(self, other: "Draws") -> "Draws":
        return Draws(self.value + other.value, self.resamples + other.resamples)

    def __sub__(self, other: "Draws") -> "Draws":
        return Draws(self.value - other.value, self.resamples - other.resamples)

    def __truediv__(self, other: "Draws") -> "Draws":
        return Draws(self.value / other.value, self.resamples / other.resamples)

    def __mul__(self, factor: float) -> "Draws":
        return Draws(self.value * factor, self.resamples * factor)

    def interval(self, level: float = 0.95) -> Interval:
        """Return the interval that holds the truth with this probability: percentiles, moved by the bootstrap's bias.

        The bias is by how much the mean over resamples differs from the value. Resamples that have no value are left
        out.
        """
        known = self.resamples[np.isfinite(self.resamples)]
        bias = known.mean() - self.value
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) - bias
        return Interval(float(low), float(high))
