"""A study's test tracks, what its models predict of them, and the measures of Table 1 on the same resamples of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from bench.bootstrap import Draws, Interval, Resampled, Resamples, draw_resamples, resample_measures
from bench.corpus import BoolArray, Corpus, Float32Array
from bench.digest import unit_hashes
from bench.metrics import Float64Array, scored_tags
from bench.output import CELLS_FOLDER
from bench.record import OTHER_PREDICTIONS_FILE, PREDICTIONS_FILE
from bench.test_part import read_predictions, read_test_part
from reports.rows import Row, RowKey
from reports.study_folder import FinishedCell, StudyFolder

LEAST_SEEDS = 5  # from which on seeds are drawn, too: fewer understate the spread between trainings
MeasureField = Literal["roc_auc", "pr_auc", "rmse"]


@dataclass(frozen=True, eq=False)
class ResampledRow:
    """One model at one size: its measures on every resample, and its scores of the test tracks.

    `per_tag` is the mean over the seeds (`resample_measures`), of `LEAST_SEEDS` or more over seeds drawn with
    replacement. `scores` has the shape (seeds, tracks, tags), in the order of `row.seeds`, and `seed_shares`, of shape
    (seeds, 1 + resamples), says what each of them weighs.
    """

    row: Row
    per_tag: Resampled
    scores: Float32Array
    seed_shares: Float64Array

    def over_seeds(self, each: Sequence[Float64Array]) -> Float64Array:
        """Return the mean over the seeds of what each gives, shape (rows, 1 + resamples), as that of `per_tag`."""
        return _weighted(each, self.seed_shares)

    def macro(self, measure: MeasureField, tags: BoolArray | None = None) -> Draws | None:
        """Return the macro mean over the scored tags, or over those of them in `tags`; None where there are none.

        In a resample, a tag whose tracks are all of one class is left out, for every model alike.
        """
        values: Float64Array = getattr(self.per_tag, measure)
        chosen = values[np.isfinite(values[:, 0]) & (True if tags is None else tags)]
        if not len(chosen):
            return None
        known = np.isfinite(chosen)
        with np.errstate(invalid="ignore"):
            return Draws.of(np.where(known, chosen, 0.0).sum(axis=0) / known.sum(axis=0))


@dataclass(frozen=True, eq=False)
class ResampledStudy:
    """A study's test part and its rows on the same resamples; `scored` says which tags count, shape (tags,)."""

    test: Corpus
    scored: BoolArray
    resamples: Resamples
    rows: dict[RowKey, ResampledRow]
    folder: Path
    study: StudyFolder

    @cached_property
    def column(self) -> dict[str, int]:
        """The number of each tag's column, by name."""
        return {tag.name: number for number, tag in enumerate(self.test.tags)}

    def interval(self, draws: Draws) -> Interval | None:
        """Return the 95 % interval of a quantity; None where all tracks are of one group, or no resample knows it."""
        resampled = len(self.resamples.counts) > 1 and np.isfinite(draws.resamples).any()
        return draws.interval() if resampled else None

    def other_way(self, key: RowKey, way: str) -> ResampledRow:
        """Return the same for another way to predict with a row's models (`RunRecord.otherwise`)."""
        name = OTHER_PREDICTIONS_FILE.format(way=way)
        return _resampled_row(self, self.rows[key].row, _cells_of(self.study, key), name)


def resample_study(study: StudyFolder, out: Path) -> ResampledStudy:
    """Read the test part and all predictions of the study in `out`, and measure them on every resample.

    Raises `InputError` where a file is missing or damaged, or not of the tracks that the records tell of.
    """
    record = study.finished[0].record
    test = read_test_part(out, record)
    kinds = [tag.kind for tag in test.tags]
    scored = scored_tags(test.targets, kinds, min_positives=record.min_positives, min_negatives=record.min_negatives)
    resampled = ResampledStudy(test, scored, draw_resamples(test.groups), {}, out, study)
    for row in study.rows:
        resampled.rows[row.key] = _resampled_row(resampled, row, _cells_of(study, row.key), PREDICTIONS_FILE)
    return resampled


def _cells_of(study: StudyFolder, key: RowKey) -> list[FinishedCell]:
    return [one for one in study.finished if (one.cell.label, one.cell.n_train) == key]


def _resampled_row(study: ResampledStudy, row: Row, cells: Sequence[FinishedCell], predictions: str) -> ResampledRow:
    folders = [study.folder / CELLS_FOLDER / one.cell.digest for one in cells]
    scores = np.stack([read_predictions(folder, study.test, predictions) for folder in folders])
    each = [resample_measures(study.test, of_seed, study.scored, study.resamples) for of_seed in scores]
    shares = _seed_shares(len(each), each[0].roc_auc.shape[1], row.key)
    per_tag = Resampled(
        _weighted([one.roc_auc for one in each], shares),
        _weighted([one.pr_auc for one in each], shares),
        _weighted([one.rmse for one in each], shares),
    )
    return ResampledRow(row, per_tag, scores, shares)


def _seed_shares(seeds: int, columns: int, key: RowKey) -> Float64Array:
    """Return what each seed weighs on each resample: all alike, or as often as drawn where there are many.

    Each row draws its own: two models trained with the same seed have nothing in common.
    """
    shares = np.full((seeds, columns), 1 / seeds)
    if seeds >= LEAST_SEEDS:
        row_seed = int(unit_hashes([f"{key[0]} {key[1]}"], "seeds")[0] * 2**32)
        drawn = np.random.default_rng(row_seed).multinomial(seeds, shares[:, 0], size=columns - 1)
        shares[:, 1:] = drawn.T / seeds
    return shares


def _weighted(each: Sequence[Float64Array], shares: Float64Array) -> Float64Array:
    weighted: Float64Array = np.einsum("stb,sb->tb", np.stack(each), shares)
    return weighted
