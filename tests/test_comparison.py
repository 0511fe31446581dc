"""What others published on a corpus stands beside ours where corpus, split and tags are the same, and nowhere else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.added import AddedRecord
from bench.bootstrap import Interval
from bench.record import Measures
from bench.tags import CHANGED
from reports.comparison import comparison_sections
from reports.estimates import Estimate, plain_lines
from reports.published import ComparedModel, Comparison, published
from reports.study_folder import read_study_folder
from tests.factories import make_record, write_study

MOODS: dict[str, Any] = {
    "corpus": "jamendo",
    "corpus_version": "moodtheme, split 0",
    "n_test": 4231,
    "n_valid": 3802,
    "n_classification_tags": 56,
    "n_regression_tags": 0,
    "metrics": Measures(roc_auc=0.7512, pr_auc=0.1234, rmse=None),
}


def page(out: Path, n_train: int = 9949, split: str = "official", **changes: str | int) -> str:
    values = MOODS | changes
    records = [make_record("gbt", size, **values) for size in (995, n_train)]
    return compared(write_study(out, records, split=split))


def compared(out: Path) -> str:
    study = read_study_folder(out)
    record = study.finished[0].record
    known = published().comparison(record.corpus, record.corpus_version)
    return "\n\n".join(comparison_sections(study, plain_lines(study.rows), known))


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]


def test_our_rows_have_their_intervals(tmp_path: Path) -> None:
    study = read_study_folder(write_study(tmp_path, [make_record("gbt", 9949, **MOODS)], split="official"))
    (line,) = plain_lines(study.rows)
    line = replace(line, values={"roc_auc": Estimate(0.7512, Interval(0.74, 0.77))})
    known = published().comparison("jamendo", "moodtheme, split 0")
    ours = cells("\n\n".join(comparison_sections(study, [line], known)))[-1]
    assert ours == ["gbt", "75.12 ± 1.88", "–", "measured", "this study"]


def test_a_model_that_was_added_at_a_larger_size_does_not_take_our_rows_place(tmp_path: Path) -> None:
    study = read_study_folder(write_study(tmp_path, [make_record("gbt", 9949, **MOODS)], split="official"))
    known = study.finished[0].record.model_dump() | {"label": "theirs", "n_train": 1_000_000}
    added = AddedRecord.model_validate({name: known[name] for name in AddedRecord.model_fields})
    study = replace(study, added=(added,))
    published_there = published().comparison("jamendo", "moodtheme, split 0")
    text = "\n\n".join(comparison_sections(study, plain_lines(study.rows), published_there))
    assert [line[0] for line in cells(text)[2:]] == ["VGGish baseline", "gbt"]


def test_published_rows_stand_before_our_rows_of_the_largest_size_each_with_its_status(tmp_path: Path) -> None:
    assert cells(page(tmp_path))[2:] == [
        ["VGGish baseline", "72.58", "10.77", "checked", "results in MTG/mtg-jamendo-dataset"],
        ["gbt", "75.12", "12.34", "measured", "this study"],
    ]


def test_the_same_split_tags_and_tracks_are_said_to_be_the_same(tmp_path: Path) -> None:
    told = page(tmp_path)
    assert "Ours are all 4,231 of the official split." in told
    assert "learned from all 9,949 of the official split, with all 3,802 for validation." in told
    assert "means over all 56 tags" in told
    assert "not strictly comparable" not in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"split": "hash"}, "another division"),
        ({"corpus_version": f"moodtheme, split 0, {CHANGED}"}, "other tags"),
        ({"corpus_version": "moodtheme, split 1"}, "another version"),
        ({"corpus": "jamendo2"}, "another corpus"),
    ],
)
def test_nothing_is_compared_of(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    assert page(tmp_path, **changes) == "", told


@pytest.mark.parametrize(
    ("changes", "told", "in_what"),
    [
        (
            {"n_test": 4200},
            "Ours are 4,200, 31 fewer than the official split's 4,231; rejected.csv names",
            "test tracks",
        ),
        ({"n_test": 4300}, "Ours are 4,300, 69 more than the official split's 4,231.", "test tracks"),
        (
            {"n_train": 9000},
            "from 9,000, with 3,802 for validation; the official split has 9,949 and",
            "training tracks",
        ),
        ({"n_valid": 3000}, "with 3,000 for validation; the official split has 9,949 and 3,802", "training tracks"),
        ({"n_classification_tags": 50}, "means over 50 of the 56 tags", "tags"),
        ({"n_test": 1, "n_train": 999, "n_classification_tags": 2}, "", "test tracks, training tracks, tags"),
    ],
)
def test_what_differs_is_counted_and_makes_rows_not_strictly_comparable(
    tmp_path: Path, changes: dict[str, Any], told: str, in_what: str
) -> None:
    text = page(tmp_path, **changes)
    assert told in text
    assert f"not strictly comparable**: they differ in {in_what}." in text


def test_an_unfinished_study_compares_the_largest_size_that_is_done_and_says_so(tmp_path: Path) -> None:
    missing = [make_record("gbt", 9949, **MOODS)]
    write_study(tmp_path, [make_record("gbt", 995, **MOODS)], unfinished=missing, split="official")
    assert "learned from 995, with" in compared(tmp_path)


def test_every_status_that_is_printed_is_explained_and_no_other(tmp_path: Path) -> None:
    assert "quoted" not in page(tmp_path / "checked")
    assert "*checked*: computed again by us" in page(tmp_path / "checked again")
    quoted = page(tmp_path / "quoted", corpus="msd", corpus_version="Last.fm top 50")
    assert [line[3] for line in cells(quoted)[2:]] == ["quoted"] * 3 + ["measured"]
    assert "*quoted*: read from a transcription of the source and not confirmed" in quoted
    assert "checked" not in quoted


@pytest.mark.parametrize(("own", "other"), [("full", "clean"), ("clean", "full")])
def test_the_two_ways_to_score_magnatagatune_are_told_apart(tmp_path: Path, own: str, other: str) -> None:
    told = page(tmp_path, corpus="magnatagatune", corpus_version=f"{own}, top 50")
    assert f"{own}, as here" in told
    assert "cannot stand beside a number of the other" in told
    theirs = published().comparison("magnatagatune", f"{other}, top 50")
    assert theirs is not None
    assert theirs.rows[0].model not in told


def test_names_are_printed_and_not_obeyed(tmp_path: Path) -> None:
    record = make_record("gbt | *best*", corpus="a|b", corpus_version="<i>")
    study = read_study_folder(write_study(tmp_path, [record], split="official"))
    model = ComparedModel(model="*m*", roc_auc=50, pr_auc=10, source="x|y", status="quoted")
    comparison = Comparison(
        corpus="a|b", version="<i>", n_tags=2, n_train=320, n_valid=60, n_test=120, notes=("`n`",), rows=(model,)
    )
    text = "\n".join(comparison_sections(study, plain_lines(study.rows), comparison))
    for escaped in (r"a\|b \<i\>", r"\*m\*", r"x\|y", r"gbt \| \*best\*", r"\`n\`"):
        assert escaped in text
    assert text.count("not strictly") == 0


def test_where_nothing_is_published_there_is_no_page(tmp_path: Path) -> None:
    study = read_study_folder(write_study(tmp_path, [make_record("gbt")], split="official"))
    assert list(comparison_sections(study, plain_lines(study.rows), None)) == []


def test_each_corpus_and_version_has_one_comparison() -> None:
    known = [(each.corpus, each.version) for each in published().comparisons]
    assert len(set(known)) == len(known) == 5


def test_what_was_not_computed_again_is_marked_as_quoted() -> None:
    rows = [(each.version, row) for each in published().comparisons for row in each.rows]
    assert [version for version, row in rows if row.status == "checked"] == ["moodtheme, split 0"]
    assert len(rows) == 10
    for _, row in rows:
        assert 50 < row.roc_auc < 100
        assert 5 < row.pr_auc < row.roc_auc
