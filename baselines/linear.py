"""The linear family: logistic and ridge regression on the trees' descriptors, which tells trees from features.

Descriptors are standardised by the training tracks' statistics; one that is missing counts as its training mean. All
classification tags have one L2 penalty and all regression tags another, both fixed settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import scipy.special
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from baselines.extraction import DescriptorSettings, DescriptorTable, descriptors
from baselines.matrices import mapped_matrix, written_matrix
from baselines.tagger import DescriptorTagger, TrainedOnDescriptors, one_class_tags, read_description
from bench.checksums import first_damaged, write_checksums
from bench.corpus import Corpus, Float32Array, Tag
from bench.locks import making
from bench.parallel import in_tasks
from bench.progress import progress_bar
from bench.tagger import Context, FitSummary, check_parts

Float64Array = NDArray[np.float64]

WEIGHTS_FILE = "weights.npz"
ROWS_A_BLOCK = 4096  # that are standardised or scored at a time, whatever the number of workers


@dataclass(frozen=True)
class Weights:
    """The model in numbers, for descriptors x: ((x - means) / scales) · coefficients + intercepts.

    `means` and `scales` have shape (descriptors,), `coefficients` (descriptors, tags), `intercepts` (tags,).
    """

    means: Float64Array
    scales: Float64Array
    coefficients: Float64Array
    intercepts: Float64Array


class Linear(DescriptorTagger):
    """Settings of the linear family: `penalty` is 1/`C` of a logistic model, `ridge_penalty` is `alpha` of a ridge.

    The defaults did best of seven values, 10 to 10,000, on the embedded corpus's validation part at 40 to 320 tracks.
    `class_weights = "balanced"` lets both classes of a classification tag weigh the same; its scores are then far above
    the probabilities of rare tags.
    """

    search: ClassVar[Mapping[str, Sequence[object]]] = {
        "penalty": (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0),
        "ridge_penalty": (30.0, 100.0, 300.0, 1000.0, 3000.0),
    }

    penalty: float = Field(default=100.0, gt=0)
    ridge_penalty: float = Field(default=300.0, gt=0)
    class_weights: Literal["none", "balanced"] = "none"
    max_iterations: int = Field(default=1000, ge=1)

    def fit(self, train: Corpus, valid: Corpus, context: Context) -> "TrainedLinear":
        """Fit one model a tag; a tag with one class in training keeps its prevalence. Nothing is chosen on `valid`."""
        check_parts(train, valid)
        table = descriptors(train, context, self.descriptors)
        means, scales = training_statistics(table.matrix)
        inputs = _standardised_file(table, means, scales, context.cache)
        coefficients = np.zeros((len(table.names), len(train.tags)))
        intercepts = scipy.special.logit(train.targets.mean(axis=0, dtype=np.float64))
        constant = one_class_tags(train)
        columns = [column for column in range(len(train.tags)) if column not in constant]
        fits = [_Fit(column, self._model(train.tags[column]), train.targets[:, column]) for column in columns]
        with progress_bar(len(fits), "linear", "tag") as bar:
            for fit, fitted in in_tasks("training linear", partial(_fit_all, inputs), fits, workers=context.workers):
                coefficients[:, fit.column], intercepts[fit.column] = fitted
                bar.update()
        special = {train.tags[column].name: reason for column, reason in constant.items()}
        summary = FitSummary(coefficients.size + intercepts.size, special_tags=special)
        weights = Weights(means, scales, coefficients, intercepts)
        return TrainedLinear(self.descriptors, table.names, train.tags, weights, summary)

    def _model(self, tag: Tag) -> LogisticRegression | Ridge:
        if tag.kind == "regression":
            return Ridge(alpha=self.ridge_penalty)
        weights = None if self.class_weights == "none" else self.class_weights
        return LogisticRegression(C=1 / self.penalty, class_weight=weights, max_iter=self.max_iterations)

    @staticmethod
    def load(folder: Path) -> "TrainedLinear":
        """Read a saved linear model."""
        with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as arrays:
            return TrainedLinear(*read_description(folder), Weights(**arrays))


class TrainedLinear(TrainedOnDescriptors):
    """A fitted linear model for each tag."""

    def __init__(
        self,
        settings: DescriptorSettings,
        names: tuple[str, ...],
        tags: tuple[Tag, ...],
        weights: Weights,
        summary: FitSummary | None = None,
    ) -> None:
        super().__init__(settings, names, tags)
        self.weights = weights
        self.summary = summary or FitSummary(weights.coefficients.size + weights.intercepts.size)

    def scores(self, values: Float32Array) -> Float32Array:
        """Return probabilities of classification tags and predictions of regression tags, shape (tracks, tags)."""
        scores = np.empty((len(values), len(self.tags)), np.float32)
        with threadpool_limits(1):
            for block in _blocks(len(values)):
                scores[block] = self._scores_of_block(values[block])
        return scores

    def scores_of_file(self, file: Path, tracks: int, workers: int) -> Float32Array:
        """Return the same of the tracks in a file, blocks of them side by side."""
        scores = np.empty((tracks, len(self.tags)), np.float32)
        work = partial(self._scores_of_blocks, file)
        for block, found in in_tasks("scoring by linear models", work, _blocks(tracks), workers=workers):
            scores[block] = found
        return scores

    def _scores_of_blocks(self, file: Path, blocks: list[slice]) -> list[Float32Array]:
        values = mapped_matrix(file)
        return [self._scores_of_block(values[block]) for block in blocks]

    def _scores_of_block(self, values: Float32Array) -> Float32Array:
        inputs = standardise(values, self.weights.means, self.weights.scales)
        scores = inputs @ self.weights.coefficients + self.weights.intercepts
        classes = [tag.kind == "classification" for tag in self.tags]
        scores[:, classes] = scipy.special.expit(scores[:, classes])
        return scores.astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the weights as NumPy arrays and the rest as JSON."""
        np.savez(folder / WEIGHTS_FILE, **asdict(self.weights))
        self.write_description(folder)


def training_statistics(values: Float32Array) -> tuple[Float64Array, Float64Array]:
    """Return each descriptor's mean and deviation over the tracks that have it, each of shape (descriptors,).

    A descriptor that no track has gets mean 0; one that does not vary gets deviation 1.
    """
    present = np.isfinite(values)
    counts = np.maximum(present.sum(axis=0), 1)
    means = np.where(present, values, 0).sum(axis=0, dtype=np.float64) / counts
    deviations = np.sqrt(np.square(np.where(present, values - means, 0)).sum(axis=0) / counts)
    return means, np.where(deviations > 0, deviations, 1)


def standardise(values: Float32Array, means: Float64Array, scales: Float64Array) -> Float64Array:
    """Return descriptors about their training means in units of their deviations; the missing are 0, the mean."""
    return np.nan_to_num((values - means) / scales, nan=0.0)


@dataclass(frozen=True)
class _Fit:
    """What the tag in a `column` is fitted by, and its targets, shape (tracks,)."""

    column: int
    model: LogisticRegression | Ridge
    targets: Float32Array


def _fit_all(inputs: Path, fits: list[_Fit]) -> list[tuple[Float64Array, float]]:
    """Return each tag's coefficients, shape (descriptors,), and its intercept."""
    values = mapped_matrix(inputs)
    models = [fit.model.fit(values, fit.targets) for fit in fits]
    return [(np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])) for model in models]


def _standardised_file(table: DescriptorTable, means: Float64Array, scales: Float64Array, cache: Path) -> Path:
    """Return the file of a table's standardised descriptors, which workers map; it is written once."""
    file = table.file.with_suffix(".standardised.npy")
    if not _is_whole(file):
        with making(cache, ["matrices", file.name]):
            if not _is_whole(file):
                with written_matrix(file, np.float64, table.matrix.shape) as inputs:
                    for block in _blocks(len(inputs)):
                        inputs[block] = standardise(table.matrix[block], means, scales)
                write_checksums(file.with_suffix(".sha256"), [file.name])
    return file


def _is_whole(file: Path) -> bool:
    checksums = file.with_suffix(".sha256")
    return checksums.exists() and first_damaged(checksums, [file.name]) is None


def _blocks(rows: int) -> list[slice]:
    return [slice(first, first + ROWS_A_BLOCK) for first in range(0, rows, ROWS_A_BLOCK)]
