"""The CSVs keep the contract's columns first, at full precision, and the ends of all intervals after them."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from reports.estimates import deltas, lines
from reports.resampled import ResampledStudy, resample_study
from reports.study_folder import read_study_folder
from reports.table_csv import differences_csv, table_by_tags_csv, table_csv, timings_csv
from tests.factories import make_record, make_scores, make_test_part, write_scored_study

MEASURES = ("roc_auc", "pr_auc", "rmse")
CONTRACT = [
    *("model", "n_train", "n_seeds", *MEASURES, *(f"delta_{name}" for name in MEASURES)),
    *("n_parameters", "n_classification_tags", "n_regression_tags"),
]
TEST = make_test_part()


def spreads(prefix: str) -> list[str]:
    return [f"{prefix}{name}_{what}" for name in MEASURES for what in ("low", "high", "seed_sd")]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def study_of(out: Path, *labels: str, seeds: int = 1) -> ResampledStudy:
    cells = [(label, size, seed) for label in labels for size in (40, 320) for seed in range(seeds)]
    scores = {cell: make_scores(TEST, skill=0.3, seed=n) for n, cell in enumerate(cells)}
    return resample_study(read_study_folder(write_scored_study(out, TEST, scores, n_parameters=7)), out)


def test_table_1_has_the_contracts_columns_full_precision_and_delta_on_both_rows(tmp_path: Path) -> None:
    study = study_of(tmp_path, "gbt", "waveform", "spectrogram")
    table = read(table_csv(study))
    assert list(table[0]) == [*CONTRACT, *spreads(""), *spreads("delta_")]
    gbt, waveform, spectrogram = table[:3]
    assert [line["model"] for line in table[:3]] == ["gbt", "waveform", "spectrogram"]
    value, delta = lines(study)[1].values["rmse"], deltas(study)["waveform", 320]["rmse"]
    assert value.interval is not None
    assert (float(waveform["rmse"]), float(waveform["rmse_low"])) == (value.value, value.interval.low)
    assert (waveform["n_seeds"], waveform["n_parameters"], waveform["rmse_seed_sd"]) == ("1", "7", "")
    assert {gbt[f"delta_{name}{end}"] for name in MEASURES for end in ("", "_low")} == {""}
    assert float(waveform["delta_rmse"]) == float(spectrogram["delta_rmse"]) == delta.value
    assert waveform["delta_rmse_high"] == spectrogram["delta_rmse_high"] != ""


def test_the_deviation_between_seeds_is_that_of_their_measures(tmp_path: Path) -> None:
    study = study_of(tmp_path, "gbt", seeds=5)
    (large, _) = read(table_csv(study))
    own = [one.roc_auc for one in study.study.rows[1].per_seed if one.roc_auc is not None]
    assert (large["n_seeds"], large["n_train"]) == ("5", "320")
    assert float(large["roc_auc_seed_sd"]) == pytest.approx(np.std(own, ddof=1))


def test_differences_have_a_line_each_with_both_ends(tmp_path: Path) -> None:
    found = read(differences_csv(study_of(tmp_path, "gbt", "waveform", "spectrogram")))
    columns = ["difference", "model", "against", "n_train", "minus_at", "against_at"]
    assert list(found[0]) == [*columns, *MEASURES, *spreads("")]
    assert [(line["difference"], line["model"], line["n_train"], line["minus_at"]) for line in found[:2]] == [
        ("delta_smallest_minus_largest", "spectrogram", "40", "320"),
        ("network_minus_gbt", "waveform", "320", ""),
    ]
    assert len(found) == 5
    for line in found:
        assert float(line["roc_auc_low"]) < float(line["roc_auc"]) < float(line["roc_auc_high"])


def test_nothing_to_compare_is_an_empty_file(tmp_path: Path) -> None:
    assert differences_csv(study_of(tmp_path, "gbt")) == ""


def test_table_1_by_tags_has_all_sizes_and_nothing_where_there_is_no_value(tmp_path: Path) -> None:
    found = read(table_by_tags_csv(study_of(tmp_path, "waveform", "spectrogram")))
    assert [(line["by"], line["tags"]) for line in found[::4]] == [
        ("category", "era"),
        ("category", "genre"),
        ("category", "mood"),
    ]
    assert [line["n_train"] for line in found[:4]] == ["320", "320", "40", "40"]
    era, mood = found[0], found[8]
    assert (era["n_classification_tags"], era["n_regression_tags"], era["rmse"]) == ("2", "0", "")
    assert (mood["n_classification_tags"], mood["n_regression_tags"], mood["roc_auc"]) == ("0", "1", "")
    assert float(era["delta_roc_auc_low"]) < float(era["delta_roc_auc"])


def test_timings_have_a_line_for_each_cell_in_seconds() -> None:
    records = [make_record(seed=seed, train_seconds=1.5, predict_seconds=30.0, n_test=120) for seed in (0, 1)]
    assert timings_csv(records) == (
        "model,n_train,seed,train_seconds,predict_seconds_per_track,device\n"
        "gbt,320,0,1.5,0.25,cpu\n"
        "gbt,320,1,1.5,0.25,cpu\n"
    )
