"""What a study left is read whole, or refused in one line."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.output import CELLS_FILE, STUDY_FILE
from bench.record import RECORD_FILE, Measures
from reports.study_folder import read_study_folder
from tests.factories import make_record, write_study


def test_seeds_of_one_label_and_size_become_one_row(tmp_path: Path) -> None:
    scores = [Measures(roc_auc=value, pr_auc=0.5, rmse=0.2) for value in (0.5, 0.75)]
    records = [make_record("waveform", seed=seed, metrics=score) for seed, score in enumerate(scores)]
    study = read_study_folder(write_study(tmp_path, [*records, make_record("gbt")]))
    waveform, gbt = study.rows
    assert (waveform.key, waveform.per_seed, waveform.metrics.roc_auc) == (("waveform", 320), tuple(scores), 0.625)
    assert (gbt.key, len(gbt.per_seed)) == (("gbt", 320), 1)


def test_rows_keep_the_studys_order_and_its_pairs(tmp_path: Path) -> None:
    labels = ["spectrogram", "prior", "waveform"]
    records = [make_record(label, n_train) for label in labels for n_train in (40, 120)]
    rows = read_study_folder(write_study(tmp_path, records)).rows
    assert [row.label for row in rows] == ["spectrogram", "spectrogram", "prior", "prior", "waveform", "waveform"]
    assert [row.pair for row in rows[::2]] == ["networks", "", "networks"]


def test_a_row_counts_its_tags_and_the_parameters_of_a_mean_seed(tmp_path: Path) -> None:
    records = [make_record("gbt", seed=seed, n_parameters=size) for seed, size in enumerate((100, 200, None))]
    (row, unsized) = read_study_folder(write_study(tmp_path, [*records, make_record("prior")])).rows
    assert (row.n_parameters, row.n_classification_tags, row.n_regression_tags) == (150, 2, 1)
    assert unsized.n_parameters is None


def test_one_seed_that_the_cap_stopped_marks_its_row(tmp_path: Path) -> None:
    records = [make_record("waveform", seed=seed, hit_cap=seed == 1) for seed in (0, 1)]
    rows = read_study_folder(write_study(tmp_path, [*records, make_record("gbt")])).rows
    assert [row.mark for row in rows] == ["†", ""]


def test_cells_without_a_record_are_missing(tmp_path: Path) -> None:
    unfinished = make_record("gbt", 120)
    study = read_study_folder(write_study(tmp_path, [make_record("gbt", 40)], unfinished=[unfinished]))
    assert [row.key for row in study.rows] == [("gbt", 40)]
    assert [cell.n_train for cell in study.missing] == [120]


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{tmp_path} holds no study: it has no study.toml"):
        read_study_folder(tmp_path)
    write_study(tmp_path, [make_record()])
    (tmp_path / CELLS_FILE).unlink()
    with pytest.raises(InputError, match=r"it has no cells\.csv"):
        read_study_folder(tmp_path)


def test_a_study_of_which_nothing_is_finished_is_refused(tmp_path: Path) -> None:
    write_study(tmp_path, [], unfinished=[make_record("gbt"), make_record("prior")])
    with pytest.raises(InputError, match="none of the 2 cells"):
        read_study_folder(tmp_path)


@pytest.mark.parametrize(
    ("digest", "what"),
    [
        ("train_digest", "the training tracks at size 320"),
        ("valid_digest", "the validation tracks at size 320"),
        ("test_digest", "the test tracks"),
    ],
)
def test_models_of_one_size_that_saw_different_tracks_are_refused(tmp_path: Path, digest: str, what: str) -> None:
    records = [make_record("gbt"), make_record("prior"), make_record("waveform").model_copy(update={digest: "others"})]
    write_study(tmp_path, records)
    with pytest.raises(InputError) as refused:
        read_study_folder(tmp_path)
    message = str(refused.value)
    assert what in message
    assert f"gbt, prior: {getattr(records[0], digest)}; waveform: others" in message
    assert "\n" not in message


def test_different_test_tracks_are_refused_between_sizes_too(tmp_path: Path) -> None:
    write_study(tmp_path, [make_record("gbt", 40), make_record("gbt", 120, test_digest="others")])
    with pytest.raises(InputError, match="test tracks"):
        read_study_folder(tmp_path)


def test_training_tracks_differ_between_sizes(tmp_path: Path) -> None:
    records = [make_record("gbt", 40, train_digest="a"), make_record("gbt", 120, train_digest="b")]
    assert len(read_study_folder(write_study(tmp_path, records)).rows) == 2


@pytest.mark.parametrize("content", ["", "{}", '{"label": "gbt"', "\udcff"])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    record = make_record("gbt")
    file = write_study(tmp_path, [record]) / "cells" / record.digest / RECORD_FILE
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as refused:
        read_study_folder(tmp_path)
    assert str(refused.value).startswith(f"{file} is damaged")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        (CELLS_FILE, "label,family\na,b\n", "pair Field required"),
        (
            CELLS_FILE,
            "label,family,pair,n_train,seed,digest\na,b,,many,0,d\n",
            "n_train Input should be a valid integer",
        ),
        (CELLS_FILE, "\udcff", "utf-8"),
        (STUDY_FILE, "note = ", "Invalid value"),
        (STUDY_FILE, "\udcff", "utf-8"),
        (STUDY_FILE, '[split]\nkind = "odd"', "split kind Input should be 'hash' or 'official'"),
        (STUDY_FILE, "note = 3", "note Input should be a valid string"),
    ],
)
def test_a_damaged_file_of_the_study_is_named(tmp_path: Path, name: str, content: str, fault: str) -> None:
    file = write_study(tmp_path, [make_record()]) / name
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as refused:
        read_study_folder(tmp_path)
    assert str(refused.value).startswith(f"{file} cannot be read (")
    assert fault in str(refused.value)
    assert "\n" not in str(refused.value)
