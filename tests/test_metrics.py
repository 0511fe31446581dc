"""The measures of Table 1 against values worked out by hand, and what is not defined is nan."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from bench.metrics import pr_auc, rmse, roc_auc, scored_tags


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


def test_roc_auc_is_the_share_of_pairs_in_order() -> None:
    # positives .8 and .3 against negatives .5 and .1: three of four pairs are in order
    assert roc_auc(column(1, 0, 1, 0), column(0.8, 0.5, 0.3, 0.1))[0] == pytest.approx(0.75)


def test_roc_auc_counts_a_tie_half() -> None:
    assert roc_auc(column(1, 0), column(0.5, 0.5))[0] == pytest.approx(0.5)


def test_pr_auc_is_the_step_sum() -> None:
    # precision 1 at the first positive, 2/3 at the second
    assert pr_auc(column(1, 0, 1, 0), column(0.8, 0.5, 0.3, 0.1))[0] == pytest.approx((1 + 2 / 3) / 2)


def test_pr_auc_of_one_constant_score_is_the_prevalence() -> None:
    assert pr_auc(column(1, 0, 0, 0), column(0.5, 0.5, 0.5, 0.5))[0] == pytest.approx(0.25)


def test_rmse_is_the_root_of_the_mean_square() -> None:
    assert rmse(column(0, 1), column(0.3, 0.6))[0] == pytest.approx(np.sqrt((0.09 + 0.16) / 2))


def test_a_tag_with_one_class_only_has_no_areas() -> None:
    targets = np.array([[0, 1, 1], [0, 1, 0]], dtype=np.float32)
    scores = np.array([[0.2, 0.3, 0.9], [0.4, 0.1, 0.1]], dtype=np.float32)
    assert np.isnan(roc_auc(targets, scores)).tolist() == [True, True, False]
    assert np.isnan(pr_auc(targets, scores)).tolist() == [True, True, False]


def test_measures_of_no_track_are_nan() -> None:
    nothing = np.empty((0, 2), np.float32)
    for measure in (roc_auc, pr_auc, rmse):
        assert np.isnan(measure(nothing, nothing)).all()


@given(st.integers(0, 1000))
def test_areas_depend_on_the_order_of_scores_alone(seed: int) -> None:
    draw = np.random.default_rng(seed)
    targets = draw.integers(0, 2, (30, 3)).astype(np.float32)
    scores = draw.random((30, 3), dtype=np.float32)
    ranks = rankdata(scores, axis=0).astype(np.float32)
    for measure in (roc_auc, pr_auc):
        np.testing.assert_allclose(measure(targets, scores), measure(targets, ranks), equal_nan=True)


def test_a_tag_is_scored_with_enough_of_both_classes() -> None:
    targets = np.array([[1, 1, 0.3], [1, 0, 0.2], [1, 0, 0.1], [0, 0, 0.9]], dtype=np.float32)
    kinds = ["classification", "classification", "regression"]
    assert scored_tags(targets, kinds, min_positives=1, min_negatives=1).tolist() == [True, True, True]
    assert scored_tags(targets, kinds, min_positives=2, min_negatives=1).tolist() == [True, False, True]
    assert scored_tags(targets, kinds, min_positives=1, min_negatives=2).tolist() == [False, True, True]
