"""Whether a model tells apart tags that rule each other out, as East Coast and West Coast hip-hop.

For each two scored classification tags of one exclusive group, a and b:

*Joint-probability excess*: the mean of s_a s_b over the test tracks, minus the share of tracks that the annotators
gave both. It is how often a track would get both tags, were each drawn by its score, beyond how often that is right.
Beside it stands what chance gives, mean(s_a) mean(s_b). The scores of a model that tells nothing have just that; those
of one that hears what both tags have in common, but not which of the two it is, have more; and those of one that
tells them apart have less. The *joint lift* is the share by which the mean of s_a s_b is above chance: 0 is chance,
and it is the same if all scores are twice as high.

*ROC-AUC within the pair*: of the tracks that have exactly one of the two, how often one with a is ranked before one
with b, by s_a / (s_a + s_b). Were the scores true probabilities, this would be the probability of a, given that it is
one of the two. 0.5 is chance. Unlike the excess, it is the same if all scores of a tag are twice as high.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from bench.bootstrap import Draws, Ranking, macro_means
from bench.corpus import BoolArray, Float32Array
from bench.metrics import Float64Array
from reports.resampled import ResampledRow, ResampledStudy


@dataclass(frozen=True)
class ExclusivePair:
    """Two tags of an exclusive group, by column."""

    group: str
    first: int
    second: int


@dataclass(frozen=True, eq=False)
class PairFinding:
    """What a row makes of a pair, means over its seeds; see the module.

    `within` is None where no track has the one tag alone, or none the other. `tracks` have exactly one of the two.
    """

    pair: ExclusivePair
    excess: Draws
    chance: Draws
    within: Draws | None
    tracks: int


def exclusive_pairs(study: ResampledStudy) -> list[ExclusivePair]:
    """Return every two scored classification tags that share an exclusive group, group by group."""
    groups: dict[str, list[int]] = {}
    for column in study.test.tag_rows("classification").tolist():
        group = study.test.tags[column].exclusive_group
        if group and study.scored[column]:
            groups.setdefault(group, []).append(column)
    return [
        ExclusivePair(group, first, second)
        for group, members in groups.items()
        for first, second in itertools.combinations(members, 2)
    ]


def pair_findings(study: ResampledStudy, row: ResampledRow) -> list[PairFinding]:
    """Return what a row makes of each exclusive pair."""
    pairs = exclusive_pairs(study)
    joint, chance = _joint_and_chance(study, row, pairs)
    excess = joint - _together(study, study.test.targets, pairs)
    return [
        PairFinding(pair, Draws.of(own), Draws.of(expected), within, int(_has_one(study, pair).sum()))
        for pair, own, expected, within in zip(pairs, excess, chance, _within(study, row, pairs), strict=True)
    ]


def joint_lift(study: ResampledStudy, row: ResampledRow) -> Draws | None:
    """Return the joint lift of a row over all exclusive pairs: the sum of their mean s_a s_b over that by chance, - 1.

    None where there are no pairs, or where all scores of one of the two tags are 0 in each.
    """
    pairs = exclusive_pairs(study)
    joint, chance = (each.sum(axis=0) for each in _joint_and_chance(study, row, pairs))
    if not chance[0] > 0:
        return None
    with np.errstate(invalid="ignore"):  # a resample without a track of any score
        return Draws.of(joint / chance - 1)


def within_pair_auc(study: ResampledStudy, row: ResampledRow) -> Draws | None:
    """Return the ROC-AUC within the pair, the mean over the exclusive pairs that have one; None where none has.

    In a resample, a pair whose tracks all have the same of the two tags is left out, for every model alike.
    """
    found = [within for within in _within(study, row, exclusive_pairs(study)) if within is not None]
    return mean_of(found) if found else None


def mean_of(found: Sequence[Draws]) -> Draws:
    """Return the mean of some quantities, on each resample of those that are known there."""
    means = macro_means(np.stack([np.append(one.value, one.resamples) for one in found]))
    if means is None:
        raise ValueError("none of these has a value")
    return Draws.of(means)


def _joint_and_chance(
    study: ResampledStudy, row: ResampledRow, pairs: Sequence[ExclusivePair]
) -> tuple[Float64Array, Float64Array]:
    """Return mean s_a s_b, and what chance gives of it, on every resample, each of the shape (pairs, 1 + resamples)."""
    first, second = [pair.first for pair in pairs], [pair.second for pair in pairs]

    def means(values: Float32Array) -> Float64Array:
        return study.resamples.means(values.astype(np.float64))

    joint = row.over_seeds([_together(study, scores, pairs) for scores in row.scores])
    chance = row.over_seeds([means(scores[:, first]) * means(scores[:, second]) for scores in row.scores])
    return joint, chance


def _together(study: ResampledStudy, values: Float32Array, pairs: Sequence[ExclusivePair]) -> Float64Array:
    """Return the mean product of each pair's columns of `values`, (tracks, tags); shape (pairs, 1 + resamples)."""
    first, second = [pair.first for pair in pairs], [pair.second for pair in pairs]
    return study.resamples.means(values[:, first].astype(np.float64) * values[:, second])


def _within(study: ResampledStudy, row: ResampledRow, pairs: Sequence[ExclusivePair]) -> list[Draws | None]:
    """Return the ROC-AUC within each pair."""
    tracks = [np.flatnonzero(_has_one(study, pair)) for pair in pairs]
    rankings = [
        [
            Ranking(study.test.targets[rows, pair.first] > 0, _share_of_first(scores[rows], pair))
            for pair, rows in zip(pairs, tracks, strict=True)
        ]
        for scores in row.scores
    ]
    areas = np.full((len(rankings), len(pairs), study.resamples.counts.shape[1]), np.nan)
    for columns, weights in study.resamples.chunks():
        for number, rows in enumerate(tracks):
            weights_of_one = weights[rows]
            for seed, of_pairs in enumerate(rankings):
                areas[seed, number, columns], _ = of_pairs[number].areas(weights_of_one)
    found = map(Draws.of, row.over_seeds(list(areas)))
    return [one if np.isfinite(one.value) else None for one in found]


def _has_one(study: ResampledStudy, pair: ExclusivePair) -> BoolArray:
    """Tell which tracks have exactly one of the two tags, shape (tracks,)."""
    of_both = study.test.targets[:, [pair.first, pair.second]] > 0
    exactly_one: BoolArray = of_both[:, 0] != of_both[:, 1]
    return exactly_one


def _share_of_first(scores: Float32Array, pair: ExclusivePair) -> Float32Array:
    """Return what orders tracks from b to a, shape (tracks,): the rank of s_a / (s_a + s_b), exact in float32.

    Where both scores are 0, neither tag is preferred.
    """
    first, second = scores[:, pair.first].astype(np.float64), scores[:, pair.second].astype(np.float64)
    both = first + second
    share = np.divide(first, both, out=np.full(len(both), 0.5), where=both > 0)
    return rankdata(share, "dense").astype(np.float32)
