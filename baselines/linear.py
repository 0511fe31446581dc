"""The linear family: logistic and ridge regression on the trees' descriptors, which tells trees from features.

Descriptors are standardised by the training tracks' statistics; one that is missing counts as its training mean. One
L2 penalty for all classification tags and one for all regression tags are chosen from `penalties` on the validation
part: by mean log-loss and by mean squared error.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import joblib
import numpy as np
import scipy.special
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error
from threadpoolctl import threadpool_limits

from baselines.extraction import DescriptorSettings, descriptors
from baselines.tagger import DescriptorTagger, TrainedOnDescriptors, one_class_tags, read_description
from bench.corpus import Corpus, Float32Array, Tag
from bench.progress import progress_bar
from bench.tagger import Context, FitSummary, check_parts

Float64Array = NDArray[np.float64]

WEIGHTS_FILE = "weights.npz"


@dataclass(frozen=True)
class Weights:
    """The model in numbers, for descriptors x: ((x - means) / scales) · coefficients + intercepts.

    `means` and `scales` have shape (descriptors,), `coefficients` (descriptors, tags), `intercepts` (tags,).
    """

    means: Float64Array
    scales: Float64Array
    coefficients: Float64Array
    intercepts: Float64Array


@dataclass(frozen=True)
class _Path:
    """One tag under each penalty: (penalties, descriptors), (penalties,), and validation losses, (penalties,)."""

    coefficients: Float64Array
    intercepts: Float64Array
    losses: Float64Array


class Linear(DescriptorTagger):
    """Settings of the linear family: the L2 penalties that are tried, `alpha` of a ridge and 1/`C` of a logistic model.

    One is chosen for each kind of tag on the validation tracks; `FitSummary.chosen` says which.
    """

    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field((10.0, 100.0, 1000.0, 10000.0), min_length=1)
    max_iterations: int = Field(default=1000, ge=1)

    def fit(self, train: Corpus, valid: Corpus, context: Context) -> "TrainedLinear":
        """Fit every tag under every penalty; keep for each kind of tag the penalty that is best on `valid`."""
        check_parts(train, valid)
        table = descriptors(train, context, self.descriptors)
        means, scales = training_statistics(table.matrix)
        inputs = [
            standardise(values, means, scales)
            for values in (table.matrix, descriptors(valid, context, self.descriptors).matrix)
        ]
        constant = one_class_tags(train)
        fitted = [column for column in range(len(train.tags)) if column not in constant]
        paths = dict(zip(fitted, self._paths(fitted, inputs, train, valid, context), strict=True))
        coefficients = np.zeros((len(table.names), len(train.tags)))
        intercepts = scipy.special.logit(train.targets.mean(axis=0, dtype=np.float64))
        best = _best_penalties(paths, train.tags)
        for column, path in paths.items():
            choice = best[train.tags[column].kind]
            coefficients[:, column], intercepts[column] = path.coefficients[choice], path.intercepts[choice]
        chosen = {f"penalty of {kind} tags": self.penalties[choice] for kind, choice in best.items()}
        special = {train.tags[column].name: reason for column, reason in constant.items()}
        summary = FitSummary(coefficients.size + intercepts.size, special_tags=special, chosen=chosen)
        weights = Weights(means, scales, coefficients, intercepts)
        return TrainedLinear(self.descriptors, table.names, train.tags, weights, summary)

    def _paths(
        self, columns: list[int], inputs: list[Float64Array], train: Corpus, valid: Corpus, context: Context
    ) -> Iterator[_Path]:
        seen, unseen = inputs
        tasks = (
            joblib.delayed(_path)(
                [self._model(train.tags[column], penalty) for penalty in self.penalties],
                (seen, train.targets[:, column]),
                (unseen, valid.targets[:, column]),
            )
            for column in columns
        )
        with progress_bar(len(columns), "linear", "tag") as bar:
            for path in joblib.Parallel(n_jobs=context.workers, return_as="generator")(tasks):
                yield path
                bar.update()

    def _model(self, tag: Tag, penalty: float) -> LogisticRegression | Ridge:
        if tag.kind == "regression":
            return Ridge(alpha=penalty)
        return LogisticRegression(C=1 / penalty, max_iter=self.max_iterations)

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


def _path(
    models: list[LogisticRegression | Ridge],
    train: tuple[Float64Array, Float32Array],
    valid: tuple[Float64Array, Float32Array],
) -> _Path:
    """Fit one tag by each model, and tell its loss on the validation part.

    One thread: another number would change the last digits.
    """
    inputs, targets = valid
    with threadpool_limits(1):
        fitted = [model.fit(*train) for model in models]
    losses = [
        log_loss(targets, model.predict_proba(inputs), labels=[0, 1])
        if isinstance(model, LogisticRegression)
        else mean_squared_error(targets, model.predict(inputs))
        for model in fitted
    ]
    coefficients = np.stack([np.ravel(model.coef_) for model in fitted])
    return _Path(coefficients, np.array([np.ravel(model.intercept_)[0] for model in fitted]), np.array(losses))


def _best_penalties(paths: dict[int, _Path], tags: tuple[Tag, ...]) -> dict[str, int]:
    """Return, for each kind of tag, the number of the penalty with the least mean validation loss over its tags."""
    best: dict[str, int] = {}
    for kind in ("classification", "regression"):
        losses = [path.losses for column, path in paths.items() if tags[column].kind == kind]
        if losses:
            best[kind] = int(np.argmin(np.mean(losses, axis=0)))
    return best
