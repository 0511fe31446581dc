"""A finished study as the gate sees it: what its models predicted, and measures made anew from that alone."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.bootstrap import Draws, Resamples, draw_resamples, macro_means, resample_measures
from bench.corpus import BoolArray, Corpus, Float32Array, IntArray
from bench.errors import InputError
from bench.measure import measure
from bench.metrics import Float64Array, scored_tags
from bench.output import CELLS_FOLDER
from bench.record import RunRecord, RunSpec
from bench.test_part import read_predictions, read_test_part
from reports.gate.checks import Check, in_one
from reports.rows import RowKey
from reports.study_folder import FinishedCell, StudyFolder, read_study_folder

EXACTLY = 1e-12  # of measures: the same sums in another order
OF_A_CELL = {"label", "n_train", "seed", "train_digest", "valid_digest", "test_digest"}  # not of a whole model
RECORDS = "records"


@dataclass(frozen=True, eq=False)
class FoundStudy:
    """A study whose cells are all finished, its test part and, by row, the scores, shape (seeds, tracks, tags)."""

    folder: Path
    study: StudyFolder
    test: Corpus
    scores: dict[RowKey, Float32Array]

    @property
    def record(self) -> RunRecord:
        """The first cell's record, for what all have in common."""
        return self.study.finished[0].record

    def cells(self, key: RowKey) -> list[FinishedCell]:
        """Return the cells of a row, one for each seed."""
        return [one for one in self.study.finished if (one.cell.label, one.cell.n_train) == key]

    @cached_property
    def scored(self) -> BoolArray:
        """Which tags count, shape (tags,)."""
        kinds = [tag.kind for tag in self.test.tags]
        least = {"min_positives": self.record.min_positives, "min_negatives": self.record.min_negatives}
        return scored_tags(self.test.targets, kinds, **least)

    @cached_property
    def resamples(self) -> Resamples:
        """The resamples of the test part that every measure is taken on."""
        return draw_resamples(self.test.groups)

    def measured(self, scores: Float32Array) -> dict[str, Draws]:
        """Return the measures of Table 1, by field, of scores (seeds, tracks, tags): their means over the seeds."""
        distinct, counts = np.unique(scores, axis=0, return_counts=True)  # of many models, all seeds give the same
        each = [resample_measures(self.test, of_seed, self.scored, self.resamples) for of_seed in distinct]
        means = {name: macro_means(_mean([getattr(one, name) for one in each], counts)) for name in asdict(each[0])}
        return {name: Draws.of(mean) for name, mean in means.items() if mean is not None}


def _mean(values: list[Float64Array], counts: IntArray) -> Float64Array:
    mean: Float64Array = np.average(np.stack(values), axis=0, weights=counts)
    return mean


def read_found(folder: Path, seed: int | None = None) -> FoundStudy:
    """Read a finished study, or what it has of one seed.

    Raises `InputError` where it is not finished, has no such seed, or a file is missing or damaged.
    """
    study = replace(read_study_folder(folder), added=(), outdated=())  # nothing is expected of others' models
    if seed is not None:
        study = _of_seed(study, seed, folder)
    if study.missing:
        first = study.missing[0]
        raise InputError(
            f"the study in {folder} is not finished: {len(study.missing)} of its cells are missing, the first "
            f"{first.label} · {first.n_train} · seed {first.seed}; run it to its end"
        )
    test = read_test_part(folder, study.finished[0].record)
    found = FoundStudy(folder, study, test, {})
    for row in study.rows:
        cells = [folder / CELLS_FOLDER / one.cell.digest for one in found.cells(row.key)]
        found.scores[row.key] = np.stack([read_predictions(cell, test) for cell in cells])
    return found


def _of_seed(study: StudyFolder, seed: int, folder: Path) -> StudyFolder:
    finished = tuple(one for one in study.finished if one.cell.seed == seed)
    if not finished:
        seeds = sorted({one.cell.seed for one in study.finished})
        raise InputError(f"the study in {folder} has no seed {seed}; those finished: {', '.join(map(str, seeds))}")
    return replace(study, finished=finished, missing=tuple(cell for cell in study.missing if cell.seed == seed))


def identity_of(record: RunRecord) -> dict[str, Any]:
    """Return all that decides a model's numbers but for its size, seed and tracks, as TOML can hold it."""
    fields = set(RunSpec.model_fields) - OF_A_CELL
    content: dict[str, Any] = _without_none(record.model_dump(mode="json", include=fields))
    return content


def _without_none(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value


def check_records(found: FoundStudy) -> Check:
    """Check that every record says what its predictions do, to the last digit but for the order of sums."""
    return in_one(RECORDS, "records say what was predicted", _record_checks(found))


def _record_checks(found: FoundStudy) -> Iterator[Check]:
    for key, scores in found.scores.items():
        for one, of_seed in zip(found.cells(key), scores, strict=True):
            record = one.record
            least = {"min_positives": record.min_positives, "min_negatives": record.min_negatives}
            measured = measure(found.test, of_seed, **least)
            told = {"": record.metrics.model_dump(), **record.per_tag}
            new = {"": measured.metrics.model_dump(), **measured.per_tag}
            name = f"record of {key[0]} · {key[1]} · seed {record.seed}"
            off = first_difference(told, new)
            yield Check(RECORDS, name, "failed" if off else "passed", off[0] if off else "", off[1] if off else "")


def first_difference(
    expected: dict[str, dict[str, float]], found: dict[str, dict[str, float]]
) -> tuple[str, str] | None:
    """Return what was expected and found where measures, by tag, first differ; None where they are the same.

    The means stand under a tag without a name.
    """
    for tag in [*expected, *(tag for tag in found if tag not in expected)]:
        before, after = expected.get(tag, {}), found.get(tag, {})
        for name in dict.fromkeys([*before, *after]):
            old, new = before.get(name), after.get(name)
            same = old is new if old is None or new is None else abs(old - new) <= EXACTLY
            if not same:
                where = f" ({tag})" if tag else ""
                return f"{name} {old}{where}", f"{name} {new}{where}"
    return None
