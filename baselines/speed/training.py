"""Training the trees of `baselines.gbt` against scikit-learn's way: one `XGBClassifier` a tag.

Both train the same tags on the same descriptors and tracks, with one thread, at the depth, rate, row sampling and
regularisation of `GBT`'s defaults; both stop when the log-loss of the same validation tracks has not fallen for as many
rounds, or at the same cap. XGBClassifier keeps XGBoost's own 256 bins and all columns, and quantises the descriptors
for every tag; ours has `GBT`'s bins and columns and quantises once for up to 8 tags. Reading the descriptors from a
memory-mapped file and scoring the validation tracks is part of both.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

from baselines.boosting import Part, Rounds, TagTask, bin_edges, boost_tags, loaded
from baselines.extraction import descriptors
from baselines.gbt import FEWEST_VALID_POSITIVES, GBT, TAGS_PER_CHUNK
from bench.corpus import Corpus, Float32Array, IntArray, Tag
from bench.metrics import pr_auc
from bench.speed import Findings, Lap, Row, take_turns
from bench.splits import Split
from bench.tagger import Context

SEED = 0
OUR_OWN = {"max_bin", "colsample_bytree", "colsample_bynode"}  # what XGBClassifier keeps its defaults of
RENAMED = {"nthread": "n_jobs", "seed": "random_state"}  # by scikit-learn

Columns = tuple[int, ...]


@dataclass(frozen=True)
class Contest:
    """What both train on: the tags, and the descriptors and targets of two parts, as NumPy files in a folder."""

    settings: GBT
    tags: tuple[Tag, ...]
    folder: Path

    def write(self, name: str, part: Part) -> None:
        """Keep the part `name`."""
        np.save(self.folder / f"{name}.npy", part.values)
        np.save(self.folder / f"{name}_targets.npy", part.targets)

    def part(self, name: str) -> Part:
        """Return the part `name`, its descriptors memory-mapped."""
        return Part(np.load(self.folder / f"{name}.npy", mmap_mode="r"), np.load(self.folder / f"{name}_targets.npy"))

    def task(self, column: int, seen: Part) -> TagTask:
        """Return how our own trees of a tag are trained."""
        start = {"base_score": float(seen.targets[:, column].mean())}
        return TagTask(column, self.parameters(column) | start, positive_weight=1.0, stops_early=True)

    def parameters(self, column: int) -> dict[str, Any]:
        """Return XGBoost's parameters for a tag."""
        return self.settings.parameters(self.tags[column], SEED, "cpu")


def compare_training(parts: Split, context: Context, *, tags: int, folder: Path) -> Findings:
    """Return both contestants' CPU seconds for `tags` classification tags, and their mean PR-AUC on validation.

    The tags are evenly spaced among those with enough positives to stop early by. They take turns by as many tags as
    share one quantised copy in `GBT`. PR-AUC is that of the rounds that early stopping keeps.
    """
    contest = Contest(GBT(), parts.train.tags, folder)
    for name, corpus in (("train", parts.train), ("valid", parts.valid)):
        contest.write(name, Part(descriptors(corpus, context, contest.settings.descriptors).matrix, corpus.targets))
    chosen = _evenly_spaced(_stoppable_tags(parts), tags)
    chunks = [tuple(chosen[first : first + TAGS_PER_CHUNK]) for first in range(0, len(chosen), TAGS_PER_CHUNK)]
    contestants = {"tagbench": partial(our_scores, contest), "xgbclassifier": partial(xgbclassifier_scores, contest)}
    taken = take_turns(contestants, chunks, laps=1, warm_up=chunks[0][:1])
    shape = contest.part("train").values.shape
    what = f"{len(chosen)} tags, {shape[0]} × {shape[1]}"
    return _findings(taken, parts.valid.targets[:, chosen], what)


def _findings(taken: dict[str, list[Lap[Float32Array]]], targets: Float32Array, what: str) -> Findings:
    cost = {name: sum(lap.cpu_seconds for lap in laps) for name, laps in taken.items()}
    scores = {name: np.concatenate([lap.result for lap in laps], axis=1) for name, laps in taken.items()}
    areas = {name: float(pr_auc(targets, scores[name]).mean()) for name in taken}
    rows = [Row(f"training_cpu_seconds_{name}", cost[name], f"CPU s, {what}") for name in cost]
    rows += [Row(f"training_pr_auc_{name}", areas[name], "mean over tags, validation") for name in areas]
    ratios = {
        "training_vs_xgbclassifier": cost["xgbclassifier"] / cost["tagbench"],
        "pr_auc_minus_xgbclassifier": areas["tagbench"] - areas["xgbclassifier"],
    }
    return Findings(tuple(rows), ratios)


def _stoppable_tags(parts: Split) -> IntArray:
    """Return the classification tags, by column, that both classes of are in training and enough in validation."""
    return np.array(
        [
            column
            for column in parts.train.tag_rows("classification").tolist()
            if 0 < parts.train.targets[:, column].mean() < 1 and _has_both(parts.valid, column)
        ],
        np.intp,
    )


def _has_both(valid: Corpus, column: int) -> bool:
    positives = int(valid.targets[:, column].sum())
    return FEWEST_VALID_POSITIVES <= positives < len(valid)


def _evenly_spaced(columns: IntArray, count: int) -> list[int]:
    places = np.linspace(0, len(columns) - 1, min(count, len(columns))).round().astype(np.intp)
    chosen: list[int] = columns[places].tolist()
    return chosen


def our_scores(contest: Contest, columns: Columns) -> Float32Array:
    """Train some tags as `GBT` does a chunk of them; return their validation scores, shape (tracks, tags)."""
    settings, seen, unseen = contest.settings, contest.part("train"), contest.part("valid")
    tasks = [contest.task(column, seen) for column in columns]
    rounds = Rounds(settings.max_rounds, settings.fixed_rounds, settings.patience)
    boosted = boost_tags(tasks, rounds, bin_edges(seen.values, settings.max_bin), seen, unseen)
    return np.stack([loaded(boosted[column].trees).inplace_predict(unseen.values) for column in columns], axis=1)


def xgbclassifier_scores(contest: Contest, columns: Columns) -> Float32Array:
    """Fit an XGBClassifier to each tag; return their validation scores, shape (tracks, tags)."""
    seen, unseen = contest.part("train"), contest.part("valid")
    scores = []
    for column in columns:
        model = xgbclassifier(contest, column)
        validation = (unseen.values, unseen.targets[:, column])
        model.fit(seen.values, seen.targets[:, column], eval_set=[validation], verbose=False)
        scores.append(model.predict_proba(unseen.values)[:, 1])
    return np.stack(scores, axis=1)


def xgbclassifier(contest: Contest, column: int) -> xgb.XGBClassifier:
    """Return an unfitted XGBClassifier for a tag: our parameters but for bins and columns, and our stopping rule."""
    ours = contest.parameters(column)
    shared = {RENAMED.get(name, name): value for name, value in ours.items() if name not in OUR_OWN}
    settings = contest.settings
    return xgb.XGBClassifier(n_estimators=settings.max_rounds, early_stopping_rounds=settings.patience, **shared)
