"""Trees on quantised descriptors: what they cost in memory, and how they take what is missing, rare or on a GPU."""

import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import xgboost as xgb
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from baselines.boosting import (
    MISSING,
    ROWS_A_BATCH,
    Part,
    Rounds,
    TagTask,
    bin_edges,
    boost_tags,
    descriptor_gains,
    loaded,
    quantise,
)
from baselines.gbt import GBT
from bench.corpus import Float32Array, Tag

ROCK, TEMPO = Tag("rock", "classification"), Tag("tempo", "regression")
ROUNDS = Rounds(most=200, fixed=50, patience=10)

MEASURE = """
import ctypes, sys
import numpy as np
import xgboost as xgb
from baselines.boosting import bin_edges, quantise

def anonymous_bytes():
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

values = np.load(sys.argv[1], mmap_mode="r")
bins = xgb.QuantileDMatrix(bin_edges(values, 64), max_bin=64)
quantise(values[:10], bins)
before = anonymous_bytes()
matrix = quantise(values, bins)
print((anonymous_bytes() - before) / values.size)
"""


def descriptors_of(tracks: int, columns: int = 20) -> Float32Array:
    return np.random.default_rng(0).standard_normal((tracks, columns), np.float32)


def binned(values: Float32Array, max_bin: int) -> xgb.QuantileDMatrix:
    return quantise(values, xgb.QuantileDMatrix(bin_edges(values, max_bin), max_bin=max_bin, nthread=1))


def boosted(values: Float32Array, labels: NDArray[np.bool_], *, positive_weight: float = 1.0) -> xgb.Booster:
    """Return trees for a classification tag, trained on three quarters of the tracks and stopped by the rest."""
    targets = labels.astype(np.float32)[:, None]
    parts = [Part(values[rows], targets[rows]) for rows in np.split(np.arange(len(values)), [len(values) * 3 // 4])]
    parameters = GBT(colsample_bytree=1.0).parameters(ROCK, seed=0, device="cpu")
    task = TagTask(0, parameters, positive_weight, stops_early=True)
    return loaded(boost_tags([task], ROUNDS, bin_edges(parts[0].values, GBT().max_bin), *parts)[0].trees)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("missing", ["nothing", "some values and a whole descriptor"])
def test_a_quantised_copy_costs_at_most_two_and_a_half_bytes_a_value(missing: str, tmp_path: Path) -> None:
    values = descriptors_of(40_000, 200)
    if missing != "nothing":
        values[::100, ::10] = np.nan
        values[:, 7] = np.nan
    np.save(tmp_path / "values.npy", values)
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "values.npy")], capture_output=True, check=True, text=True
    )
    assert 1.5 < float(told.stdout) < 2.5


def test_workers_get_a_mapped_matrix_by_its_path(tmp_path: Path) -> None:
    np.save(tmp_path / "values.npy", descriptors_of(10_000, 50))
    part = Part(np.load(tmp_path / "values.npy", mmap_mode="r"), np.zeros((10_000, 1), np.float32))
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(file_behind)(part)])
    assert there == str(tmp_path / "values.npy")


def file_behind(part: Part) -> str:
    return str(getattr(part.values, "filename", ""))


def test_a_missing_value_has_a_bin_of_its_own_above_all_others() -> None:
    values = descriptors_of(10_000, 3)
    values[5, 1] = np.nan
    first, cuts = binned(values, 16).get_quantile_cut()
    for column in range(3):
        *_, largest, missing, _ = cuts[first[column] : first[column + 1]]
        assert largest == np.nanmax(values[:, column])
        assert missing == MISSING


def test_bins_hold_about_as_many_tracks_each() -> None:
    values = np.random.default_rng(0).exponential(size=(100_000, 1)).astype(np.float32)
    values[::3] = np.nan
    edges = bin_edges(values, 11)[:-1, 0]
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    assert_allclose(counts / counts.sum(), np.full(9, 1 / 9), atol=0.01)


def test_a_matrix_of_several_batches_keeps_all_its_tracks_in_order() -> None:
    values = np.arange(2.5 * ROWS_A_BATCH, dtype=np.float32)[:, None]
    matrix = binned(values, 256)
    bins = matrix.get_data().toarray()[:, 0]
    assert len(bins) == len(values)
    assert (np.diff(bins) >= 0).all()


def test_what_is_missing_can_tell_a_tag_by_itself() -> None:
    values = descriptors_of(800)
    absent = np.random.default_rng(1).random(800) < 0.3
    values[absent, 4] = np.nan
    scores = boosted(values, absent).inplace_predict(values)
    assert scores[absent].min() > 0.9
    assert scores[~absent].max() < 0.1


def test_a_descriptor_that_is_missing_everywhere_is_never_split_on() -> None:
    values = descriptors_of(400)
    values[:, 3] = np.nan
    trees = boosted(values, values[:, 0] > 0)
    assert "f3" not in trees.get_score()
    others = values.copy()
    others[:, 3] = 1.0
    assert_array_equal(trees.inplace_predict(others), trees.inplace_predict(values))


def test_trees_take_a_nan_in_prediction_as_they_took_it_in_training() -> None:
    values = descriptors_of(2000)
    values[np.random.default_rng(1).random(values.shape) < 0.2] = np.nan
    trees = boosted(values, np.nan_to_num(values[:, 0]) + np.isnan(values[:, 1]) > 0.3)
    shown = np.where(np.isnan(values), MISSING, values)
    assert_array_equal(trees.inplace_predict(values), trees.inplace_predict(shown))


def test_a_rare_tag_is_scored_by_its_prevalence_unless_classes_are_balanced() -> None:
    values = descriptors_of(4000)
    rare = values[:, 0] + np.random.default_rng(1).standard_normal(4000) > 2.6
    assert 0.02 < rare.mean() < 0.05
    plain, balanced = (
        float(boosted(values, rare, positive_weight=weight).inplace_predict(values).mean())
        for weight in (1.0, (1 - rare.mean()) / rare.mean())
    )
    assert plain == pytest.approx(rare.mean(), rel=0.2)
    assert balanced > 4 * rare.mean()


def test_gains_are_of_the_descriptors_that_tell_the_tag() -> None:
    values = descriptors_of(1000, 4)
    gains = descriptor_gains(boosted(values, values[:, 2] > 0), ["timbre.a", "timbre.b", "rhythm.c", "harmony.d"])
    assert max(gains, key=lambda name: gains[name]) == "rhythm.c"
    assert gains["rhythm.c"] > 0.9 * sum(gains.values())


@pytest.mark.parametrize(("tag", "objective"), [(ROCK, "binary:logistic"), (TEMPO, "reg:squarederror")])
def test_xgboost_gets_the_settings_the_device_and_the_objective(tag: Tag, objective: str) -> None:
    sampled = {"subsample": 0.5, "colsample_bytree": 0.4, "colsample_bynode": 0.3}
    grown = {"learning_rate": 0.2, "max_depth": 5, "min_child_weight": 2.0, "reg_lambda": 3.0, "max_bin": 32}
    parameters = GBT.model_validate(sampled | grown).parameters(tag, seed=7, device="cuda")
    assert parameters.items() >= (sampled | grown).items()
    assert (parameters["objective"], parameters["device"], parameters["seed"]) == (objective, "cuda", 7)
    assert (parameters["nthread"], parameters["tree_method"]) == (1, "hist")
