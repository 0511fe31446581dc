"""ROC-AUC and PR-AUC are those that MediaEval published for its baselines, from their published predictions.

`TAGBENCH_MEDIAEVAL=DIR .venv/bin/pytest tests/test_mediaeval.py` takes them from a copy of the folder
`results/mediaeval` of https://github.com/MTG/mtg-jamendo-dataset: the ground truth of the task "Emotion and Theme
Recognition in Music", what each baseline predicted, and its results to six decimals. Otherwise, small files of the same
kind are written, with results by the definitions.
"""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.bootstrap import Ranking
from bench.corpus import Float32Array
from bench.metrics import Float64Array, pr_auc, roc_auc


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = os.environ.get("TAGBENCH_MEDIAEVAL")
    return Path(folder) if folder else write_published(tmp_path_factory.mktemp("mediaeval"))


def write_published(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    truth = draw.random((300, 4)) < [0.3, 0.1, 0.05, 0.02]
    np.save(folder / "groundtruth.npy", truth)
    skilled = (truth + draw.random(truth.shape)).round(1).astype(np.float32)
    for name, scores in (("skilled", skilled), ("constant", np.full(truth.shape, 0.1))):
        np.save(folder / f"baseline_{name}_predictions.npy", scores)
        values = {
            "ROC-AUC-macro": np.mean([pairs_in_order(*column) for column in zip(truth.T, scores.T, strict=True)]),
            "PR-AUC-macro": np.mean([mean_precision(*column) for column in zip(truth.T, scores.T, strict=True)]),
        }
        lines = [f"{measure}\t{value:.6f}" for measure, value in values.items()]
        (folder / f"baseline_{name}_results.tsv").write_text("\n".join(lines))
    return folder


def pairs_in_order(positive: np.ndarray, scores: np.ndarray) -> float:
    above = scores[positive][:, None] - scores[~positive]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def mean_precision(positive: np.ndarray, scores: np.ndarray) -> float:
    return float(np.mean([positive[scores >= threshold].mean() for threshold in scores[positive]]))


def by_scikit_learn(truth: Float32Array, scores: Float32Array) -> tuple[Float64Array, Float64Array]:
    return roc_auc(truth, scores), pr_auc(truth, scores)


def by_ranking(truth: Float32Array, scores: Float32Array) -> tuple[Float64Array, Float64Array]:
    once = np.ones((len(truth), 1), dtype=np.int32)
    areas = [Ranking(truth[:, tag] > 0, scores[:, tag]).areas(once) for tag in range(truth.shape[1])]
    rocs, precisions = (np.concatenate(each) for each in zip(*areas, strict=True))
    return rocs, precisions


@pytest.mark.parametrize("measure", [by_scikit_learn, by_ranking])
def test_both_areas_are_the_published_results_of_each_baseline(
    published: Path, measure: Callable[[Float32Array, Float32Array], tuple[Float64Array, Float64Array]]
) -> None:
    truth = np.load(published / "groundtruth.npy").astype(np.float32)
    results = sorted(published.glob("*_results.tsv"))
    assert len(results) == 2
    for file in results:
        official = dict(csv.reader(file.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
        scores = np.load(file.with_name(file.name.replace("results.tsv", "predictions.npy"))).astype(np.float32)
        for name, values in zip(("ROC-AUC-macro", "PR-AUC-macro"), measure(truth, scores), strict=True):
            assert values.mean() == pytest.approx(float(official[name]), abs=5.1e-7), (file.name, name)
