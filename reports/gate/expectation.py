"""What is expected of a study: a TOML file for people, and beside it all that its seeds predicted.

`smoke.toml` says which tracks, tags and settings it holds for, and every number with its margin. `smoke.parquet` has
the scores of the test tracks, which a new run is paired with; `smoke.zip` what is frozen (`reports/gate/frozen.py`).
"""

import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import tomli_w
from pyarrow import parquet
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.audio import AudioSettings
from bench.corpus import Corpus, Float32Array
from bench.digest import Digest
from bench.errors import InputError
from bench.study import describe_first_fault
from bench.text_files import parse_toml
from bench.whole_file import replace_file, written_aside
from reports.rows import MEASURES, Measure, RowKey

HEADER = """\
# What is expected of the study {study}, as measured by `tagbench gate DIR --expected {name} --update --seeds {n}`.
# A margin may be changed by hand, with its reason; all else is measured. The means are over seeds, as fractions.

"""
UPDATE = "write it again with --update"

Kind = Literal["classification", "regression"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Tracks(_Section):
    """The digests of the parts; `train` by size."""

    test: str
    valid: str
    train: dict[int, str]


class Number(_Section):
    """A measure of a model at one size, unscaled: the mean over seeds, and how far one new seed may be off, and why."""

    label: str
    n_train: int
    measure: Literal["roc_auc", "pr_auc", "rmse"]
    mean: float
    sd: float
    margin: float = Field(gt=0)
    reason: str

    @property
    def key(self) -> RowKey:
        """The row of Table 1 that it is of."""
        return self.label, self.n_train

    @property
    def column(self) -> Measure:
        """The column of Table 1 that it is of."""
        return next(measure for measure in MEASURES if measure.field == self.measure)


class _FrozenIdentity(BaseModel):
    """What of a model's identity is needed where it is frozen."""

    family: str
    threads: int = Field(ge=1)
    audio: AudioSettings | None = None


class Expectation(_Section):
    """All that must be the same for a study to be comparable, and what is expected of its numbers.

    `models` gives, by label, all of a cell's identity but size, seed and tracks; `frozen` the cell of it that is
    frozen, by its digest.
    """

    study: str
    corpus: str
    seeds: list[int] = Field(min_length=2)
    tracks: Tracks
    tags: dict[str, Kind]
    models: dict[str, dict[str, Any]]
    frozen: dict[str, Digest]
    numbers: list[Number] = Field(min_length=1)

    @model_validator(mode="after")
    def _frozen_models_are_told_of(self) -> Self:
        for label in self.frozen:
            _FrozenIdentity.model_validate(self.models.get(label, {}))
        return self

    @cached_property
    def rows(self) -> list[RowKey]:
        """The rows that numbers are expected of."""
        return list(dict.fromkeys(number.key for number in self.numbers))


def read_expectation(file: Path) -> Expectation:
    """Read an expectation; raises `InputError`, one line that names the key and what is wrong with it."""
    try:
        return Expectation.model_validate(parse_toml(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"there is no {file}; tagbench gate DIR --expected {file} --update makes it") from error
    except ValidationError as error:
        raise InputError(f"{file}: {describe_first_fault(error)}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file} cannot be read ({error}); {UPDATE}") from error


def write_expectation(expectation: Expectation, file: Path) -> None:
    """Write an expectation as TOML."""
    header = HEADER.format(study=expectation.study, name=file.name, n=len(expectation.seeds))
    replace_file(file, (header + tomli_w.dumps(expectation.model_dump(mode="json"))).encode())


def predictions_file(file: Path) -> Path:
    """Return where the predictions of an expectation lie."""
    return file.with_suffix(".parquet")


def frozen_file(file: Path) -> Path:
    """Return where the archive of what is frozen beside an expectation lies."""
    return file.with_suffix(".zip")


_OF_FLOATS = {"use_byte_stream_split": ["scores.list.element"], "use_dictionary": ["label", "n_train", "seed", "id"]}


def write_predictions(test: Corpus, scores: Mapping[RowKey, Float32Array], file: Path) -> None:
    """Write scores, shape (seeds, tracks, tags) a row of the table: a line for each cell and track."""
    pieces = [
        pd.DataFrame(
            {"label": label, "n_train": n_train, "seed": number, "id": test.ids.astype(object), "scores": list(of_seed)}
        )
        for (label, n_train), of_row in scores.items()
        for number, of_seed in enumerate(of_row)
    ]
    with written_aside(predictions_file(file)) as aside:
        table = pa.Table.from_pandas(pd.concat(pieces), preserve_index=False)
        parquet.write_table(table, aside, compression="zstd", compression_level=19, **_OF_FLOATS)


def read_predictions(expectation: Expectation, test: Corpus, file: Path) -> dict[RowKey, Float32Array]:
    """Return the expected scores of the test part by row, shape (seeds, tracks, tags).

    Raises `InputError` where the file is missing, damaged, or not of these rows, seeds and tracks.
    """
    given = predictions_file(file)
    try:
        table = pd.read_parquet(given, columns=["label", "n_train", "seed", "id", "scores"])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{given} cannot be read ({error}); {UPDATE}") from error
    shape = (len(expectation.seeds), len(test), len(test.tags))
    found = {}
    for label, n_train in expectation.rows:
        lines = table[(table["label"] == label) & (table["n_train"] == n_train)]
        scores = lines["scores"].tolist()
        if lines["id"].tolist() != test.ids.tolist() * shape[0] or any(len(row) != shape[2] for row in scores):
            raise InputError(f"{given} is not of the rows, tracks and tags of {file.name}; {UPDATE}")
        found[label, n_train] = np.stack(scores).reshape(shape)
    return found
