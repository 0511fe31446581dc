"""The margins of the gate: what seeds foretell of new ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.gate.margins import FLOOR, margin_for, margin_of
from reports.rows import MEASURES

ROC_AUC, _, RMSE = MEASURES


def test_a_margin_is_half_a_prediction_interval_shared_among_all_numbers() -> None:
    margin = margin_of([[0.5, 0.52, 0.54]], ROC_AUC, n_numbers=1)
    assert margin.deviation == pytest.approx(0.02)
    assert margin.margin == pytest.approx(9.925 * 0.02 * math.sqrt(1 + 1 / 3), rel=1e-4)  # t of 2, 0.995 in any book
    assert margin.reason.startswith("seed SD 2.00 points over 3 seeds; margin = t · SD · √(1 + 1/3), t = 9.92 for 2 ")
    assert margin_of([[0.5, 0.52, 0.54]], ROC_AUC, n_numbers=30).margin > margin.margin


def test_the_sizes_of_a_model_share_their_spread() -> None:
    margin = margin_of([[0.5, 0.52, 0.54], [0.7, 0.7, 0.7]], ROC_AUC, n_numbers=1)
    assert margin.deviation == pytest.approx(0.02 / math.sqrt(2))
    assert margin.margin == pytest.approx(4.604 * margin.deviation * math.sqrt(1 + 1 / 3), rel=1e-4)
    assert "over 2 sizes × 3 seeds" in margin.reason


def test_where_all_seeds_give_the_same_rounding_alone_is_allowed() -> None:
    margin = margin_of([[0.25, 0.25, 0.25]], RMSE, n_numbers=30)
    assert (margin.deviation, margin.margin) == (0, FLOOR)
    assert margin.reason == "seeds differ by next to nothing (SD 0.0000); 0.0010, for rounding between machines"


def test_new_seeds_are_within_the_margins_as_often_as_is_said() -> None:
    known = margin_of([[0.4, 0.5, 0.5, 0.5, 0.6], [0.4, 0.5, 0.5, 0.5, 0.6]], ROC_AUC, n_numbers=1)
    seeds = np.random.default_rng(0).normal(0.5, 0.02, (20_000, 2, 5))
    new = np.random.default_rng(1).normal(0.5, 0.02, 20_000)
    margins = known.margin / known.deviation * np.sqrt(seeds.var(axis=2, ddof=1).mean(axis=1))
    assert np.mean(np.abs(new - seeds[:, 0].mean(axis=1)) > margins) == pytest.approx(0.01, abs=0.002)


@given(st.integers(1, 20), st.integers(2, 20), st.floats(FLOOR, 0.5))
def test_the_mean_of_several_seeds_is_allowed_less(found: int, expected: int, margin: float) -> None:
    allowed = margin_for(margin, n_expected=expected, n_found=found)
    assert FLOOR <= allowed <= margin * (1 + 1e-12)
    assert margin_for(margin, n_expected=expected, n_found=1) == pytest.approx(margin)
