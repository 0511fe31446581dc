"""The test part of a study as it lies in its output folder, and what models predict of it: written and read back.

What is read back is a corpus again, and its digest says whether it is the one that the cells were scored on.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bench.corpus import Corpus, Float32Array, Tag
from bench.errors import InputError
from bench.output import TAGS_FILE, TARGETS_FILE, TRACKS_FILE, TRUTH_FILE, write_scores, write_tags
from bench.record import PREDICTIONS_FILE, RunRecord

RUN_AGAIN = "run the study again to rewrite it"


def write_test_part(test: Corpus, out: Path) -> None:
    """Write the test tracks' targets, exact labels where they are known, and what their tags are."""
    write_tags(test, out)
    write_scores(test, test.targets, out / TARGETS_FILE)
    if test.truth is not None:
        write_scores(test, test.truth, out / TRUTH_FILE)


def read_test_part(out: Path, record: RunRecord) -> Corpus:
    """Return the test part of the study in `out`, whose corpus a record of one of its cells names.

    Raises `InputError` where a file is missing or damaged, or the tracks are not those that the cell was scored on.
    """
    tags = _read_tags(out, RUN_AGAIN)
    ids, targets = _read_scores(out / TARGETS_FILE, tags, RUN_AGAIN)
    truth = _read_scores(out / TRUTH_FILE, tags, RUN_AGAIN)[1] if (out / TRUTH_FILE).exists() else None
    tracks = _read_table(out / TRACKS_FILE, ["id", "group", "path"], RUN_AGAIN).set_index("id")
    if not set(ids) <= set(tracks.index):
        raise InputError(f"{out / TRACKS_FILE} lacks some of the test tracks; {RUN_AGAIN}")
    tracks = tracks.loc[ids]
    test = Corpus(
        name=record.corpus,
        version=record.corpus_version,
        root=Path(),
        tags=tags,
        ids=np.array(ids, dtype=np.str_),
        groups=tracks["group"].to_numpy(dtype=np.str_),
        files=tracks["path"].to_numpy(dtype=np.str_),
        targets=targets,
        truth=truth,
        note=record.corpus_note,
    )
    if test.digest != record.test_digest:
        raise InputError(
            f"{out}: its test tracks or their labels are not those that {record.label} was scored on; {RUN_AGAIN}"
        )
    return test


def refuse_no_test_track(tracks: Iterable[str], test: Corpus) -> None:
    """Refuse, with `InputError`, an id that no test track has."""
    known = set(test.ids.tolist())
    for track in tracks:
        if track not in known:
            raise InputError(f"{track!r} is no test track; tracks.csv, which tagbench prepare writes, has their ids")


def read_predictions(folder: Path, test: Corpus, name: str = PREDICTIONS_FILE) -> Float32Array:
    """Return what the cell in `folder` predicted of the test part, shape (tracks, tags).

    Raises `InputError` where the file is missing or damaged, or not of these tracks and tags in this order.
    """
    ids, scores = _read_scores(folder / name, test.tags, _train_again(folder))
    if ids != test.ids.tolist():
        raise InputError(f"{folder / name} is not of the study's test tracks; {_train_again(folder)}")
    return scores


def read_tags(cell: Path) -> tuple[Tag, ...]:
    """Return the tags of a cell from its folder; raises `InputError` where they are missing or damaged."""
    return _read_tags(cell, _train_again(cell))


def _train_again(cell: Path) -> str:
    """Return how to get back what a cell's folder lacks: as long as it is there, a finished cell is not run again."""
    return f"delete the folder {cell} and run the study again"


def _read_tags(folder: Path, advice: str) -> tuple[Tag, ...]:
    table = _read_table(folder / TAGS_FILE, ["name", "kind", "category", "exclusive_group"], advice)
    return tuple(Tag(*line) for line in table.itertuples(index=False))


def _read_table(file: Path, columns: list[str], advice: str) -> pd.DataFrame:
    try:
        return pd.read_csv(file, usecols=columns, dtype=str, keep_default_na=False)[columns]
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}); {advice}") from error


def _read_scores(file: Path, tags: tuple[Tag, ...], advice: str) -> tuple[list[str], Float32Array]:
    try:
        table = parquet.read_table(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{file} cannot be read ({error}); {advice}") from error
    if table.column_names != ["id", *(tag.name for tag in tags)]:
        raise InputError(f"{file} does not have the columns id and the study's {len(tags)} tags; {advice}")
    columns = [table.column(number).to_numpy() for number in range(1, table.num_columns)]
    return table.column(0).to_pylist(), np.stack(columns, axis=1).astype(np.float32, copy=False)
