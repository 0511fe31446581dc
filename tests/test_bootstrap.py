"""Measures on resamples are those of scikit-learn on the same tracks repeated as often, ties included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, root_mean_squared_error

from bench.bootstrap import Draws, Ranking, draw_resamples, macro_means, resample_measures
from bench.corpus import BoolArray, Float32Array, StrArray
from tests.factories import make_scores, make_test_part


def check_against_scikit_learn(positive: BoolArray, scores: Float32Array, *, groups: StrArray, seed: int = 0) -> None:
    resamples = draw_resamples(groups, resamples=4, seed=seed)
    ranking = Ranking(positive, scores)
    for _, weights in resamples.chunks():
        roc_auc, pr_auc = ranking.areas(weights)
        for column, weight in enumerate(weights.T):
            rows = np.repeat(np.arange(len(scores)), weight)
            if len(set(positive[rows].tolist())) < 2:
                assert np.isnan(roc_auc[column])
                assert np.isnan(pr_auc[column])
            else:
                assert roc_auc[column] == pytest.approx(roc_auc_score(positive[rows], scores[rows]), abs=1e-9)
                assert pr_auc[column] == pytest.approx(average_precision_score(positive[rows], scores[rows]), abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 60), st.sampled_from([0.03, 0.3, 0.97]))
def test_both_areas_are_those_of_scikit_learn_on_every_resample(
    seed: int, levels: int, tracks: int, prevalence: float
) -> None:
    draw = np.random.default_rng(seed)
    positive = draw.random(tracks) < prevalence
    scores = (draw.integers(levels, size=tracks) / levels).astype(np.float32)
    groups = draw.integers(1 + tracks // 2, size=tracks).astype(str)
    check_against_scikit_learn(positive, scores, groups=groups, seed=seed)


TRACKS = np.arange(5000)
NOISE = np.random.default_rng(0).random(5000, dtype=np.float32)


@pytest.mark.parametrize("positive", [TRACKS < 1, TRACKS < 4999, TRACKS < 2500], ids=["one", "all but one", "half"])
@pytest.mark.parametrize(
    "scores",
    [
        np.full(5000, 0.1, np.float32),
        np.nextafter(np.float32(0.7), np.where(NOISE > 0.5, np.float32(1), np.float32(0))),
        NOISE * np.float32(1e-38),
        NOISE.round(2),
        NOISE,
    ],
    ids=["all tied", "one bit apart", "next to nothing", "rounded", "distinct"],
)
def test_both_areas_are_those_of_scikit_learn_at_any_prevalence_and_scale(
    positive: BoolArray, scores: Float32Array
) -> None:
    check_against_scikit_learn(positive, scores, groups=(TRACKS // 4).astype(str))


def test_all_measures_of_a_corpus_are_those_of_scikit_learn() -> None:
    test = make_test_part()
    scores = make_scores(test, skill=0.2)
    resamples = draw_resamples(test.groups, resamples=150)
    found = resample_measures(test, scores, np.ones(len(test.tags), dtype=bool), resamples)
    for column in (0, 1, 127, 128, 150):
        rows = np.repeat(np.arange(len(test)), resamples.counts[resamples.group_of, column])
        targets, predicted = test.targets[rows], scores[rows]
        for tag in test.tag_rows("classification"):
            assert found.roc_auc[tag, column] == pytest.approx(roc_auc_score(targets[:, tag], predicted[:, tag]))
            expected = average_precision_score(targets[:, tag], predicted[:, tag])
            assert found.pr_auc[tag, column] == pytest.approx(expected)
        for tag in test.tag_rows("regression"):
            expected = root_mean_squared_error(targets[:, tag], predicted[:, tag])
            assert found.rmse[tag, column] == pytest.approx(expected, abs=1e-7)


def test_means_are_those_of_the_tracks_repeated_as_often_whatever_the_sizes_of_their_groups() -> None:
    values = np.random.default_rng(0).random((7, 3))
    resamples = draw_resamples(np.array(["b", "a", "a", "a", "c", "c", "a"]), resamples=150)
    found = resamples.means(values)
    assert found.shape == (3, 151)
    for column in (0, 1, 127, 128, 150):
        rows = np.repeat(np.arange(7), resamples.counts[resamples.group_of, column])
        np.testing.assert_allclose(found[:, column], values[rows].mean(axis=0))


def test_groups_are_drawn_whole_and_in_an_order_that_the_tracks_do_not_change() -> None:
    groups = np.array(["b", "a", "c", "a", "b"])
    resamples = draw_resamples(groups, resamples=50)
    weights = np.hstack([weights for _, weights in resamples.chunks()])
    assert (weights[:, 0] == 1).all()
    assert (weights[1] == weights[3]).all()
    assert (weights[0] == weights[4]).all()
    assert (weights[[0, 1, 2]].sum(axis=0) == 3).all()
    turned = np.hstack([each for _, each in draw_resamples(groups[::-1], resamples=50).chunks()])
    np.testing.assert_array_equal(turned, weights[::-1])


def test_a_difference_keeps_the_pairing() -> None:
    noise = np.random.default_rng(0).standard_normal(1000)
    both = Draws(1.0, 1 + noise), Draws(0.5, 0.5 + noise)
    interval = (both[0] - both[1]).interval()
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.5))


def test_an_interval_reaches_two_standard_errors_either_way_of_the_value() -> None:
    draws = Draws(0.5, np.array([0.3, 0.7, 0.4, 0.6, np.nan]))
    assert draws.standard_error == pytest.approx(np.sqrt(0.1 / 3))
    interval = draws.interval()
    assert interval.high - 0.5 == pytest.approx(0.5 - interval.low) == pytest.approx(1.959964 * np.sqrt(0.1 / 3))
    assert draws.interval(0.5).high < interval.high


def test_a_tag_without_positives_in_a_resample_is_left_out_of_its_mean_and_one_never_scored_of_all() -> None:
    values = np.array([[0.8, 0.7, np.nan], [0.6, 0.5, 0.4], [np.nan, np.nan, np.nan]])
    means = macro_means(values)
    assert means is not None
    assert means.tolist() == pytest.approx([0.7, 0.6, 0.4])
    assert macro_means(values[2:]) is None
