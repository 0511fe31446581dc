"""Test parts of simulated artists, and what two models predict of them, with the measures of all their population.

Label, scores and errors vary between artists and within each: every track's are those of its artist and its own, mixed.
All are Gaussian, so that the measures of the population are integrals of one variable.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.stats import norm

from bench.bootstrap import Draws, Resamples, macro_means, resample_measures
from bench.corpus import Corpus, Float32Array, IntArray, Tag
from bench.metrics import Float64Array

MEASURES = ("roc_auc", "pr_auc", "rmse")
KINDS: tuple[Literal["classification", "regression"], ...] = ("classification", "regression")
MODELS = 2
ERRORS = (0.20, 0.21)  # √MSE of each model


@dataclass(frozen=True)
class Population:
    """Artists of whom `artists` are drawn, each with a geometric number of tracks, of the mean `tracks_per_artist`.

    Of each of `tags` there is a classification tag with the share `prevalence` of positives, and a regression tag.
    `artist_share` is the correlation between two tracks of an artist, of labels and of errors.
    """

    artists: int = 300
    tracks_per_artist: float = 5.0
    tags: int = 10
    prevalence: float = 0.1
    artist_share: float = 0.5
    tag_share: float = 0.2  # the correlation between two tags of a track
    model_share: float = 0.5  # the correlation between the errors of two models

    @property
    def skills(self) -> Float64Array:
        """The correlation of scores with what makes a label positive, shape (models, tags)."""
        better = np.linspace(0.55, 0.85, self.tags)
        return np.stack([better, better - 0.05])

    @cached_property
    def truth(self) -> dict[str, float]:
        """The macro measures of the first model over all the population, and by how much they exceed the second's."""
        areas = np.array([[_areas(skill, self.prevalence) for skill in of_model] for of_model in self.skills])
        roc_auc, pr_auc = areas.mean(axis=1).T
        return {
            name: value
            for measure, (first, second) in zip(MEASURES, (roc_auc, pr_auc, ERRORS), strict=True)
            for name, value in ((measure, float(first)), (f"delta_{measure}", float(first - second)))
        }

    def draw(self, seed: int) -> tuple[Corpus, Float32Array]:
        """Return a test part, and what the models predict of it, shape (models, tracks, tags)."""
        draw = np.random.default_rng(seed)
        artist_of = np.repeat(np.arange(self.artists), draw.geometric(1 / self.tracks_per_artist, self.artists))
        cause, common, *own = self._variates(draw, artist_of)
        errors = np.sqrt(self.model_share) * common + np.sqrt(1 - self.model_share) * np.stack(own)
        skills = self.skills[:, None]
        ranked = skills * cause + np.sqrt(1 - skills**2) * errors
        graded = norm.cdf(cause)
        predicted = graded + np.array(ERRORS)[:, None, None] * errors
        targets = np.hstack([cause > norm.isf(self.prevalence), graded])
        return self._test_part(artist_of, targets), np.concatenate([ranked, predicted], axis=2).astype(np.float32)

    def _variates(self, draw: np.random.Generator, artist_of: IntArray) -> Float64Array:
        """Return standard normal variates, shape (2 + models, tracks, tags)."""

        def across_tags(rows: int) -> Float64Array:
            shared, own = (draw.standard_normal((2 + MODELS, rows, columns)) for columns in (1, self.tags))
            mixed: Float64Array = np.sqrt(self.tag_share) * shared + np.sqrt(1 - self.tag_share) * own
            return mixed

        of_artists, of_tracks = across_tags(self.artists)[:, artist_of], across_tags(len(artist_of))
        variates: Float64Array = np.sqrt(self.artist_share) * of_artists + np.sqrt(1 - self.artist_share) * of_tracks
        return variates

    def _test_part(self, artist_of: IntArray, targets: Float64Array) -> Corpus:
        ids = np.arange(len(artist_of)).astype(str)
        return Corpus(
            name="simulated",
            version="1",
            root=Path(),
            tags=tuple(Tag(f"{kind} {number}", kind) for kind in KINDS for number in range(self.tags)),
            ids=ids,
            groups=artist_of.astype(str),
            files=ids,
            targets=targets.astype(np.float32),
        )


def _areas(skill: float, prevalence: float) -> tuple[float, float]:
    """Return ROC-AUC and average precision of scores that correlate by `skill` with a label's Gaussian cause."""
    scores, step = np.linspace(8, -8, 20_001, retstep=True)
    positives = norm.pdf(scores) * norm.sf((norm.isf(prevalence) - skill * scores) / np.sqrt(1 - skill**2)) * -step
    negatives = norm.pdf(scores) * -step - positives
    above = np.cumsum(positives)
    roc_auc = np.sum(negatives * above) / prevalence / (1 - prevalence)
    precision = above / (above + np.cumsum(negatives))
    return float(roc_auc), float(np.sum(positives * precision) / prevalence)


def macro_draws(test: Corpus, scores: Float32Array, resamples: Resamples) -> dict[str, Draws]:
    """Return a model's macro measures; its scores have the shape (tracks, tags)."""
    found = resample_measures(test, scores, np.ones(len(test.tags), dtype=bool), resamples)
    means = {measure: macro_means(getattr(found, measure)) for measure in MEASURES}
    return {measure: Draws.of(of) for measure, of in means.items() if of is not None}
