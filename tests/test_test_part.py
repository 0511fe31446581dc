"""The test part of a study comes back from its output folder as it was, or is refused by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.corpus import Corpus
from bench.errors import InputError
from bench.record import RunRecord, describe
from bench.test_part import read_predictions, read_test_part
from tests.conftest import StudyOnDisk
from tests.factories import make_scores, make_test_part, write_scored_study

CELL = ("gbt", 40, 0)


def written(out: Path, test: Corpus) -> tuple[Path, RunRecord]:
    write_scored_study(out, test, {CELL: make_scores(test, skill=0.5)})
    folder = next((out / "cells").iterdir())
    return folder, RunRecord.load(folder)


def test_the_test_part_comes_back_with_its_digest_groups_tags_and_exact_labels(tmp_path: Path) -> None:
    test = make_test_part()
    test = replace(test, truth=1 - test.targets, ids=np.char.add('ü, "', test.ids))
    _, record = written(tmp_path, test)
    back = read_test_part(tmp_path, record)
    assert back.digest == test.digest
    assert back.tags == test.tags
    assert back.groups.tolist() == test.groups.tolist()
    assert back.files.tolist() == test.files.tolist()
    assert back.truth is not None
    np.testing.assert_array_equal(back.truth, 1 - test.targets)


def test_a_finished_study_has_the_test_part_that_its_cells_were_scored_on(finished_study: StudyOnDisk) -> None:
    for folder in (finished_study.out / "cells").iterdir():
        record = RunRecord.load(folder)
        test = read_test_part(finished_study.out, record)
        assert test.digest == record.test_digest, describe(record)
        assert read_predictions(folder, test).shape == test.targets.shape


def test_labels_that_were_changed_are_refused(tmp_path: Path) -> None:
    _, record = written(tmp_path, make_test_part())
    targets = pd.read_parquet(tmp_path / "targets.parquet")
    targets["rock"] = 1 - targets["rock"]
    targets.to_parquet(tmp_path / "targets.parquet", index=False)
    with pytest.raises(InputError, match="not those that gbt was scored on"):
        read_test_part(tmp_path, record)


def test_predictions_of_other_tracks_are_refused(tmp_path: Path) -> None:
    test = make_test_part()
    folder, _ = written(tmp_path, test)
    with pytest.raises(InputError, match="is not of the study's test tracks"):
        read_predictions(folder, test.take(np.arange(len(test))[::-1]))


def test_predictions_that_are_lost_come_back_once_the_finished_cell_is_deleted(tmp_path: Path) -> None:
    test = make_test_part()
    folder, _ = written(tmp_path, test)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(InputError, match=f"; delete the folder {folder} and run the study again$"):
        read_predictions(folder, test)


@pytest.mark.parametrize("name", ["targets.parquet", "tags.csv", "tracks.csv"])
def test_a_damaged_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    _, record = written(tmp_path, make_test_part())
    (tmp_path / name).write_bytes(b"\0\1\2")
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        read_test_part(tmp_path, record)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        read_test_part(tmp_path, record)
