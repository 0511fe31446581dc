"""95 % intervals hold the true measures of simulated populations as often as they say, and where not, it is told.

200 resamples are enough for a standard error (Efron and Tibshirani, 1993, section 6.4).
"""

from collections.abc import Callable

import pandas as pd
import pytest
from joblib import Parallel, delayed

from bench.bootstrap import PR_AUC_COVERAGE, Draws, Resamples, draw_resamples
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


def held(population: Population, resample: Callable[[Corpus, int], Pair], seed: int) -> dict[str, bool]:
    """Tell which intervals from one test part hold the truth: the first model's, and those of the differences."""
    test, scores = population.draw(seed)
    first, second = (macro_draws(test, of, on) for of, on in zip(scores, resample(test, seed), strict=True))
    differences = {f"delta_{measure}": first[measure] - second[measure] for measure in first}
    return {name: holds(draws, population.truth[name]) for name, draws in (first | differences).items()}


def pr_auc_held(population: Population, seed: int) -> dict[str, bool]:
    test, scores = population.draw(seed)
    draws = macro_draws(test, scores[0], draw(test.groups, seed))
    return {"pr_auc": holds(draws["pr_auc"], population.truth["pr_auc"])}


def holds(draws: Draws, truth: float) -> bool:
    interval = draws.interval()
    return interval.low <= truth <= interval.high


def coverage(repeats: int, held: Callable[..., dict[str, bool]], *arguments: object) -> "pd.Series[float]":
    """Return the share of test parts whose interval holds the truth, by measure."""
    return pd.DataFrame(Parallel(n_jobs=2)(delayed(held)(*arguments, seed) for seed in range(repeats))).mean()


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
def test_intervals_hold_the_truth_in_95_of_100() -> None:
    found = coverage(1000, held, FREQUENT, by_artists)
    for name in ("roc_auc", "delta_roc_auc", "delta_pr_auc", "delta_rmse"):
        assert 0.93 <= found[name] <= 0.97, name
    assert 0.92 <= found["rmse"] <= 0.97
    assert found["pr_auc"] == pytest.approx(PR_AUC_COVERAGE[10] / 100, abs=0.02)


@pytest.mark.slow
def test_the_coverage_of_rare_tags_pr_auc_is_as_told() -> None:
    assert coverage(300, pr_auc_held, RARE)["pr_auc"] == pytest.approx(PR_AUC_COVERAGE[3] / 100, abs=0.04)


@pytest.mark.slow
def test_tags_that_lose_their_positives_in_some_resamples_cost_no_coverage() -> None:
    found = coverage(500, held, RAREST, by_artists)
    for name in ("roc_auc", "delta_roc_auc", "delta_pr_auc"):
        assert 0.92 <= found[name] <= 0.97, name


@pytest.mark.slow
def test_resampling_tracks_instead_of_artists_holds_the_truth_too_seldom() -> None:
    found = coverage(200, held, FREQUENT, by_tracks)
    for name in ("roc_auc", "delta_roc_auc", "delta_pr_auc", "delta_rmse"):
        assert found[name] < 0.91, name


@pytest.mark.slow
def test_unpaired_resamples_make_the_intervals_of_differences_too_wide() -> None:
    found = coverage(200, held, FREQUENT, unpaired)
    for name in ("delta_roc_auc", "delta_pr_auc"):
        assert found[name] > 0.97, name
