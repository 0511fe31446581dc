"""Who gives two tags that rule each other out at once, and who tells them apart, is found out by numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench.bootstrap import Draws
from bench.corpus import Corpus, Float32Array, Tag
from reports.exclusive_pairs import exclusive_pairs, joint_lift, pair_findings, within_pair_auc
from reports.resampled import ResampledStudy, resample_study
from reports.study_folder import read_study_folder
from tests.factories import make_scores, make_test_part, write_scored_study


def study_of(out: Path, test: Corpus, **scores: Float32Array) -> ResampledStudy:
    write_scored_study(out, test, {(label, 40, 0): given for label, given in scores.items()})
    return resample_study(read_study_folder(out), out)


def excess_of(study: ResampledStudy, label: str) -> Draws:
    (found,) = pair_findings(study, study.rows[label, 40])
    return found.excess


def two_of_four() -> Corpus:
    """Return twelve tracks: four of each of two tags, and four with neither."""
    test = make_test_part(12)
    test.targets[:, 0] = [1] * 4 + [0] * 8
    test.targets[:, 1] = [0] * 4 + [1] * 4 + [0] * 4
    return test


def test_excess_chance_and_roc_auc_are_those_of_a_computation_by_hand(tmp_path: Path) -> None:
    test = two_of_four()
    scores = test.targets.copy()
    scores[:, 0] = [0.8, 0.8, 0.8, 0.2] + [0.4] * 4 + [0.0] * 4
    scores[:, 1] = [0.2, 0.4, 0.4, 0.4] + [0.4] * 4 + [0.0] * 4
    study = study_of(tmp_path, test, network=scores)
    (found,) = pair_findings(study, study.rows["network", 40])
    assert found.excess.value == pytest.approx((0.16 + 2 * 0.32 + 0.08 + 4 * 0.16) / 12)
    assert found.chance.value == pytest.approx((2.6 + 1.6) / 12 * (1.4 + 1.6) / 12)
    lift = joint_lift(study, study.rows["network", 40])
    assert lift is not None
    assert lift.value == pytest.approx((0.16 + 2 * 0.32 + 0.08 + 4 * 0.16) * 12 / (4.2 * 3.0) - 1)
    assert found.within is not None
    assert found.within.value == pytest.approx(3 / 4)  # three of baroque above all others, one below all
    assert found.tracks == 8


def test_who_ignores_that_tags_rule_each_other_out_shows_an_excess_and_who_minds_does_not(tmp_path: Path) -> None:
    test = make_test_part(600)
    either = np.repeat(test.targets[:, :2].sum(axis=1, keepdims=True), 2, axis=1)
    ignores, minds, knows_nothing = test.targets.copy(), test.targets.copy(), test.targets.copy()
    ignores[:, :2] = 0.5 * either
    minds[:, :2] = 0.9 * test.targets[:, :2]
    knows_nothing[:, :2] = test.targets[:, :2].mean(axis=0)
    study = study_of(tmp_path, test, ignores=ignores, minds=minds, nothing=knows_nothing)
    excess = {label: excess_of(study, label) for label in ("ignores", "minds", "nothing")}
    assert (excess["ignores"] - excess["nothing"]).interval().low > 0
    (chance,) = (found.chance.value for found in pair_findings(study, study.rows["ignores", 40]))
    assert excess["ignores"].value > chance
    assert excess["minds"].value == 0
    lifts = {label: joint_lift(study, study.rows[label, 40]) for label in excess}
    assert [label for label, lift in lifts.items() if lift and lift.interval().low > 0] == ["ignores"]
    assert [label for label, lift in lifts.items() if lift and lift.interval().high < 0] == ["minds"]
    within = {label: within_pair_auc(study, study.rows[label, 40]) for label in excess}
    assert {label: auc and auc.value for label, auc in within.items()} == {"ignores": 0.5, "minds": 1.0, "nothing": 0.5}


def test_what_the_annotators_themselves_gave_at_once_is_no_excess(tmp_path: Path) -> None:
    test = two_of_four()
    test.targets[8, :2] = 1
    study = study_of(tmp_path, test, labels=test.targets)
    (found,) = pair_findings(study, study.rows["labels", 40])
    assert found.excess.value == 0
    assert found.tracks == 8  # a track with both cannot tell the one from the other


def test_a_resample_is_the_same_as_its_tracks_repeated(tmp_path: Path) -> None:
    test = make_test_part(90)
    scores = make_scores(test, skill=0.2)
    study = study_of(tmp_path, test, network=scores)
    (found,) = pair_findings(study, study.rows["network", 40])
    assert found.within is not None
    first, second = scores[:, 0].astype(np.float64), scores[:, 1].astype(np.float64)
    for column in (0, 500, 999):
        rows = np.repeat(np.arange(90), study.resamples.counts[study.resamples.group_of, column + 1])
        assert found.excess.resamples[column] == pytest.approx((first * second)[rows].mean())
        assert found.chance.resamples[column] == pytest.approx(first[rows].mean() * second[rows].mean())
        one = rows[test.targets[rows, :2].sum(axis=1) == 1]
        share = first[one] / (first[one] + second[one])
        assert found.within.resamples[column] == pytest.approx(roc_auc_score(test.targets[one, 0], share))


def test_all_pairs_of_a_larger_group_count_and_only_of_scored_classification_tags(tmp_path: Path) -> None:
    tags = (
        *(Tag(f"key {name}", "classification", "", "key") for name in "ABC"),
        Tag("key H", "classification", "", "key"),  # on no test track: not scored
        Tag("slow", "regression", "", "tempo"),
        Tag("fast", "regression", "", "tempo"),
        Tag("alone", "classification", "", "alone"),
        Tag("free", "classification"),
    )
    test = make_test_part(150, tags=tags)
    test.targets[:, 3] = 0
    study = study_of(tmp_path, test, network=make_scores(test, skill=0.2))
    pairs = exclusive_pairs(study)
    assert [(pair.group, pair.first, pair.second) for pair in pairs] == [
        ("key", 0, 1), ("key", 0, 2), ("key", 1, 2),
    ]  # fmt: skip
    row = study.rows["network", 40]
    findings, lift = pair_findings(study, row), joint_lift(study, row)
    assert lift is not None
    chance = sum(found.chance.value for found in findings)
    given = [test.targets[:, [pair.first, pair.second]].prod(axis=1).mean(dtype=np.float64) for pair in pairs]
    joint = sum(found.excess.value for found in findings) + sum(given)
    assert lift.value == pytest.approx(joint / chance - 1)


def test_values_are_means_over_the_seeds(tmp_path: Path) -> None:
    test = two_of_four()
    none, all_at_once = np.zeros_like(test.targets), np.ones_like(test.targets)
    write_scored_study(tmp_path, test, {("network", 40, 0): none, ("network", 40, 1): all_at_once})
    study = resample_study(read_study_folder(tmp_path), tmp_path)
    (found,) = pair_findings(study, study.rows["network", 40])
    assert found.excess.value == 0.5
    assert found.within is not None
    assert found.within.value == 0.5  # where both scores are 0, or both 1, neither is preferred


def test_a_resample_that_has_only_one_of_the_two_tags_is_left_out(tmp_path: Path) -> None:
    test = two_of_four()  # four artists, of whom one has baroque alone: many resamples lack it
    study = study_of(tmp_path, test, network=make_scores(test, skill=0.2))
    within = within_pair_auc(study, study.rows["network", 40])
    assert within is not None
    assert np.isnan(within.resamples).any()
    assert np.isfinite(within.interval().low)


def test_without_exclusive_tags_there_is_nothing_to_say(tmp_path: Path) -> None:
    test = make_test_part()
    free = replace(test, tags=tuple(replace(tag, exclusive_group="") for tag in test.tags))
    study = study_of(tmp_path, free, network=make_scores(free, skill=0.2))
    row = study.rows["network", 40]
    assert pair_findings(study, row) == []
    assert joint_lift(study, row) is None
    assert within_pair_auc(study, row) is None
