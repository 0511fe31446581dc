"""The paper's baseline: descriptors and one gradient-boosted model a tag (XGBoost; Chen & Guestrin 2016).

Classification tags are trained on the logistic loss, regression tags on the squared error, each until the validation
part's log-loss or RMSE no longer falls. Tags are trained side by side in processes, one thread each, so that scores do
not depend on the number of cores. Trees take a missing descriptor as missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import joblib
import numpy as np
import xgboost as xgb
from pydantic import Field

from baselines.extraction import DescriptorSettings, descriptors
from baselines.tagger import DescriptorTagger, TrainedOnDescriptors, one_class_tags, read_description
from bench.corpus import Corpus, Float32Array, Tag
from bench.progress import progress_bar
from bench.tagger import Context, FitSummary, check_parts

TREES_FOLDER = "trees"
PREVALENCE_FILE = "prevalence.npy"
TAGS_PER_CHUNK = 8  # a process quantises the descriptors once a chunk
FEWEST_VALID_POSITIVES = 5

_TagTask = tuple[int, dict[str, Any], bool]  # column, XGBoost's parameters, whether it stops early


@dataclass(frozen=True)
class _Part:
    """Descriptors, shape (tracks, descriptors), and targets, shape (tracks, tags)."""

    values: Float32Array
    targets: Float32Array


@dataclass(frozen=True)
class _TrainedTag:
    """A tag's trees as UBJSON, and whether `max_rounds`, not early stopping, ended their training."""

    trees: bytes
    hit_cap: bool


class GBT(DescriptorTagger):
    """Settings of the trees: those of XGBoost under its own names, and when to stop.

    Training ends `patience` rounds after the best one on the validation part, or at `max_rounds`; a tag with fewer than
    5 positives there is trained for `fixed_rounds`. The defaults take fewer columns and bins than XGBoost's own, for
    speed; depth and rate did best of twelve settings on the embedded corpus's validation part at 40 to 320 tracks.
    """

    search: ClassVar[Mapping[str, Sequence[object]]] = {
        "max_depth": (2, 3, 4, 6),
        "learning_rate": (0.02, 0.04, 0.1),
        "subsample": (0.6, 0.8, 1.0),
        "colsample_bytree": (0.1, 0.3, 0.5, 1.0),
        "min_child_weight": (1.0, 5.0),
    }

    max_rounds: int = Field(default=1000, ge=1)
    fixed_rounds: int = Field(default=100, ge=1)
    patience: int = Field(default=50, ge=1)
    learning_rate: float = Field(default=0.04, gt=0, le=1)
    max_depth: int = Field(default=3, ge=1, le=16)
    min_child_weight: float = Field(default=1.0, ge=0)
    reg_lambda: float = Field(default=1.0, ge=0)
    subsample: float = Field(default=0.8, gt=0, le=1)
    colsample_bytree: float = Field(default=0.3, gt=0, le=1)
    max_bin: int = Field(default=64, ge=2, le=65536)

    def fit(self, train: Corpus, valid: Corpus, context: Context) -> "TrainedGBT":
        """Train one model a tag; a tag with one class in training keeps its prevalence."""
        check_parts(train, valid)
        table = descriptors(train, context, self.descriptors)
        seen = _Part(table.matrix, train.targets)
        unseen = _Part(descriptors(valid, context, self.descriptors).matrix, valid.targets)
        constant = one_class_tags(train)
        fixed = {column: why for column, why in self._fixed_tags(valid).items() if column not in constant}
        columns = [column for column in range(len(train.tags)) if column not in constant]
        tasks = [
            (column, self._parameters(train.tags[column], context.seed), column not in fixed) for column in columns
        ]
        trained = self._train(tasks, seen, unseen, context.workers)
        boosters = {column: tag.trees for column, tag in trained.items()}
        special = {train.tags[column].name: reason for column, reason in sorted((constant | fixed).items())}
        leaves, hit_cap = sum(map(count_leaves, boosters.values())), any(tag.hit_cap for tag in trained.values())
        summary = FitSummary(leaves, hit_cap=hit_cap, special_tags=special)
        prevalence = train.targets.mean(axis=0, dtype=np.float64).astype(np.float32)
        return TrainedGBT(self.descriptors, table.names, train.tags, prevalence, boosters, summary)

    def _fixed_tags(self, valid: Corpus) -> dict[int, str]:
        """Return the classification tags, by column, that `valid` cannot say when to stop, each with the reason."""
        positives = valid.targets.sum(axis=0)
        rounds = f"{self.fixed_rounds} rounds, no early stopping"
        return {
            column: f"fewer than {FEWEST_VALID_POSITIVES} positives in validation: {rounds}"
            for column in valid.tag_rows("classification").tolist()
            if positives[column] < FEWEST_VALID_POSITIVES
        }

    def _parameters(self, tag: Tag, seed: int) -> dict[str, Any]:
        """Return XGBoost's parameters for a tag."""
        classifies = tag.kind == "classification"
        sampled = {"learning_rate", "max_depth", "min_child_weight", "reg_lambda", "subsample", "colsample_bytree"}
        return self.model_dump(include=sampled | {"max_bin"}) | {
            "objective": "binary:logistic" if classifies else "reg:squarederror",
            "eval_metric": "logloss" if classifies else "rmse",
            "tree_method": "hist",
            "nthread": 1,
            "seed": seed,
        }

    def _train(self, tasks: list[_TagTask], seen: _Part, unseen: _Part, workers: int) -> dict[int, _TrainedTag]:
        """Return each tag's trees, by column."""
        chunks = [tasks[first : first + TAGS_PER_CHUNK] for first in range(0, len(tasks), TAGS_PER_CHUNK)]
        calls = (joblib.delayed(_train_chunk)(chunk, self, seen, unseen) for chunk in chunks)
        trained: dict[int, _TrainedTag] = {}
        with progress_bar(len(tasks), f"trees, {len(seen.values)} tracks", "tag") as bar:
            for chunk in joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(calls):
                trained |= chunk
                bar.update(len(chunk))
        return trained

    @staticmethod
    def load(folder: Path) -> "TrainedGBT":
        """Read saved trees."""
        settings, names, tags = read_description(folder)
        prevalence = np.load(folder / PREVALENCE_FILE, allow_pickle=False)
        files = {column: folder / TREES_FOLDER / f"{column:04d}.ubj" for column in range(len(tags))}
        boosters = {column: file.read_bytes() for column, file in files.items() if file.exists()}
        return TrainedGBT(settings, names, tags, prevalence, boosters)


class TrainedGBT(TrainedOnDescriptors):
    """`boosters`, one tag's trees as UBJSON, by column; a tag without trees has its `prevalence`, shape (tags,).

    The summary's number of parameters is the number of leaves.
    """

    def __init__(
        self,
        settings: DescriptorSettings,
        names: tuple[str, ...],
        tags: tuple[Tag, ...],
        prevalence: Float32Array,
        boosters: dict[int, bytes],
        summary: FitSummary | None = None,
    ) -> None:
        super().__init__(settings, names, tags)
        self.prevalence = prevalence
        self.boosters = boosters
        self.summary = summary or FitSummary(sum(map(count_leaves, boosters.values())))

    def scores(self, values: Float32Array) -> Float32Array:
        """Return probabilities of classification tags and predictions of regression tags, shape (tracks, tags)."""
        scores = np.tile(self.prevalence, (len(values), 1))
        for column in self.boosters:
            scores[:, column] = self.booster(column).inplace_predict(values)
        return scores

    def booster(self, column: int) -> xgb.Booster:
        """Return the trees of a tag that has some."""
        return _booster(self.boosters[column])

    def save(self, folder: Path) -> None:
        """Write each tag's trees in XGBoost's UBJSON, the prevalence as a NumPy array and the rest as JSON."""
        (folder / TREES_FOLDER).mkdir()
        for column, trees in self.boosters.items():
            (folder / TREES_FOLDER / f"{column:04d}.ubj").write_bytes(trees)
        np.save(folder / PREVALENCE_FILE, self.prevalence, allow_pickle=False)
        self.write_description(folder)


def count_leaves(trees: bytes) -> int:
    """Return the number of leaves of a saved booster."""
    return sum(tree.count("leaf=") for tree in _booster(trees).get_dump())


def _booster(trees: bytes) -> xgb.Booster:
    return xgb.Booster(model_file=bytearray(trees))


def _train_chunk(tasks: list[_TagTask], settings: GBT, seen: _Part, unseen: _Part) -> dict[int, _TrainedTag]:
    """Train some tags one after another on descriptors that are quantised once."""
    train = xgb.QuantileDMatrix(seen.values, max_bin=settings.max_bin, nthread=1)
    valid = xgb.QuantileDMatrix(unseen.values, ref=train, max_bin=settings.max_bin, nthread=1)
    trained = {}
    for column, parameters, stops_early in tasks:
        train.set_label(seen.targets[:, column])
        valid.set_label(unseen.targets[:, column])
        trained[column] = _train_tag(parameters, settings, train, valid if stops_early else None)
    return trained


def _train_tag(
    parameters: dict[str, Any], settings: GBT, train: xgb.QuantileDMatrix, valid: xgb.QuantileDMatrix | None
) -> _TrainedTag:
    """Boost from the training mean; keep the rounds up to the best on `valid`, or a fixed number without it."""
    start = parameters | {"base_score": float(train.get_label().mean())}
    if valid is None:
        return _TrainedTag(bytes(xgb.train(start, train, settings.fixed_rounds).save_raw("ubj")), hit_cap=False)
    booster = xgb.train(
        start,
        train,
        settings.max_rounds,
        evals=[(valid, "valid")],
        early_stopping_rounds=settings.patience,
        verbose_eval=False,
    )
    hit_cap = booster.num_boosted_rounds() - 1 - booster.best_iteration < settings.patience
    return _TrainedTag(bytes(booster[: booster.best_iteration + 1].save_raw("ubj")), hit_cap)
