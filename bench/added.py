"""Somebody else's model in a study: what it predicts of the study's test tracks, checked, measured and kept.

Of its training nothing is known but what was told. An added model lies in a folder of its own, whole or absent, that
`tagbench run` never touches.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.corpus import Corpus, Float32Array, Tag
from bench.digest import json_digest
from bench.errors import InputError
from bench.measure import measure
from bench.output import TARGETS_FILE, check_whole, is_finished, unfinished, write_scores
from bench.record import PREDICTIONS_FILE, RECORD_FILE, Measures, RunRecord
from bench.table_files import as_text, place_of, read_table
from bench.test_part import read_test_part
from bench.whole_file import is_partial, replace_file

ADDED_FOLDER = "added"
ID = "id"


class AddedModel(BaseModel):
    """Who an added model is: its `label`, and how many training tracks and which `seed` it is told to have had.

    `test_digest` is that of the test tracks that it was scored on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    n_train: int
    seed: int
    test_digest: str

    @property
    def digest(self) -> str:
        """The name of its folder."""
        return json_digest(self.model_dump(mode="json", include=set(AddedModel.model_fields)))


class AddedRecord(AddedModel):
    """An added model with its measures, named as in `RunRecord`; `n_parameters` is what was told, if anything was."""

    n_parameters: int | None
    metrics: Measures
    pooled_rmse: float | None
    truth_metrics: Measures | None
    per_tag: dict[str, dict[str, float]]
    unscored_tags: dict[str, int]
    n_classification_tags: int
    n_regression_tags: int


def added_folder(out: Path, model: AddedModel) -> Path:
    """Return where an added model lies."""
    return out / ADDED_FOLDER / model.digest


def read_added(out: Path) -> list[AddedRecord]:
    """Return the models that were added to the study in `out`, by label, size and seed.

    Raises `InputError` where one cannot be read.
    """
    folders = [file.parent for file in (out / ADDED_FOLDER).glob(f"*/{RECORD_FILE}") if not is_partial(file.parent)]
    return sorted(map(_read_record, folders), key=lambda record: (record.label, record.n_train, record.seed))


def _read_record(folder: Path) -> AddedRecord:
    advice = f"delete the folder {folder} and add the model again"
    check_whole(folder, advice)
    try:
        return AddedRecord.model_validate_json((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / RECORD_FILE} is damaged or of another version; {advice}") from error


def add_model(
    out: Path,
    record: RunRecord,
    predictions: Path,
    *,
    label: str,
    n_train: int,
    seed: int = 0,
    n_parameters: int | None = None,
    replace: bool = False,
) -> Path:
    """Measure a model's predictions, keep both in the output folder `out` of a study, and return the folder of both.

    `record` is that of any finished cell there; the same tags are scored. Raises `InputError`, and writes nothing,
    where the predictions are not of the study's test tracks and tags (`read_scores`), or the model was added before and
    is not to `replace` itself.
    """
    if not label.strip() or not label.isprintable():
        raise InputError(f"the name {label!r} cannot be printed; give the model one of letters, digits and the like")
    model = AddedModel(label=label, n_train=n_train, seed=seed, test_digest=record.test_digest)
    folder = added_folder(out, model)
    if is_finished(folder) and not replace:
        raise InputError(f"{label!r} of {n_train} tracks and seed {seed} was added before; --replace replaces it")
    test = read_test_part(out, record)
    scores = read_scores(predictions, test, targets=out / TARGETS_FILE)
    measured = measure(test, scores, min_positives=record.min_positives, min_negatives=record.min_negatives)
    added = AddedRecord(**dict(model), **asdict(measured), n_parameters=n_parameters)
    with unfinished(folder) as aside:
        write_scores(test, scores, aside / PREDICTIONS_FILE)
        replace_file(aside / RECORD_FILE, (added.model_dump_json(indent=2) + "\n").encode())
    return folder


def read_scores(file: Path, test: Corpus, *, targets: Path) -> Float32Array:
    """Return the scores of a table with a column `id` and one a tag, shape (tracks, tags), in the test part's order.

    The table (CSV, TSV or Parquet) may have rows and columns in any order. Raises `InputError`, which says what is
    wrong and where, unless it has each test track once, each tag, nothing else, and numbers in [0, 1]; `targets` is the
    file that has both as they should be.
    """
    table = read_table(file, required=[ID], text=[ID])
    names = [str(name) for name in table.columns if name != ID]
    _refuse_others(file, "tag", names, [tag.name for tag in test.tags], targets)
    table.insert(0, ID, as_text(table.pop(ID)).astype(object))
    repeated = table[table[ID].duplicated()]
    if not repeated.empty:
        raise InputError(f"{place_of(file, repeated.index[0])}: track {repeated[ID].iloc[0]!r} stands in it before")
    _refuse_others(file, "test track", table[ID].tolist(), test.ids.tolist(), targets)
    order = pd.Index(table[ID]).get_indexer(pd.Index(test.ids.astype(object)))
    scores: Float32Array = np.stack([_column(file, table, tag) for tag in test.tags], axis=1)[order]
    return scores


def _refuse_others(file: Path, what: str, names: list[str], wanted: list[str], targets: Path) -> None:
    """Refuse a table that lacks one of the wanted names, or has one that is not wanted."""
    missing = pd.Index(wanted).difference(names, sort=False)
    extra = pd.Index(names).difference(wanted, sort=False)
    faults = []
    if len(missing):
        faults.append(f"lacks {len(missing)} of the study's {len(wanted)} {what}s, the first {missing[0]!r}")
    if len(extra):
        faults.append(f"has {len(extra)} that are none of its {len(wanted)} {what}s, the first {extra[0]!r}")
    if faults:
        raise InputError(f"{file} {' and '.join(faults)}; {targets} has them all")


def _column(file: Path, table: pd.DataFrame, tag: Tag) -> Float32Array:
    """Return the scores of one tag, shape (rows,); refuse what is no number in [0, 1]."""
    column: pd.Series[Any] = table[tag.name]
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    good = (values >= 0) & (values <= 1)
    if not good.all():
        row = int(np.argmin(good))
        cell = "no score" if pd.isna(column.iloc[row]) else repr(str(column.iloc[row]))
        raise InputError(
            f"{place_of(file, table.index[row])}: tag {tag.name!r} has {cell} for track {table[ID].iloc[row]!r}; "
            "a score is a number in [0, 1]"
        )
    scores: Float32Array = values.astype(np.float32)
    return scores
