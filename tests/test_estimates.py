"""What is printed of a study has the interval of its resamples, paired where two rows are compared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.bootstrap import Interval
from bench.corpus import Corpus, Float32Array
from reports.estimates import (
    deltas,
    differences,
    estimates,
    lines,
    other_ways_differences,
    other_ways_lines,
    plain_lines,
)
from reports.resampled import ResampledStudy, resample_study
from reports.rows import MEASURES, gains
from reports.study_folder import read_study_folder
from tests.factories import make_scores, make_test_part, write_scored_study

TEST = make_test_part()
LABELS = ("prior", "gbt", "waveform", "spectrogram")


def scores(skill: float, seed: int = 0, test: Corpus = TEST) -> Float32Array:
    return make_scores(test, skill=skill, seed=seed)


def study_of(out: Path, predicted: dict[tuple[str, int, int], Float32Array], test: Corpus = TEST) -> ResampledStudy:
    return resample_study(read_study_folder(write_scored_study(out, test, predicted)), out)


@pytest.fixture
def study(tmp_path: Path) -> ResampledStudy:
    """Four models at two sizes, one seed."""
    skills = {"prior": 0.0, "gbt": 0.3, "waveform": 0.2, "spectrogram": 0.25}
    cells = [(label, size, 0) for size in (40, 320) for label in LABELS]
    return study_of(tmp_path, {cell: scores(skills[cell[0]] + cell[1] / 4000, seed=n) for n, cell in enumerate(cells)})


def test_values_and_deltas_are_those_of_the_records(study: ResampledStudy) -> None:
    expected = plain_lines(study.study.rows)
    assert [line.row for line in lines(study)] == [line.row for line in expected]
    for line, plain in zip(lines(study), expected, strict=True):
        for measure in MEASURES:
            assert line.values[measure.field].value == pytest.approx(plain.values[measure.field].value, abs=1e-12)
            if plain.gains:
                assert line.gains is not None
                assert line.gains[measure.field].value == pytest.approx(plain.gains[measure.field].value, abs=1e-12)
    assert set(deltas(study)) == set(gains(study.study.rows))


def test_an_interval_lies_about_its_value_and_one_of_a_difference_is_the_narrower_for_being_paired(
    tmp_path: Path,
) -> None:
    better = scores(0.2, seed=1) * np.float32(0.9) + TEST.targets * np.float32(0.02)
    alike = {("waveform", 40, 0): scores(0.2, seed=1), ("spectrogram", 40, 0): better}
    waveform, spectrogram = lines(study_of(tmp_path, alike))
    for measure in MEASURES:
        one, gain = spectrogram.values[measure.field], (spectrogram.gains or {})[measure.field]
        assert one.interval is not None
        assert one.interval.low < one.value < one.interval.high
        assert gain.half_width is not None
        assert one.half_width is not None
        assert gain.half_width < one.half_width / 2
        assert waveform.gains == {}


def test_an_interval_of_a_measure_ends_at_0_and_1_and_that_of_a_difference_does_not(tmp_path: Path) -> None:
    few = TEST.take(np.arange(9))  # three artists
    skills = {"waveform": 0.0, "spectrogram": 0.4}
    study = study_of(tmp_path, {(label, 40, 0): make_scores(few, skill=skill) for label, skill in skills.items()}, few)
    row = study.rows["spectrogram", 40]
    draws = row.macro("roc_auc")
    one = estimates(study, row)["roc_auc"]
    assert draws is not None
    assert one.interval is not None
    assert draws.interval().high > 1
    assert one.interval == Interval(draws.interval().low, 1.0)
    assert one.half_width == one.value - one.interval.low
    gain = row.better_than(study.rows["waveform", 40])
    difference = gain.macro("roc_auc")
    assert difference is not None
    assert estimates(study, gain)["roc_auc"].interval == difference.interval()


def test_best_is_also_what_the_interval_of_the_difference_does_not_tell_from_the_best(tmp_path: Path) -> None:
    skills = {"prior": 0.0, "linear": 0.38, "gbt": 0.4}
    study = study_of(
        tmp_path, {(label, 40, 0): scores(skill, seed=n) for n, (label, skill) in enumerate(skills.items())}
    )
    found = {line.row.label: line for line in lines(study)}
    for measure in MEASURES:
        choose = max if measure.higher_is_better else min
        best = choose(found.values(), key=lambda line: line.values[measure.field].value)
        for line in found.values():
            lost = study.rows[best.row.key].better_than(study.rows[line.row.key])
            interval = estimates(study, lost)[measure.field].interval
            assert interval is not None
            assert (measure.field in line.best) == (interval.low <= 0)
    assert {label: len(line.best) for label, line in found.items()} == {"prior": 0, "linear": 3, "gbt": 3}


def test_test_tracks_of_one_group_have_no_interval(tmp_path: Path) -> None:
    one_group = replace(TEST, groups=np.full(len(TEST), "artist"))
    better, worse = lines(study_of(tmp_path, {("gbt", 40, 0): scores(0.4), ("linear", 40, 0): scores(0.39)}, one_group))
    assert {one.interval for line in (better, worse) for one in line.values.values()} == {None}
    assert better.best > worse.best


@pytest.mark.parametrize("n_seeds", [1, 3, 5])
def test_few_seeds_have_a_deviation_apart_and_many_widen_the_interval(n_seeds: int, tmp_path: Path) -> None:
    apart = {("gbt", 40, seed): scores(0.1 + seed / 10, seed=seed) for seed in range(n_seeds)}
    (line,) = lines(study_of(tmp_path, apart))
    one = line.values["rmse"]
    own = [measures.rmse for measures in line.row.per_seed if measures.rmse is not None]
    assert one.value == pytest.approx(np.mean(own))
    assert one.half_width is not None
    if n_seeds == 1:
        assert (one.seed_sd, one.sd_apart) == (None, None)
    else:
        assert one.seed_sd == pytest.approx(np.std(own, ddof=1))
        assert one.sd_apart == (one.seed_sd if n_seeds == 3 else None)
        assert (one.half_width > one.seed_sd / np.sqrt(n_seeds)) == (n_seeds == 5)


def test_delta_shrinkage_is_the_difference_of_two_deltas(study: ResampledStudy) -> None:
    shrinkage = differences(study)[0]
    assert (shrinkage.kind, shrinkage.model, shrinkage.against) == (
        "delta_smallest_minus_largest",
        "spectrogram",
        "waveform",
    )
    assert (shrinkage.n_train, shrinkage.minus_at) == (40, 320)
    delta = deltas(study)
    for measure in MEASURES:
        small, large = (delta["spectrogram", size][measure.field].value for size in (40, 320))
        assert shrinkage.gains[measure.field].value == pytest.approx(small - large)


def test_each_network_is_set_against_the_trees_of_its_size_and_better_is_positive(study: ResampledStudy) -> None:
    found = differences(study)[1:]
    assert [(one.model, one.against, one.n_train) for one in found] == [
        ("waveform", "gbt", 320),
        ("spectrogram", "gbt", 320),
        ("waveform", "gbt", 40),
        ("spectrogram", "gbt", 40),
    ]
    for one in found:
        network, trees = (estimates(study, study.rows[label, one.n_train]) for label in (one.model, "gbt"))
        for measure in MEASURES:
            sign = 1 if measure.higher_is_better else -1
            lost = sign * (network[measure.field].value - trees[measure.field].value)
            assert one.gains[measure.field].value == pytest.approx(lost)


def test_rows_of_other_seeds_are_not_compared(tmp_path: Path) -> None:
    cells = [("gbt", 40, 0), ("gbt", 40, 1), ("waveform", 40, 0), ("waveform", 320, 0), ("spectrogram", 320, 0)]
    cells += [("waveform", 80, 0), ("waveform", 80, 1), ("spectrogram", 80, 0), ("spectrogram", 80, 1)]
    found = study_of(tmp_path, {cell: scores(0.3, seed=n) for n, cell in enumerate(cells)})
    assert differences(found) == []
    assert len(lines(found)) == 6


def test_another_way_to_predict_is_set_against_the_first_with_the_same_models(tmp_path: Path) -> None:
    cells = [("waveform", 40, seed) for seed in range(3)]
    windows = {cell: scores(0.1 + 0.2 * cell[2], seed=cell[2]) for cell in cells}
    whole = {cell: one + np.float32(0.05) * TEST.targets for cell, one in windows.items()}
    write_scored_study(tmp_path, TEST, windows, whole_song=whole)
    study = resample_study(read_study_folder(tmp_path), tmp_path)
    above, below = other_ways_lines(study)
    assert (above.row.label, below.row.label) == ("waveform", "waveform, whole song")
    gained = (below.gains or {})["roc_auc"]
    assert gained.value == pytest.approx(below.values["roc_auc"].value - above.values["roc_auc"].value)
    assert gained.seed_sd is not None
    assert gained.seed_sd < (above.values["roc_auc"].seed_sd or 0) / 2  # what the seeds have in common is gone
    (difference,) = other_ways_differences(study)
    assert (difference.kind, difference.gains) == ("whole_song_minus_windows", below.gains)
