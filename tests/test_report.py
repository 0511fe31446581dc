"""A study's folder becomes its report: tables, CSVs, timings and figures, computed again from what was predicted."""

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import Corpus, Float32Array
from bench.errors import InputError
from bench.output import TRUTH_FILE
from bench.record import PREDICTIONS_FILE, RECORD_FILE, RunRecord
from reports.report import write_report
from tests.factories import SCORED_TAGS, make_scores, make_test_part, write_scored_study

REPORT = {
    *(
        "report.html",
        "claims.json",
        "table1.md",
        "table1.csv",
        "table1.tex",
        "differences.csv",
        "table1_by_tags.csv",
        "timings.csv",
        "qualitative.md",
        "exclusive_pairs.csv",
        "popularity.csv",
        "popularity_by_prevalence.csv",
        "tracks_scored.csv",
    ),
    *(f"figures/{n}.svg" for n in ("roc_auc", "pr_auc", "rmse", "table1")),
}
INPUTS = {"study.toml", "cells.csv", "tags.csv", "tracks.csv", "targets.parquet", "truth.parquet"}
LABELS = ("prior", "linear", "gbt", "waveform", "spectrogram")
TEST = make_test_part()
Scores = dict[tuple[str, int, int], Float32Array]


def scores_of(cells: Iterable[tuple[str, int]], test: Corpus = TEST) -> Scores:
    return {
        (label, n_train, 0): make_scores(test, skill=0.2 + n_train / 2000, seed=n_train + LABELS.index(label))
        for label, n_train in cells
    }


def contents(out: Path) -> dict[str, bytes]:
    files = [file for file in out.rglob("*") if file.is_file() and "cells" not in str(file.relative_to(out))]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def written(out: Path) -> set[str]:
    return set(contents(out)) - INPUTS


def page(out: Path) -> str:
    write_report(out)
    return (out / "table1.md").read_text(encoding="utf-8")


def lines_of(name: str, out: Path) -> list[dict[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_gets_its_tables_its_csvs_its_timings_and_its_figures(tmp_path: Path) -> None:
    write_scored_study(tmp_path, TEST, scores_of((label, n_train) for label in LABELS for n_train in (40, 320)))
    text = page(tmp_path)
    assert written(tmp_path) == REPORT
    assert text.index("# Table 1") < text.index("| gbt ") < text.index("## Differences")
    assert text.index("## Differences") < text.index("## The paper") < text.index("## By category")
    assert text.index("## By category") < text.index("## As published: workshop 2017")
    assert text.index("## As published") < text.index("| GBT + features ‡")
    assert "1.2M tracks" in text
    assert "(figures/table1.svg)" in text
    assert "## As published: ISMIR" not in text
    rows = [(row["model"], row["n_train"]) for row in lines_of("table1.csv", tmp_path)]
    assert rows == [(label, size) for size in ("320", "40") for label in LABELS]


def test_a_study_of_one_size_has_no_figure_against_it(tmp_path: Path) -> None:
    write_scored_study(tmp_path, TEST, scores_of([("gbt", 40)]))
    assert "figures/table1.svg" not in page(tmp_path)
    assert not (tmp_path / "figures" / "table1.svg").exists()


def test_the_same_records_give_the_same_bytes_but_for_the_timings(tmp_path: Path) -> None:
    folders = [tmp_path / "slow", tmp_path / "fast"]
    for folder, seconds in zip(folders, (100.0, 1.0), strict=True):
        scores = scores_of([("gbt", 40), ("gbt", 320)])
        write_scored_study(folder, TEST, scores, train_seconds=seconds, predict_seconds=seconds, device="cuda")
        write_report(folder)
    slow, fast = map(contents, folders)
    assert {name for name in REPORT if slow[name] != fast[name]} == {"timings.csv"}


def test_a_report_is_replaced_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    both = scores_of([("gbt", 40), ("gbt", 320)])
    write_scored_study(tmp_path / "whole", TEST, both)
    missing = next(
        record
        for folder in (tmp_path / "whole" / "cells").iterdir()
        if (record := RunRecord.load(folder)).n_train == 320
    )
    out = tmp_path / "out"
    write_scored_study(out, TEST, scores_of([("gbt", 40)]), unfinished=[missing])
    assert "Unfinished: 1 of 2" in page(out)
    for name in (RECORD_FILE, PREDICTIONS_FILE):
        content = (tmp_path / "whole" / "cells" / missing.digest / name).read_bytes()
        (out / "cells" / missing.digest / name).write_bytes(content)
    (out / "figures" / "gains_a-label-that-was.svg").touch()
    assert "Unfinished" not in page(out)
    assert written(out) == REPORT


def test_a_study_that_is_refused_leaves_the_last_report_as_it_was(tmp_path: Path) -> None:
    write_scored_study(tmp_path, TEST, scores_of([("gbt", 320)]))
    write_report(tmp_path)
    before = contents(tmp_path)
    (record,) = tmp_path.rglob(RECORD_FILE)
    record.write_text("{}")
    with pytest.raises(InputError):
        write_report(tmp_path)
    assert contents(tmp_path) == before


def test_a_chosen_track_that_is_none_of_the_test_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_scored_study(tmp_path, TEST, scores_of([("gbt", 320)]))
    with pytest.raises(InputError, match=r"^'no such' is no test track"):
        write_report(tmp_path, ["t0003", "no such"])
    assert written(tmp_path) <= INPUTS
    write_report(tmp_path, ["t0003"])
    assert "### 1. chosen: t0003\n\naudio/0003.wav; no excerpt is kept" in (tmp_path / "qualitative.md").read_text()
    assert "t0003" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_exact_labels_are_scored_in_a_table_of_their_own(tmp_path: Path) -> None:
    truth = np.roll(TEST.targets, 1, axis=0)
    write_scored_study(tmp_path, replace(TEST, truth=truth), {("gbt", 320, 0): truth * np.float32(0.9)})
    own, apart = page(tmp_path).split("## The same predictions against exact labels")
    assert "100.00" not in own
    assert "**100.00** ± 0.00" in apart
    (row,) = lines_of("table1.csv", tmp_path)
    assert (row["truth_roc_auc"], row["truth_roc_auc_low"], row["truth_roc_auc_high"]) == ("1.0", "1.0", "1.0")
    (tmp_path / TRUTH_FILE).unlink()
    with pytest.raises(InputError, match=rf"^{tmp_path / TRUTH_FILE} is missing; run the study again"):
        write_report(tmp_path)


def test_without_exact_labels_none_are_mentioned(tmp_path: Path) -> None:
    write_scored_study(tmp_path, TEST, scores_of([("gbt", 320)]))
    assert "exact" not in page(tmp_path)
    assert "truth" not in (tmp_path / "table1.csv").read_text()


def test_other_ways_to_predict_stand_below_table_1_and_nowhere_in_it(tmp_path: Path) -> None:
    scores = scores_of([("gbt", 320), ("waveform", 320)])
    perfect = TEST.targets * np.float32(0.9)
    write_scored_study(tmp_path, TEST, scores, whole_song={("waveform", 320, 0): perfect})
    own, below = page(tmp_path).split("## The same models, predicting otherwise")
    assert "100.00" not in own
    section = below.split("\n## ")[0]
    assert "| gbt" not in section
    windows, whole = [line for line in section.splitlines() if line.startswith("| waveform")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (windows, whole)]
    assert (cells[0][5:], cells[1][0], cells[1][2]) == (["", "", ""], "waveform, whole song", "100.00 ± 0.00")
    gbt, waveform = lines_of("table1.csv", tmp_path)
    assert (gbt["whole_song_roc_auc"], waveform["whole_song_roc_auc"]) == ("", "1.0")
    (difference,) = [line for line in lines_of("differences.csv", tmp_path) if "windows" in line["difference"]]
    gained = 1 - float(waveform["roc_auc"])
    assert float(difference["roc_auc"]) == pytest.approx(gained)
    assert cells[1][5].startswith(f"+{100 * gained:.2f} ± ")
    assert float(difference["rmse"]) > 0  # of a lower √MSE


def test_without_other_ways_to_predict_none_are_mentioned(tmp_path: Path) -> None:
    write_scored_study(tmp_path, TEST, scores_of([("gbt", 320)]))
    assert "otherwise" not in page(tmp_path)
    assert "whole" not in (tmp_path / "table1.csv").read_text()


def test_a_study_without_regression_tags_has_a_report(tmp_path: Path) -> None:
    test = make_test_part(tags=SCORED_TAGS[:3])
    write_scored_study(tmp_path, test, scores_of([(label, 320) for label in LABELS], test))
    text = page(tmp_path)
    assert "**Measures.** ROC-AUC and PR-AUC are means over 3 classification tags.\n" in text
    assert "None" not in text


@pytest.mark.parametrize("measure", ["roc_auc", "pr_auc", "rmse"])
@pytest.mark.parametrize("where", ["metrics", "truth_metrics", "otherwise"])
def test_a_record_that_tells_another_number_than_its_predictions_is_refused(
    where: str, measure: str, tmp_path: Path
) -> None:
    test = replace(TEST, truth=np.roll(TEST.targets, 1, axis=0))
    scores = scores_of([("waveform", 320)])
    write_scored_study(tmp_path, test, scores, whole_song={key: 1 - one for key, one in scores.items()})
    (file,) = tmp_path.rglob(RECORD_FILE)
    content = json.loads(file.read_text())
    told = content["otherwise"]["whole_song"]["metrics"] if where == "otherwise" else content[where]
    told[measure] += 5e-10
    file.write_text(json.dumps(content))
    write_report(tmp_path)
    told[measure] += 1e-8
    file.write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        write_report(tmp_path)
    message = str(refused.value)
    assert message.startswith(f"{file} tells of ")
    assert f"delete the folder {file.parent}" in message
    assert "\n" not in message


def test_a_record_of_a_measure_that_no_tag_has_is_refused(tmp_path: Path) -> None:
    test = make_test_part(tags=SCORED_TAGS[:3])
    write_scored_study(
        tmp_path, test, scores_of([("gbt", 320)], test), metrics={"roc_auc": 0.5, "pr_auc": 0.5, "rmse": 0.1}
    )
    with pytest.raises(InputError, match=r"tells of "):
        write_report(tmp_path)


def test_predictions_that_are_missing_are_named(tmp_path: Path) -> None:
    write_scored_study(tmp_path, TEST, scores_of([("gbt", 320)]))
    (file,) = tmp_path.rglob(PREDICTIONS_FILE)
    file.unlink()
    with pytest.raises(InputError, match=rf"^{file} cannot be read"):
        write_report(tmp_path)
