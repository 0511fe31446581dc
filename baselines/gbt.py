"""The paper's baseline: descriptors and one gradient-boosted model a tag (XGBoost; Chen & Guestrin 2016).

Classification tags are trained on the logistic loss, regression tags on the squared error, each until the validation
part's log-loss or RMSE no longer falls. Tags are trained side by side in processes, one thread each, so that scores do
not depend on the number of cores; on a GPU, one after another.
"""

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from pydantic import Field

from baselines.boosting import (
    ROUNDS_A_JUDGEMENT,
    BoostedTag,
    MappedPart,
    Rounds,
    TagChunk,
    TagTask,
    Trees,
    bin_edges,
    boost_chunks,
    count_leaves,
    descriptor_gains,
    loaded,
    score_trees,
    tree_scores,
)
from baselines.extraction import DescriptorSettings, descriptors
from baselines.tagger import DescriptorTagger, TrainedOnDescriptors, one_class_tags, read_description
from baselines.trees import check_trees
from bench.corpus import Corpus, Float32Array, Tag
from bench.parallel import in_tasks
from bench.progress import progress_bar
from bench.tagger import Context, FitSummary, Steps, check_parts

TREES_FOLDER = "trees"
PREVALENCE_FILE = "prevalence.npy"
TAGS_PER_CHUNK = 8  # at most; a process quantises the descriptors once a chunk, in under 1 % of its time
FEWEST_VALID_POSITIVES = 5

XGBOOST_SETTINGS = {
    "learning_rate",
    "max_depth",
    "min_child_weight",
    "reg_lambda",
    "subsample",
    "colsample_bytree",
    "colsample_bynode",
    "max_bin",
}


class GBT(DescriptorTagger):
    """Settings of the trees: those of XGBoost under its own names, and when to stop.

    Training ends `patience` rounds after the best one on the validation part, or at `max_rounds`; a tag with fewer than
    5 positives there is trained for `fixed_rounds`. The defaults are what did best on the embedded corpus's validation
    parts, at 40 to 1,000 tracks, when depth, rate, rows, columns and bins were varied one after another: a tree that
    sees a tenth of the columns is both better and cheaper than one that sees all, and so is depth 2 than 3 or 4; more
    bins than 32 gain nothing.
    `class_weights = "balanced"` lets both classes of a classification tag weigh the same, in training and where it
    stops; its scores are then far above the probabilities of rare tags.
    """

    search: ClassVar[Mapping[str, Sequence[object]]] = {
        "max_depth": (2, 3, 4, 6),
        "learning_rate": (0.02, 0.04, 0.1),
        "min_child_weight": (1.0, 5.0),
        "subsample": (0.6, 0.8, 1.0),
        "colsample_bytree": (0.1, 0.3, 0.5, 1.0),
    }

    trains_on_gpu: ClassVar[bool] = True

    max_rounds: int = Field(default=1000, ge=1)
    fixed_rounds: int = Field(default=100, ge=1)
    patience: int = Field(default=50, ge=1)
    learning_rate: float = Field(default=0.06, gt=0, le=1)
    max_depth: int = Field(default=2, ge=1, le=16)
    min_child_weight: float = Field(default=1.0, ge=0)
    reg_lambda: float = Field(default=1.0, ge=0)
    subsample: float = Field(default=0.8, gt=0, le=1)
    colsample_bytree: float = Field(default=0.1, gt=0, le=1)
    colsample_bynode: float = Field(default=1.0, gt=0, le=1)
    max_bin: int = Field(default=32, ge=4, le=65536)
    class_weights: Literal["none", "balanced"] = "none"

    def steps(self) -> Steps:
        """Return rounds: at least so many as end `patience` rounds after the first judgement."""
        least = min(self.max_rounds, self.patience + ROUNDS_A_JUDGEMENT)
        return Steps(least, self.max_rounds, ROUNDS_A_JUDGEMENT, reads_all=True)

    def with_steps(self, steps: int) -> Self:
        """Return trees of so many rounds, whatever the validation part says."""
        return self.model_copy(update={"max_rounds": steps, "fixed_rounds": steps, "patience": steps})

    def fit(self, train: Corpus, valid: Corpus, context: Context) -> "TrainedGBT":
        """Train one model a tag; a tag with one class in training keeps its prevalence."""
        check_parts(train, valid)
        table = descriptors(train, context, self.descriptors)
        seen = MappedPart(table.file, train.targets)
        unseen = MappedPart(descriptors(valid, context, self.descriptors, table.names).file, valid.targets)
        constant = one_class_tags(train)
        fixed = {column: why for column, why in self._fixed_tags(valid).items() if column not in constant}
        columns = [column for column in range(len(train.tags)) if column not in constant]
        tasks = [self._task(column, train, context, stops_early=column not in fixed) for column in columns]
        boosted = self._boost(tasks, seen, unseen, context)
        special = {train.tags[column].name: reason for column, reason in sorted((constant | fixed).items())}
        prevalence = train.targets.mean(axis=0, dtype=np.float64).astype(np.float32)
        return TrainedGBT(
            self.descriptors,
            table.names,
            train.tags,
            prevalence,
            {column: tag.trees for column, tag in boosted.items()},
            hit_cap=any(tag.hit_cap for tag in boosted.values()),
            special_tags=special,
        )

    def _fixed_tags(self, valid: Corpus) -> dict[int, str]:
        """Return the classification tags, by column, that `valid` cannot say when to stop, each with the reason."""
        positives = valid.targets.sum(axis=0)
        rounds = f"{self.fixed_rounds} rounds, no early stopping"
        return {
            column: f"fewer than {FEWEST_VALID_POSITIVES} positives in validation: {rounds}"
            for column in valid.tag_rows("classification").tolist()
            if positives[column] < FEWEST_VALID_POSITIVES
        }

    def _task(self, column: int, train: Corpus, context: Context, *, stops_early: bool) -> TagTask:
        """Return how a tag is trained: from the training mean on, weighted as the tracks are."""
        tag, mean = train.tags[column], float(train.targets[:, column].mean())
        parameters = self.parameters(tag, context.seed, context.device)
        if tag.kind == "classification" and self.class_weights == "balanced":
            return TagTask(column, parameters | {"base_score": 0.5}, (1 - mean) / mean, stops_early)
        return TagTask(column, parameters | {"base_score": mean}, 1.0, stops_early)

    def parameters(self, tag: Tag, seed: int, device: str) -> dict[str, Any]:
        """Return XGBoost's parameters for a tag."""
        classifies = tag.kind == "classification"
        return self.model_dump(include=XGBOOST_SETTINGS) | {
            "objective": "binary:logistic" if classifies else "reg:squarederror",
            "eval_metric": "logloss" if classifies else "rmse",
            "tree_method": "hist",
            "device": device,
            "nthread": 1,
            "seed": seed,
        }

    def _boost(
        self, tasks: list[TagTask], seen: MappedPart, unseen: MappedPart, context: Context
    ) -> dict[int, BoostedTag]:
        """Return each tag's trees, by column."""
        chunks = list(self._chunks(tasks, seen, unseen, context.workers))
        boosted: dict[int, BoostedTag] = {}
        with progress_bar(len(tasks), f"trees, {len(seen.targets)} tracks", "tag") as bar:
            for _, chunk in _trained(chunks, context):
                boosted |= chunk
                bar.update(len(chunk))
        return boosted

    def _chunks(self, tasks: list[TagTask], seen: MappedPart, unseen: MappedPart, workers: int) -> Iterator[TagChunk]:
        rounds = Rounds(self.max_rounds, self.fixed_rounds, self.patience)
        edges = bin_edges(seen.open().values, self.max_bin)
        size = max(1, min(TAGS_PER_CHUNK, len(tasks) // workers))
        for first in range(0, len(tasks), size):
            chunk = tasks[first : first + size]
            columns = [task.column for task in chunk]
            yield TagChunk(chunk, rounds, edges, seen.of_tags(columns), unseen.of_tags(columns))

    @staticmethod
    def load(folder: Path) -> "TrainedGBT":
        """Read saved trees."""
        settings, names, tags = read_description(folder)
        prevalence = np.load(folder / PREVALENCE_FILE, allow_pickle=False)
        files = {column: folder / TREES_FOLDER / f"{column:04d}.ubj" for column in range(len(tags))}
        trees = {column: file.read_bytes() for column, file in files.items() if file.exists()}
        for content in trees.values():
            check_trees(content, len(names))
        return TrainedGBT(settings, names, tags, prevalence, trees)


class TrainedGBT(TrainedOnDescriptors):
    """`trees` are one tag's as UBJSON, by column; a tag without any has its `prevalence`, shape (tags,).

    The summary's number of parameters is the number of leaves.
    """

    def __init__(
        self,
        settings: DescriptorSettings,
        names: tuple[str, ...],
        tags: tuple[Tag, ...],
        prevalence: Float32Array,
        trees: dict[int, bytes],
        *,
        hit_cap: bool = False,
        special_tags: dict[str, str] | None = None,
    ) -> None:
        super().__init__(settings, names, tags)
        self.prevalence = prevalence
        self.trees = dict(sorted(trees.items()))
        leaves = sum(count_leaves(self.booster(column)) for column in self.trees)
        gains = gains_by_group(self.gains(), names)
        self.summary = FitSummary(leaves, hit_cap=hit_cap, special_tags=special_tags or {}, gains=gains)

    def scores(self, values: Float32Array) -> Float32Array:
        """Return probabilities of classification tags and predictions of regression tags, shape (tracks, tags)."""
        scores = np.tile(self.prevalence, (len(values), 1))
        for column, trees in self.trees.items():
            scores[:, column] = tree_scores(trees, values)
        return scores

    def scores_of_file(self, file: Path, tracks: int, workers: int) -> Float32Array:
        """Return the same of the tracks in a file, tags side by side."""
        scores = np.tile(self.prevalence, (tracks, 1))
        asked = [Trees(column, trees, file) for column, trees in self.trees.items()]
        for tag, found in in_tasks("scoring by trees", score_trees, asked, workers=workers):
            scores[:, tag.column] = found
        return scores

    def booster(self, column: int) -> xgb.Booster:
        """Return the trees of a tag that has some."""
        return loaded(self.trees[column])

    def gains(self) -> pd.DataFrame:
        """Return by how much the splits on a descriptor lowered a tag's training loss: `tag`, `descriptor`, `gain`.

        A descriptor without a split, and a tag without trees, have no row.
        """
        rows = [
            (self.tags[column].name, descriptor, gain)
            for column in self.trees
            for descriptor, gain in descriptor_gains(self.booster(column), self.names).items()
        ]
        return pd.DataFrame(rows, columns=["tag", "descriptor", "gain"])

    def save(self, folder: Path) -> None:
        """Write each tag's trees in XGBoost's UBJSON, the prevalence as a NumPy array and the rest as JSON."""
        (folder / TREES_FOLDER).mkdir()
        for column, trees in self.trees.items():
            (folder / TREES_FOLDER / f"{column:04d}.ubj").write_bytes(trees)
        content = io.BytesIO()  # NumPy does not say why it could not write to a file
        np.save(content, self.prevalence, allow_pickle=False)
        (folder / PREVALENCE_FILE).write_bytes(content.getvalue())
        self.write_description(folder)


def _trained(chunks: list[TagChunk], context: Context) -> Iterator[tuple[TagChunk, dict[int, BoostedTag]]]:
    """Yield chunks as they are trained; on a GPU, one after another here, as processes would share it."""
    if context.device == "cuda":
        return ((chunk, boosted) for chunk in chunks for boosted in boost_chunks([chunk]))
    return in_tasks("training trees", boost_chunks, chunks, workers=context.workers, most=1)


def gains_by_group(gains: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return `FitSummary.gains`, with a row for each tag and group (the first part of a descriptor's name)."""
    sizes = Counter(_group(name) for name in names)
    totals = gains.groupby(["tag", gains["descriptor"].map(_group)], sort=False)["gain"].sum()
    rows = [
        (tag, group, size, float(totals.get((tag, group), 0.0)))
        for tag in gains["tag"].unique()
        for group, size in sizes.items()
    ]
    return pd.DataFrame(rows, columns=["tag", "group", "n_inputs", "gain"])


def _group(descriptor: str) -> str:
    return descriptor.split(".")[0]
