"""Table 1 over the tags of a category, or of a band of prevalence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import Corpus, Tag
from reports.estimates import deltas, estimates
from reports.resampled import ResampledStudy, resample_study
from reports.study_folder import read_study_folder
from reports.tag_groups import NO_CATEGORY, TagGroup, by_category, by_prevalence, groups_table
from tests.factories import make_scores, make_test_part, write_scored_study


def study_of(out: Path, test: Corpus) -> ResampledStudy:
    labels = ("waveform", "spectrogram")
    scores = {(label, 320, 0): make_scores(test, skill=0.3, seed=n) for n, label in enumerate(labels)}
    return resample_study(read_study_folder(write_scored_study(out, test, scores)), out)


def names_of(study: ResampledStudy, group: TagGroup) -> list[str]:
    return [tag.name for tag, member in zip(study.test.tags, group.tags, strict=True) if member]


def test_categories_divide_the_scored_tags(tmp_path: Path) -> None:
    test = make_test_part(
        tags=(
            *(Tag("rare", "classification", "genre"), Tag("rock", "classification", "genre")),
            *(
                Tag("tempo", "regression", "scale"),
                Tag("odd", "classification"),
                Tag("fast", "classification", "scale"),
            ),
        )
    )
    targets = test.targets.copy()
    targets[1:, 0] = 0  # one positive is too few to be scored
    study = study_of(tmp_path, replace(test, targets=targets))
    groups = by_category(study)
    assert {group.name: names_of(study, group) for group in groups} == {
        "genre": ["rock"],
        "scale": ["tempo", "fast"],
        NO_CATEGORY: ["odd"],
    }
    assert [(group.n_classification, group.n_regression) for group in groups] == [(1, 0), (1, 1), (1, 0)]


def test_bands_of_prevalence_divide_the_scored_classification_tags(tmp_path: Path) -> None:
    test = make_test_part(200, tags=(*(Tag(str(n), "classification") for n in (3, 4, 19, 20)), Tag("r", "regression")))
    targets = test.targets.copy()
    for column, positives in enumerate((3, 4, 19, 20)):
        targets[:, column] = np.arange(200) < positives
    study = study_of(tmp_path, replace(test, targets=targets))
    assert {group.name: names_of(study, group) for group in by_prevalence(study)} == {
        "below 2 %": ["3"],
        "2 to 10 %": ["4", "19"],
        "10 % or more": ["20"],
    }


def test_one_group_alone_is_none(tmp_path: Path) -> None:
    study = study_of(tmp_path, make_test_part(tags=(Tag("a", "classification", "x"), Tag("b", "classification", "x"))))
    assert by_category(study) == []
    assert by_prevalence(study) == []


def test_the_table_has_the_measures_of_the_groups_tags_with_delta_and_intervals(tmp_path: Path) -> None:
    test = make_test_part(tags=(Tag("rock", "classification", "a|b"), Tag("jazz", "classification", "c" * 300)))
    study = study_of(tmp_path, test)
    first, *_ = by_category(study)
    lines = groups_table(study, by_category(study)).splitlines()
    assert "√MSE" not in lines[0]  # no group has a regression tag
    rows = [[cell.strip() for cell in line.replace(r"\|", "¦").split("|")[1:-1]] for line in lines[2:]]
    assert [row[:3] for row in rows[:2]] == [["a¦b", "1", "waveform"], ["a¦b", "1", "spectrogram"]]
    assert len(rows[3][0]) <= 60
    value = estimates(study, study.rows["spectrogram", 320], first.tags)["roc_auc"]
    assert rows[1][3] == f"{100 * value.value:.2f} ± {100 * (value.half_width or 0):.2f}"
    delta = deltas(study, first.tags)["spectrogram", 320]["roc_auc"]
    assert rows[0][5] == ""
    assert rows[1][5] == f"{100 * delta.value:+.2f} ± {100 * (delta.half_width or 0):.2f}"


def test_a_measure_over_categories_is_the_mean_over_all_when_weighed_by_their_tags(tmp_path: Path) -> None:
    study = study_of(tmp_path, make_test_part())
    row = study.rows["waveform", 320]
    found = [(group.n_classification, estimates(study, row, group.tags)) for group in by_category(study)]
    parts = [(count, one["pr_auc"].value) for count, one in found if count]
    assert len(parts) == 2
    weighed = sum(count * value for count, value in parts) / sum(count for count, _ in parts)
    assert weighed == pytest.approx(estimates(study, row)["pr_auc"].value)
