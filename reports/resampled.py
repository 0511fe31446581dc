"""A study's test tracks, what its models predict of them, and the measures of Table 1 on the same resamples of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.bootstrap import Draws, Interval, Resampled, Resamples, draw_resamples, macro_means, resample_measures
from bench.corpus import BoolArray, Corpus, Float32Array
from bench.digest import unit_hashes
from bench.errors import InputError
from bench.metrics import Float64Array, scored_tags
from bench.output import TRUTH_FILE
from bench.record import OTHER_PREDICTIONS_FILE, PREDICTIONS_FILE, RECORD_FILE
from bench.test_part import RUN_AGAIN, read_predictions, read_test_part
from reports.rows import MEASURES, MeasureField, Row, RowKey, against_exact_labels, other_ways
from reports.study_folder import StudyFolder

LEAST_SEEDS = 5  # from which on seeds are drawn, too: fewer understate the spread between trainings
BETWEEN_0_AND_1 = Interval(0.0, 1.0)  # where every measure lies
TOLERANCE = 1e-9  # between a measure in a record and the same computed again from its predictions


@dataclass(frozen=True, eq=False)
class TagMeasures:
    """The measures of each tag, or differences between them.

    `per_tag` has them on every resample (`resample_measures`), the mean over the seeds, of `LEAST_SEEDS` or more over
    seeds drawn with replacement; `of_seeds` each seed's on the test tracks as they are, shape (tags, seeds). `limits`
    are those of the intervals: none for differences.
    """

    limits: ClassVar[Interval | None] = None
    per_tag: Resampled
    of_seeds: Resampled

    def macro(self, measure: MeasureField, tags: BoolArray | None = None) -> Draws | None:
        """Return the macro mean over the scored tags, or over those of them in `tags`; None where there are none.

        In a resample, a tag whose tracks are all of one class is left out, for every model alike.
        """
        means = macro_means(_of(getattr(self.per_tag, measure), tags))
        return None if means is None else Draws.of(means)

    def macro_of_seeds(self, measure: MeasureField, tags: BoolArray | None = None) -> Float64Array | None:
        """Return the same of each seed on the test tracks as they are, shape (seeds,)."""
        return macro_means(_of(getattr(self.of_seeds, measure), tags))

    def __sub__(self, other: "TagMeasures") -> "TagMeasures":
        """Return the difference from others of as many seeds, tag by tag on the same resamples."""
        return TagMeasures(_minus(self.per_tag, other.per_tag), _minus(self.of_seeds, other.of_seeds))

    @property
    def of_mean_seed(self) -> "TagMeasures":
        """The same with the mean over the seeds in place of each: of models whose seeds have nothing in common."""
        means = {m.field: getattr(self.of_seeds, m.field).mean(axis=1, keepdims=True) for m in MEASURES}
        return TagMeasures(self.per_tag, Resampled(**means))

    def better_than(self, other: "TagMeasures") -> "TagMeasures":
        """Return the difference, positive where these are better: also where √MSE, the less the better, is lower."""
        more = self - other
        return TagMeasures(
            replace(more.per_tag, rmse=-more.per_tag.rmse), replace(more.of_seeds, rmse=-more.of_seeds.rmse)
        )


@dataclass(frozen=True, eq=False)
class ResampledRow(TagMeasures):
    """One model at one size, with its scores of the test tracks, shape (seeds, tracks, tags).

    Seeds are in the order of `row.seeds`; `seed_shares`, of shape (seeds, 1 + resamples), says what each
    of them weighs.
    """

    limits: ClassVar[Interval | None] = BETWEEN_0_AND_1
    row: Row
    scores: Float32Array
    seed_shares: Float64Array

    def over_seeds(self, each: Sequence[Float64Array]) -> Float64Array:
        """Return the mean over the seeds of what each gives, shape (rows, 1 + resamples), as that of `per_tag`."""
        return _weighted(each, self.seed_shares)


def _of(values: Float64Array, tags: BoolArray | None) -> Float64Array:
    return values if tags is None else values[tags]


def _minus(one: Resampled, other: Resampled) -> Resampled:
    return Resampled(one.roc_auc - other.roc_auc, one.pr_auc - other.pr_auc, one.rmse - other.rmse)


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

    @property
    def n_groups(self) -> int:
        """How many groups the test tracks are of."""
        return len(self.resamples.counts)

    def interval(self, draws: Draws, limits: Interval | None = None) -> Interval | None:
        """Return the 95 % interval of a quantity, which ends at its `limits` where it would reach farther.

        None where all tracks are of one group, or no resample knows it.
        """
        resampled = self.n_groups > 1 and np.isfinite(draws.resamples).any()
        if not resampled:
            return None
        found = draws.interval()
        return found if limits is None else Interval(max(found.low, limits.low), min(found.high, limits.high))

    @cached_property
    def otherwise(self) -> dict[str, dict[RowKey, ResampledRow]]:
        """The same for the other ways to predict (`RunRecord.otherwise`), by name, and the rows that have them."""
        return {
            way: {
                row.key: _resampled_row(
                    self,
                    replace(row, per_seed=row.otherwise_per_seed[way]),
                    _read_scores(self, row.key, OTHER_PREDICTIONS_FILE.format(way=way)),
                )
                for row in self.study.rows
                if way in row.otherwise_per_seed
            }
            for way in other_ways(self.study.rows)
        }

    def other_way(self, key: RowKey, way: str) -> ResampledRow:
        """Return the same for another way to predict with a row's models."""
        return self.otherwise[way][key]

    @cached_property
    def exact(self) -> "ResampledStudy | None":
        """The same predictions against exact labels; None where they were not measured so.

        Raises `InputError` where they were and the labels are missing.
        """
        rows = against_exact_labels(self.study.rows)
        if not rows:
            return None
        if self.test.truth is None:
            raise InputError(f"{self.folder / TRUTH_FILE} is missing; {RUN_AGAIN}")
        exact = replace(self, test=replace(self.test, targets=self.test.truth), rows={})
        exact.rows.update({row.key: _resampled_row(exact, row, self.rows[row.key].scores) for row in rows})
        return exact


def resample_study(study: StudyFolder, out: Path) -> ResampledStudy:
    """Read the test part and all predictions of the study in `out`, and measure them on every resample.

    Raises `InputError` where a file is missing or damaged, or not of the tracks that the records tell of, and where the
    measures of a record are not those of its predictions.
    """
    record = study.finished[0].record
    test = read_test_part(out, record)
    kinds = [tag.kind for tag in test.tags]
    scored = scored_tags(test.targets, kinds, min_positives=record.min_positives, min_negatives=record.min_negatives)
    resampled = ResampledStudy(test, scored, draw_resamples(test.groups), {}, out, study)
    for row in study.rows:
        resampled.rows[row.key] = _resampled_row(resampled, row, _read_scores(resampled, row.key, PREDICTIONS_FILE))
    return resampled


def _read_scores(study: ResampledStudy, key: RowKey, predictions: str) -> Float32Array:
    return np.stack([read_predictions(folder, study.test, predictions) for folder in _folders(study, key)])


def _folders(study: ResampledStudy, key: RowKey) -> list[Path]:
    """Return where the predictions of a row lie, in the order of its seeds."""
    return [study.folder / folder for folder in study.study.folders(key)]


def _resampled_row(study: ResampledStudy, row: Row, scores: Float32Array) -> ResampledRow:
    each = [resample_measures(study.test, of_seed, study.scored, study.resamples) for of_seed in scores]
    shares = _seed_shares(len(each), each[0].roc_auc.shape[1], row.key)
    per_tag = Resampled(
        _weighted([one.roc_auc for one in each], shares),
        _weighted([one.pr_auc for one in each], shares),
        _weighted([one.rmse for one in each], shares),
    )
    resampled = ResampledRow(per_tag, _as_they_are(each), row, scores, shares)
    _refuse_other_measures(resampled, _folders(study, row.key))
    return resampled


def _as_they_are(each: Sequence[Resampled]) -> Resampled:
    """Return the measures of each seed on the test tracks as they are, shape (tags, seeds)."""
    fields = (measure.field for measure in MEASURES)
    return Resampled(**{field: np.stack([getattr(one, field)[:, 0] for one in each], axis=1) for field in fields})


def _refuse_other_measures(resampled: ResampledRow, folders: Sequence[Path]) -> None:
    """Refuse records whose measures are not those of the predictions beside them."""
    for measure in MEASURES:
        found = resampled.macro_of_seeds(measure.field)
        computed = [None] * len(folders) if found is None else found.tolist()
        for folder, measures, value in zip(folders, resampled.row.per_seed, computed, strict=True):
            told, given = np.array([measure.of(measures), value], dtype=np.float64)  # nan where there is none
            if not np.isclose(told, given, rtol=0, atol=TOLERANCE, equal_nan=True):
                raise InputError(
                    f"{folder / RECORD_FILE} tells of {measure.title} {told:.12g}, but the predictions beside it give "
                    f"{given:.12g}; delete the folder {folder} and run the study again"
                )


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
