"""The measures of Table 1, tag by tag: pure functions of targets and scores, from scikit-learn.

Each takes targets and scores of shape (tracks, tags) and returns shape (tags,). A measure that is not defined for a
tag (no positive, or no negative, among its targets) is nan. ROC-AUC counts ties half; PR-AUC is average precision,
the step sum (the trapezoid reads too high when scores tie).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, root_mean_squared_error

from bench.corpus import Float32Array

Float64Array = NDArray[np.float64]


def roc_auc(targets: Float32Array, scores: Float32Array) -> Float64Array:
    """Return the area under the ROC curve of each tag; nan where the tag has one class only."""
    values = np.full(targets.shape[1], np.nan)
    for tag in _tags_with_both_classes(targets):
        values[tag] = roc_auc_score(targets[:, tag], scores[:, tag])
    return values


def pr_auc(targets: Float32Array, scores: Float32Array) -> Float64Array:
    """Return the average precision of each tag; nan where the tag has one class only."""
    values = np.full(targets.shape[1], np.nan)
    for tag in _tags_with_both_classes(targets):
        values[tag] = average_precision_score(targets[:, tag], scores[:, tag])
    return values


def rmse(targets: Float32Array, scores: Float32Array) -> Float64Array:
    """Return the root mean squared error of each tag; nan where there is no track."""
    if not targets.size:
        return np.full(targets.shape[1], np.nan)
    wide_targets, wide_scores = targets.astype(np.float64), scores.astype(np.float64)
    return np.asarray(root_mean_squared_error(wide_targets, wide_scores, multioutput="raw_values"), dtype=np.float64)


def _tags_with_both_classes(targets: Float32Array) -> NDArray[np.intp]:
    positives = (targets > 0).sum(axis=0)
    return np.flatnonzero((positives > 0) & (positives < len(targets)))


def scored_tags(
    targets: Float32Array, kind: Sequence[str], *, min_positives: int, min_negatives: int
) -> NDArray[np.bool_]:
    """Return which tags are scored, shape (tags,): regression tags, and those with enough of both classes.

    `kind` has "classification" or "regression" for each column of `targets`, shape (tracks, tags).
    """
    positives = (targets > 0).sum(axis=0)
    enough = (positives >= min_positives) & (len(targets) - positives >= min_negatives)
    return np.where(np.array(kind) == "regression", len(targets) > 0, enough)
