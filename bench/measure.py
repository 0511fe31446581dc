"""From scores to the measures of one cell: each scored tag's, and their macro means."""

from dataclasses import dataclass

import numpy as np

from bench.corpus import BoolArray, Corpus, Float32Array
from bench.metrics import pr_auc, rmse, roc_auc, scored_tags
from bench.record import Measures


@dataclass(frozen=True)
class Measured:
    """The measures of one cell, named as in `RunRecord`."""

    metrics: Measures
    pooled_rmse: float | None
    truth_metrics: Measures | None
    per_tag: dict[str, dict[str, float]]
    unscored_tags: dict[str, int]
    n_classification_tags: int
    n_regression_tags: int


def measure(test: Corpus, scores: Float32Array, *, min_positives: int, min_negatives: int) -> Measured:
    """Measure scores, shape (tracks, tags), against the test tracks' labels, and beside them against exact labels."""
    kinds = [tag.kind for tag in test.tags]
    scored = scored_tags(test.targets, kinds, min_positives=min_positives, min_negatives=min_negatives)
    classification = scored & (np.array(kinds) == "classification")
    regression = scored & (np.array(kinds) == "regression")
    per_tag = _per_tag(test, test.targets, scores, classification, regression)
    return Measured(
        metrics=_macro_means(per_tag),
        pooled_rmse=_pooled_rmse(test.targets[:, regression], scores[:, regression]),
        truth_metrics=None
        if test.truth is None
        else _macro_means(_per_tag(test, test.truth, scores, classification, regression)),
        per_tag=per_tag,
        unscored_tags={test.tags[i].name: int(test.targets[:, i].sum()) for i in np.flatnonzero(~scored)},
        n_classification_tags=int(classification.sum()),
        n_regression_tags=int(regression.sum()),
    )


def _per_tag(
    test: Corpus, targets: Float32Array, scores: Float32Array, classification: BoolArray, regression: BoolArray
) -> dict[str, dict[str, float]]:
    """Return each scored tag's measures; a tag that has one class only among these targets is left out."""
    names = np.array([tag.name for tag in test.tags])
    chosen_targets, chosen_scores = targets[:, classification], scores[:, classification]
    areas = zip(roc_auc(chosen_targets, chosen_scores), pr_auc(chosen_targets, chosen_scores), strict=True)
    measures = {
        str(name): {"roc_auc": float(roc), "pr_auc": float(pr)}
        for name, (roc, pr) in zip(names[classification], areas, strict=True)
        if np.isfinite(roc)
    }
    errors = rmse(targets[:, regression], scores[:, regression])
    return measures | {str(name): {"rmse": float(error)} for name, error in zip(names[regression], errors, strict=True)}


def _macro_means(per_tag: dict[str, dict[str, float]]) -> Measures:
    def mean(key: str) -> float | None:
        values = [measures[key] for measures in per_tag.values() if key in measures]
        return float(np.mean(values)) if values else None

    return Measures(roc_auc=mean("roc_auc"), pr_auc=mean("pr_auc"), rmse=mean("rmse"))


def _pooled_rmse(targets: Float32Array, scores: Float32Array) -> float | None:
    if not targets.size:
        return None
    return float(np.sqrt(np.mean((targets.astype(np.float64) - scores) ** 2)))
