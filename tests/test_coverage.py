"""95 % intervals hold the true measures of simulated populations as often as they say, and where not, it is told.

200 resamples are enough for a standard error (Efron and Tibshirani, 1993, section 6.4).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed

from bench.bootstrap import PR_AUC_COVERAGE, Draws, Interval, Resamples, draw_resamples
from bench.corpus import Corpus, StrArray
from bench.metrics import pr_auc, rmse, roc_auc
from tests.simulated_scores import Population, macro_draws

FREQUENT = Population()  # 1,500 tracks of 300 artists, 10 tags with 10 % positives
RARE = Population(artists=400, tags=50, prevalence=0.03)  # 2,000 tracks
RAREST = Population(prevalence=0.01)  # about 15 positives a tag

Pair = tuple[Resamples, Resamples]  # what two models are measured on


def draw(groups: StrArray, seed: int) -> Resamples:
    return draw_resamples(groups, resamples=200, seed=seed)


def by_artists(test: Corpus, seed: int) -> Pair:
    return (draw(test.groups, seed),) * 2


def by_tracks(test: Corpus, seed: int) -> Pair:
    return (draw(test.ids, seed),) * 2


def unpaired(test: Corpus, seed: int) -> Pair:
    return draw(test.groups, 2 * seed), draw(test.groups, 2 * seed + 1)


def percentiles(draws: Draws) -> Interval:
    return Interval(*np.quantile(draws.resamples, [0.025, 0.975]).tolist())


def basic(draws: Draws) -> Interval:
    mirrored = percentiles(draws)
    return Interval(2 * draws.value - mirrored.high, 2 * draws.value - mirrored.low)


def bias_corrected(draws: Draws) -> Interval:
    bias = float(draws.resamples.mean()) - draws.value
    return Interval(draws.interval().low - bias, draws.interval().high - bias)


METHODS: dict[str, Callable[[Draws], Interval]] = {
    "ours": Draws.interval,
    "percentiles": percentiles,
    "basic": basic,
    "bias-corrected": bias_corrected,
}
Held = dict[tuple[str, str], bool]


def held(population: Population, resample: Callable[[Corpus, int], Pair], seed: int) -> Held:
    """Tell which intervals from one test part hold the truth: the first model's, and those of the differences."""
    test, scores = population.draw(seed)
    first, second = (macro_draws(test, of, on) for of, on in zip(scores, resample(test, seed), strict=True))
    differences = {f"delta_{measure}": first[measure] - second[measure] for measure in first}
    return which_hold(first | differences, population)


def held_of_one_model(population: Population, seed: int) -> Held:
    test, scores = population.draw(seed)
    return which_hold(macro_draws(test, scores[0], draw(test.groups, seed)), population)


def which_hold(draws: dict[str, Draws], population: Population) -> Held:
    intervals = {(method, name): make(of) for method, make in METHODS.items() for name, of in draws.items()}
    return {key: of.low <= population.truth[key[1]] <= of.high for key, of in intervals.items()}


def coverage(repeats: int, held: Callable[..., Held], *arguments: object) -> "pd.Series[float]":
    """Return the share of test parts whose interval holds the truth, by method and measure."""
    return pd.DataFrame(Parallel(n_jobs=2)(delayed(held)(*arguments, seed) for seed in range(repeats))).mean()


@pytest.fixture(scope="module")
def frequent() -> "pd.Series[float]":
    return coverage(1000, held, FREQUENT, by_artists)


@pytest.fixture(scope="module")
def rare() -> "pd.Series[float]":
    return coverage(300, held_of_one_model, RARE)


def test_the_truth_is_what_a_huge_test_part_shows() -> None:
    population = Population(artists=100_000, tracks_per_artist=1.0, tags=3)
    test, scores = population.draw(0)
    for measure, name, tags in (
        (roc_auc, "roc_auc", slice(3)),
        (pr_auc, "pr_auc", slice(3)),
        (rmse, "rmse", slice(3, 6)),
    ):
        first, second = (measure(test.targets[:, tags], of[:, tags]).mean() for of in scores)
        assert first == pytest.approx(population.truth[name], abs=0.005)
        assert first - second == pytest.approx(population.truth[f"delta_{name}"], abs=0.003)


@pytest.mark.slow
def test_intervals_hold_the_truth_in_95_of_100(frequent: "pd.Series[float]") -> None:
    for name in ("roc_auc", "delta_roc_auc", "delta_pr_auc", "delta_rmse"):
        assert 0.93 <= frequent["ours", name] <= 0.97, name
    assert 0.92 <= frequent["ours", "rmse"] <= 0.97


@pytest.mark.slow
def test_the_coverage_of_pr_auc_itself_is_as_told(frequent: "pd.Series[float]", rare: "pd.Series[float]") -> None:
    assert frequent["ours", "pr_auc"] == pytest.approx(PR_AUC_COVERAGE[10] / 100, abs=0.02)
    assert rare["ours", "pr_auc"] == pytest.approx(PR_AUC_COVERAGE[3] / 100, abs=0.04)


@pytest.mark.slow
def test_other_intervals_hold_it_less_often_where_it_matters(
    frequent: "pd.Series[float]", rare: "pd.Series[float]"
) -> None:
    assert rare["percentiles", "pr_auc"] < rare["ours", "pr_auc"] - 0.1
    for method in ("basic", "bias-corrected"):
        assert frequent[method, "delta_pr_auc"] < 0.93 <= frequent["ours", "delta_pr_auc"]


@pytest.mark.slow
def test_tags_that_lose_their_positives_in_some_resamples_cost_no_coverage() -> None:
    found = coverage(500, held, RAREST, by_artists)
    for name in ("roc_auc", "delta_roc_auc", "delta_pr_auc"):
        assert 0.92 <= found["ours", name] <= 0.97, name


@pytest.mark.slow
def test_resampling_tracks_instead_of_artists_holds_the_truth_too_seldom() -> None:
    found = coverage(200, held, FREQUENT, by_tracks)
    for name in ("roc_auc", "delta_roc_auc", "delta_pr_auc", "delta_rmse"):
        assert found["ours", name] < 0.91, name


@pytest.mark.slow
def test_unpaired_resamples_make_the_intervals_of_differences_too_wide() -> None:
    found = coverage(200, held, FREQUENT, unpaired)
    for name in ("delta_roc_auc", "delta_pr_auc"):
        assert found["ours", name] > 0.97, name
