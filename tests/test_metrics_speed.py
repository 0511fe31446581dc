"""The speed of the measures on resamples: both contestants find the same, and the command tells of it."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.metrics_speed import QUICK, measure_at_once, measure_one_by_one, simulate
from tests.conftest import TAGBENCH


def test_a_third_of_the_tags_ties_and_prevalence_falls_from_tag_to_tag() -> None:
    test, scores = simulate(3000, 6)
    kinds = {kind: test.tag_rows(kind) for kind in ("classification", "regression")}
    assert [len(rows) for rows in kinds.values()] == [6, 6]
    distinct = [len(np.unique(scores[:, tag])) for tag in kinds["classification"]]
    assert [count < 100 for count in distinct] == [True, False, False] * 2
    prevalence = test.targets[:, kinds["classification"]].mean(axis=0)
    assert (np.diff(prevalence) < 0).all()
    assert prevalence[[0, -1]] == pytest.approx([0.3, 0.003], rel=0.5)


def test_both_contestants_find_the_same_on_the_resamples_that_both_measure() -> None:
    sizes = replace(QUICK, looped=6)
    ours, looped = measure_at_once(sizes), measure_one_by_one(sizes)
    assert ours.shape == (3 * 2 * sizes.tags + 3, 1 + sizes.resamples)
    assert np.isfinite(ours[:, 0]).sum() == 3 * sizes.tags + 3
    np.testing.assert_allclose(ours[:, : 1 + sizes.looped], looped, rtol=0, atol=1e-12)


def test_the_whole_command_with_little_data_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    command = [TAGBENCH, "speed", "metrics", "--quick", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    told = [line.split("|")[1].strip() for line in done.stdout.splitlines()[2:]]
    assert told == [*[row["name"] for row in content["rows"]], *content["ratios"]]
    values = {row["name"]: row["value"] for row in content["rows"]}
    looped = values["metrics_cpu_seconds_sklearn_looped"] * (1 + QUICK.resamples) / (1 + QUICK.looped)
    assert values["metrics_cpu_seconds_sklearn"] == pytest.approx(looped)
    assert content["ratios"]["bootstrap_vs_sklearn"] == pytest.approx(looped / values["metrics_cpu_seconds_tagbench"])
    assert 0 <= values["metrics_largest_difference"] < 1
