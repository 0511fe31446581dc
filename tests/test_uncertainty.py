"""The caption says what the intervals are, and what they do not hold."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.bootstrap import PR_AUC_CAUTION
from bench.corpus import Corpus, Tag
from reports.resampled import resample_study
from reports.study_folder import read_study_folder
from reports.uncertainty import interval_notes
from tests.factories import make_scores, make_test_part, write_scored_study

TEST = make_test_part()


def notes_of(out: Path, seeds: Sequence[int] = (1,), test: Corpus = TEST) -> str:
    cells = [("gbt", 10 * (1 + n), seed) for n, count in enumerate(seeds) for seed in range(count)]
    write_scored_study(out, test, {cell: make_scores(test, skill=0.3, seed=cell[2]) for cell in cells})
    return "\n".join(" ".join(note) for note in interval_notes(resample_study(read_study_folder(out), out)))


def test_what_was_resampled_and_how_often_is_told(tmp_path: Path) -> None:
    told = notes_of(tmp_path)
    assert "1.96 standard errors, from a paired bootstrap over the 40 groups (artists) of the test tracks" in told
    assert "with 1,000 resamples" in told
    assert "all positive or all negative is left out" in told


def test_how_often_intervals_of_pr_auc_hold_the_truth_is_told_where_it_is_measured(tmp_path: Path) -> None:
    assert f"PR-AUC: {PR_AUC_CAUTION}" in notes_of(tmp_path / "both").splitlines()
    graded = make_test_part(tags=(Tag("energy", "regression"),))
    assert "PR-AUC" not in notes_of(tmp_path / "graded", test=graded)


def test_tracks_that_are_groups_of_their_own_are_not_called_artists(tmp_path: Path) -> None:
    told = notes_of(tmp_path, test=replace(TEST, groups=TEST.ids))
    assert "over the 120 test tracks, each a group of its own" in told
    assert "artists" not in told


def test_one_group_gives_no_interval_and_is_told(tmp_path: Path) -> None:
    told = notes_of(tmp_path, test=replace(TEST, groups=np.full(len(TEST), "a")))
    assert "all test tracks are of one group" in told
    assert "±" not in told.splitlines()[0]
    assert "Bold is the best value of a measure in the whole table.\n" in told
    assert "interval of their difference" not in told


def test_few_groups_are_told(tmp_path: Path) -> None:
    assert "Only 40 groups: expect the intervals to be too narrow" in notes_of(tmp_path / "few")
    many = make_test_part(900)
    assert "too narrow" not in notes_of(tmp_path / "many", test=many)


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ((1,), {"training variance not included"}),
        ((2,), {"standard deviation between trainings"}),
        ((4,), {"standard deviation between trainings"}),
        ((5,), {"training variance is in ±"}),
        ((1, 3), {"training variance not included", "standard deviation between trainings"}),
    ],
)
def test_what_is_said_of_seeds_is_what_they_are(seeds: tuple[int, ...], told: set[str], tmp_path: Path) -> None:
    said = notes_of(tmp_path, seeds)
    sentences = {
        "training variance not included",
        "standard deviation between trainings",
        "training variance is in ±",
    }
    assert {sentence for sentence in sentences if sentence in said} == told
