"""A study's folder becomes its report: table, CSV, timings and figures, from the records alone."""

import csv
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.record import Measures, OtherPrediction
from reports.report import write_report
from tests.factories import make_record, write_study

REPORT = {
    "table1.md",
    "table1.csv",
    "timings.csv",
    *(f"figures/{n}.svg" for n in ("roc_auc", "pr_auc", "rmse", "table1")),
}
LABELS = ("prior", "linear", "gbt", "waveform", "spectrogram")


def contents(out: Path) -> dict[str, bytes]:
    files = [file for file in out.rglob("*") if file.is_file() and "cells" not in str(file.relative_to(out))]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def written(out: Path) -> set[str]:
    return set(contents(out)) - {"study.toml"}


def test_a_study_gets_its_table_its_csv_its_timings_and_its_figures(tmp_path: Path) -> None:
    write_study(tmp_path, [make_record(label, n_train) for label in LABELS for n_train in (40, 320)])
    write_report(tmp_path)
    assert written(tmp_path) == REPORT
    page = (tmp_path / "table1.md").read_text()
    assert page.index("# Table 1") < page.index("| gbt ") < page.index("## As published: workshop 2017")
    assert page.index("## As published") < page.index("| GBT + features ‡")
    assert "1.2M tracks" in page
    assert "(figures/table1.svg)" in page
    assert "ISMIR" not in page
    with (tmp_path / "table1.csv").open() as file:
        rows = [(row["model"], row["n_train"]) for row in csv.DictReader(file)]
    assert rows == [(label, size) for size in ("320", "40") for label in LABELS]


def test_a_study_of_one_size_has_no_figure_against_it(tmp_path: Path) -> None:
    write_study(tmp_path, [make_record("gbt", 40)])
    write_report(tmp_path)
    assert not (tmp_path / "figures" / "table1.svg").exists()
    assert "figures/table1.svg" not in (tmp_path / "table1.md").read_text()


def test_the_same_records_give_the_same_bytes_but_for_the_timings(tmp_path: Path) -> None:
    folders = [tmp_path / "slow", tmp_path / "fast"]
    for folder, seconds in zip(folders, (100.0, 1.0), strict=True):
        records = [
            make_record("gbt", n_train, train_seconds=seconds, predict_seconds=seconds, device="cuda")
            for n_train in (40, 320)
        ]
        write_study(folder, records)
        write_report(folder)
    slow, fast = map(contents, folders)
    assert {name for name in REPORT if slow[name] != fast[name]} == {"timings.csv"}


def test_a_report_is_replaced_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    write_study(tmp_path, [make_record("gbt", 40)], unfinished=[make_record("gbt", 320)])
    write_report(tmp_path)
    assert "Unfinished: 1 of 2" in (tmp_path / "table1.md").read_text()
    make_record("gbt", 320).save(tmp_path / "cells" / make_record("gbt", 320).digest)
    (tmp_path / "figures" / "gains_a-label-that-was.svg").touch()
    write_report(tmp_path)
    assert "Unfinished" not in (tmp_path / "table1.md").read_text()
    assert written(tmp_path) == REPORT


def test_a_study_that_is_refused_leaves_the_last_report_as_it_was(tmp_path: Path) -> None:
    write_study(tmp_path, [make_record("gbt")])
    write_report(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "cells" / make_record("gbt").digest / "record.json").write_text("{}")
    with pytest.raises(InputError):
        write_report(tmp_path)
    assert contents(tmp_path) == before


def test_exact_labels_are_scored_in_a_table_of_their_own(tmp_path: Path) -> None:
    exact = Measures(roc_auc=0.875, pr_auc=0.625, rmse=0.125)
    write_study(tmp_path, [make_record("gbt", truth_metrics=exact)])
    write_report(tmp_path)
    own, apart = (tmp_path / "table1.md").read_text().split("## The same predictions against exact labels")
    assert "87.50" not in own
    assert "**87.50**" in apart
    assert "truth_rmse" in (tmp_path / "table1.csv").read_text()


def test_without_exact_labels_none_are_mentioned(tmp_path: Path) -> None:
    write_study(tmp_path, [make_record("gbt")])
    write_report(tmp_path)
    assert "exact" not in (tmp_path / "table1.md").read_text()
    assert "truth" not in (tmp_path / "table1.csv").read_text()


def test_other_ways_to_predict_stand_beside_table_1_and_nowhere_in_it(tmp_path: Path) -> None:
    whole = OtherPrediction(
        metrics=Measures(roc_auc=0.875, pr_auc=0.625, rmse=0.125), pooled_rmse=None, truth_metrics=None, per_tag={}
    )
    write_study(tmp_path, [make_record("gbt"), make_record("waveform", otherwise={"whole_song": whole})])
    write_report(tmp_path)
    own, beside = (tmp_path / "table1.md").read_text().split("## The same models, predicting otherwise")
    assert "87.50" not in own
    (line,) = [line for line in beside.split("\n## ")[0].splitlines() if line.startswith("| waveform")]
    assert [cell.strip() for cell in line.strip("|").split("|")][2:] == [
        "75.00", "87.50", "50.00", "62.50", "0.2500", "0.1250",
    ]  # fmt: skip
    assert "| gbt" not in beside.split("\n## ")[0]
    with (tmp_path / "table1.csv").open() as file:
        assert [row["whole_song_rmse"] for row in csv.DictReader(file)] == ["", "0.125"]


def test_without_other_ways_to_predict_none_are_mentioned(tmp_path: Path) -> None:
    write_study(tmp_path, [make_record("gbt")])
    write_report(tmp_path)
    assert "otherwise" not in (tmp_path / "table1.md").read_text()
    assert "whole" not in (tmp_path / "table1.csv").read_text()


def test_a_study_without_regression_tags_has_a_report(tmp_path: Path) -> None:
    scores = Measures(roc_auc=0.75, pr_auc=0.5, rmse=None)
    write_study(tmp_path, [make_record(label, metrics=scores, n_regression_tags=0) for label in LABELS])
    write_report(tmp_path)
    page = (tmp_path / "table1.md").read_text()
    assert "over 0 regression tags" in page
    assert "None" not in page
