"""Popularity bias is that of hand-computed prevalences; who favours popular tags, or spreads evenly, is found out."""

from pathlib import Path

import numpy as np
import pytest

from bench.bootstrap import Interval
from bench.corpus import Corpus, Float32Array, Tag
from reports.popularity import log_ratios, popularity_bias, prevalence_bins, prevalence_ratios
from reports.resampled import ResampledStudy, resample_study
from reports.study_folder import read_study_folder
from tests.factories import make_scores, make_test_part, write_scored_study

TWELVE = tuple(Tag(f"tag {number}", "classification") for number in range(12))


def study_of(out: Path, test: Corpus, **scores: Float32Array) -> ResampledStudy:
    write_scored_study(out, test, {(label, 40, 0): given for label, given in scores.items()})
    return resample_study(read_study_folder(out), out)


def lift_of(study: ResampledStudy, label: str) -> float:
    found = popularity_bias(study, study.rows[label, 40])
    assert found is not None
    return found.value


def interval_of(study: ResampledStudy, label: str) -> Interval:
    found = popularity_bias(study, study.rows[label, 40])
    assert found is not None
    return found.interval()


def prevalences(test: Corpus) -> Float32Array:
    return np.broadcast_to(test.targets.mean(axis=0), test.targets.shape).astype(np.float32)


def test_the_lift_is_that_of_a_computation_by_hand(tmp_path: Path) -> None:
    test = make_test_part(8, tags=(Tag("rare", "classification"), Tag("popular", "classification")))
    test.targets[:] = [[row < 2, row < 6] for row in range(8)]  # prevalences 0.25 and 0.75
    scores = np.tile(np.array([0.125, 0.875], dtype=np.float32), (8, 1))
    found = lift_of(study_of(tmp_path, test, network=scores), "network")
    assert found == pytest.approx((0.125 * 0.25 + 0.875 * 0.75) / (0.25 * 0.25 + 0.75 * 0.75) - 1)


def test_labels_prevalences_and_their_multiples_favour_nothing(tmp_path: Path) -> None:
    test = make_test_part(tags=TWELVE)
    prior = prevalences(test)
    study = study_of(tmp_path, test, labels=test.targets, prior=prior, half=np.float32(0.5) * prior)
    assert [lift_of(study, label) for label in ("labels", "prior", "half")] == pytest.approx([0, 0, 0], abs=1e-6)


def test_who_favours_popular_tags_is_above_0_and_who_spreads_evenly_below(tmp_path: Path) -> None:
    test = make_test_part(600, tags=TWELVE)
    prior = prevalences(test)
    study = study_of(tmp_path, test, favours=prior**2, even=np.full_like(prior, 0.5), prior=prior)
    favours, even, known = (interval_of(study, label) for label in ("favours", "even", "prior"))
    assert favours.low > 0
    assert even.high < 0
    assert known.low < 0 < known.high


def test_a_resample_is_the_same_as_its_tracks_repeated(tmp_path: Path) -> None:
    test = make_test_part(60, tags=TWELVE)
    scores = make_scores(test, skill=0.3)
    study = study_of(tmp_path, test, network=scores)
    row, bins = study.rows["network", 40], prevalence_bins(study)
    lift = popularity_bias(study, row)
    assert lift is not None
    for column in (0, 500, 999):
        rows = np.repeat(np.arange(60), study.resamples.counts[study.resamples.group_of, column + 1])
        given, predicted = test.targets[rows][:, study.scored], scores[rows][:, study.scored].astype(np.float64)
        p, q = predicted.mean(axis=0), given.mean(axis=0, dtype=np.float64)
        assert lift.resamples[column] == pytest.approx((p @ q / p.sum()) / (q @ q / q.sum()) - 1)
        for one, logarithm in zip(bins, log_ratios(study, row, bins), strict=True):
            tags = list(one.tags)
            expected = scores[rows][:, tags].sum(dtype=np.float64) / test.targets[rows][:, tags].sum()
            assert logarithm.resamples[column] == pytest.approx(np.log(expected))


def test_bins_hold_all_scored_classification_tags_from_the_rarest_and_no_other(tmp_path: Path) -> None:
    test = make_test_part(tags=(*TWELVE, Tag("energy", "regression"), Tag("never", "classification")))
    test.targets[:, 13] = 0
    bins = prevalence_bins(study_of(tmp_path, test, network=make_scores(test, skill=0.3)))
    assert [len(one.tags) for one in bins] == [3, 3, 3, 3]
    assert sorted(tag for one in bins for tag in one.tags) == list(range(12))
    assert [edge for one in bins for edge in (one.lowest, one.highest)] == sorted(
        edge for one in bins for edge in (one.lowest, one.highest)
    )


@pytest.mark.parametrize(("tags", "bins"), [(1, 1), (2, 1), (5, 1), (6, 2), (29, 9), (50, 10)])
def test_there_are_ten_bins_or_as_many_as_let_each_hold_three_tags(tmp_path: Path, tags: int, bins: int) -> None:
    test = make_test_part(300, tags=tuple(Tag(str(number), "classification") for number in range(tags)))
    test.targets[:] = np.random.default_rng(0).random(test.targets.shape) < 0.3
    assert len(prevalence_bins(study_of(tmp_path, test, network=make_scores(test, skill=0.3)))) == bins


def test_ratios_are_means_over_the_seeds(tmp_path: Path) -> None:
    test = make_test_part(tags=TWELVE)
    prior = prevalences(test)
    double, half = prior * np.float32(2), prior * np.float32(0.5)
    write_scored_study(tmp_path, test, {("network", 40, 0): double, ("network", 40, 1): half})
    study = resample_study(read_study_folder(tmp_path), tmp_path)
    ratios = prevalence_ratios(study, study.rows["network", 40], prevalence_bins(study))
    assert [ratio.value for ratio in ratios] == pytest.approx([1.25] * len(ratios))


def test_intervals_of_ratios_hold_them_and_stay_above_0(tmp_path: Path) -> None:
    test = make_test_part(30, tags=TWELVE)  # ten artists
    scores = make_scores(test, skill=0.3)
    rare = prevalence_bins(study_of(tmp_path / "all", test, network=scores))[0]
    scores[:, rare.tags] = 0
    study = study_of(tmp_path / "some", test, network=scores)
    never, *others = prevalence_ratios(study, study.rows["network", 40], prevalence_bins(study))
    assert (never.value, never.interval) == (0, None)
    for ratio in others:
        assert ratio.interval is not None
        assert 0 < ratio.interval.low < ratio.value < ratio.interval.high


def test_without_classification_tags_or_scores_there_is_nothing_to_say(tmp_path: Path) -> None:
    test = make_test_part(tags=(Tag("energy", "regression"), Tag("rock", "classification")))
    study = study_of(tmp_path / "one", test, network=make_scores(test, skill=0.3))
    assert popularity_bias(study, study.rows["network", 40]) is None
    test = make_test_part(tags=TWELVE)
    study = study_of(tmp_path / "mute", test, mute=np.zeros_like(test.targets))
    assert popularity_bias(study, study.rows["mute", 40]) is None
    test = make_test_part(tags=(Tag("energy", "regression"),))
    study = study_of(tmp_path / "none", test, network=make_scores(test, skill=0.3))
    assert prevalence_bins(study) == []
    assert prevalence_ratios(study, study.rows["network", 40], []) == []
