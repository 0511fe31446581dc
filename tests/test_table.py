"""Table 1 in Markdown and CSV; the published numbers go through the same writer."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.record import Measures
from reports.published import published
from reports.rows import Row
from reports.table import escape, markdown_table, table_csv, timings_csv, track_count
from tests.factories import make_record

CONTRACT = [
    *("model", "n_train", "n_seeds", "roc_auc", "pr_auc", "rmse", "delta_roc_auc", "delta_pr_auc", "delta_rmse"),
    *("n_parameters", "n_classification_tags", "n_regression_tags"),
]


def scores(roc_auc: float | None, pr_auc: float | None, rmse: float | None) -> Measures:
    return Measures(roc_auc=roc_auc, pr_auc=pr_auc, rmse=rmse)


def cells(table: str) -> list[list[str]]:
    """Split a table into rows of stripped cells at the pipes that Markdown sees, without header and rule."""
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def workshop_table() -> list[list[str]]:
    table = next(table for table in published().tables if table.version == "workshop 2017")
    return cells(markdown_table([row.row() for row in table.rows]))


def test_the_published_rows_give_the_published_table() -> None:
    expected = """
        GBT + features ‡ | 1.2M | 91.61     | 54.27     | 0.1569     | –     | –     | –
        Waveform         | 1M   | 91.54     | 57.86     | 0.1501     |       |       |
        Spectrogram      | 1M   | **92.14** | **59.35** | **0.1480** | +0.60 | +1.49 | +0.0021
        Waveform         | 500k | 91.23     | 56.15     | 0.1537     |       |       |
        Spectrogram      | 500k | 91.76     | 57.90     | 0.1493     | +0.53 | +1.75 | +0.0044
        Waveform         | 100k | 89.16     | 49.25     | 0.1591     |       |       |
        Spectrogram      | 100k | 90.13     | 52.08     | 0.1542     | +0.97 | +2.83 | +0.0049
    """
    assert workshop_table() == [[cell.strip() for cell in line.split("|")] for line in expected.strip().splitlines()]


def test_quoted_numbers_are_kept_but_not_for_print() -> None:
    assert {table.version: table.status for table in published().tables} == {
        "workshop 2017": "printed",
        "ISMIR 2018": "quoted",
    }
    assert [table.version for table in published().printable] == ["workshop 2017"]


@pytest.mark.parametrize(
    ("family", "n_tags", "n_parameters"),
    [
        ("waveform", 50, 5_377_082),
        ("waveform", 139, 5_421_671),
        ("spectrogram", 50, 5_922_250),
        ("spectrogram", 139, 5_966_839),
    ],
)
def test_the_size_of_the_papers_networks_follows_from_the_number_of_tags(
    family: str, n_tags: int, n_parameters: int
) -> None:
    assert published().networks[family].n_parameters(n_tags) == n_parameters


def test_a_small_table_reads_as_plain_text() -> None:
    rows = [
        Row("gbt", "gbt", "", 120, (scores(0.8, 0.5, 0.2),)),
        Row("spectrogram", "spectrogram", "p", 120, (scores(0.75, 0.625, None),), mark="†"),
        Row("waveform", "waveform", "p", 120, (scores(0.7812, 0.5, None),)),
        Row("gbt", "gbt", "", 40, (scores(0.7, 0.4, 0.1),)),
    ]
    assert (
        markdown_table(rows)
        == """\
| Model         | Training tracks | ROC-AUC % |  PR-AUC % |       √MSE | Δ ROC-AUC | Δ PR-AUC | Δ √MSE |
| :------------ | --------------: | --------: | --------: | ---------: | --------: | -------: | -----: |
| gbt           |             120 | **80.00** |     50.00 |     0.2000 |         – |        – |      – |
| waveform      |             120 |     78.12 |     50.00 |          – |           |          |        |
| spectrogram † |             120 |     75.00 | **62.50** |          – |     -3.12 |   +12.50 |      – |
| gbt           |              40 |     70.00 |     40.00 | **0.1000** |         – |        – |      – |"""
    )


@given(st.text(st.sampled_from(r"ab _*|<>[]\`~$#&" + "\n\t"), max_size=12))
def test_a_label_stays_in_its_cell(label: str) -> None:
    table = markdown_table([Row(label, "gbt", "", 40, (scores(0.5, 0.5, 0.5),))])
    columns = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()]
    assert columns == [9, 9, 9]


def test_markup_in_a_label_is_printed_and_not_obeyed() -> None:
    assert escape("a|b *c* <d> [e] `f` _g_ __h__") == r"a\|b \*c\* \<d\> \[e\] \`f\` \_g\_ \_\_h\_\_"
    assert escape("two\nlines") == "two lines"


def test_an_ordinary_label_is_left_legible() -> None:
    assert escape("wide_spectrogram, 15 s (n = 4)") == "wide_spectrogram, 15 s (n = 4)"


def test_track_counts_are_short_where_that_loses_nothing() -> None:
    short = {1_000: "1k", 1_500: "1.5k", 100_000: "100k", 500_000: "500k", 1_000_000: "1M", 1_200_000: "1.2M"}
    whole = {0: "0", 40: "40", 999: "999", 1_024: "1,024", 32_136: "32,136", 1_250_000: "1,250,000"}
    for count, text in (short | whole).items():
        assert track_count(count) == text


def test_the_csv_has_the_contracts_columns_full_precision_and_delta_on_both_rows() -> None:
    rows = [
        Row("gbt", "gbt", "", 40, (scores(0.1 + 0.2, 0.5, None),)),
        Row("w", "waveform", "p", 40, (scores(0.5, 0.5, 0.5),) * 2, n_parameters=7),
        Row("s", "spectrogram", "p", 40, (scores(0.75, 0.25, 0.25),) * 2, n_parameters=8),
    ]
    table = list(csv.DictReader(io.StringIO(table_csv(rows))))
    assert list(table[0]) == CONTRACT
    assert [line["model"] for line in table] == ["gbt", "w", "s"]
    assert (table[0]["roc_auc"], table[0]["rmse"], table[0]["n_seeds"]) == ("0.30000000000000004", "", "1")
    assert [table[0][f"delta_{name}"] for name in ("roc_auc", "pr_auc", "rmse")] == ["", "", ""]
    for line in table[1:]:
        assert [line[f"delta_{name}"] for name in ("roc_auc", "pr_auc", "rmse")] == ["0.25", "-0.25", "0.25"]
    assert [line["n_parameters"] for line in table] == ["", "7", "8"]


def test_scores_against_exact_labels_follow_the_contracts_columns() -> None:
    row = Row("gbt", "gbt", "", 40, (scores(0.5, 0.5, 0.5),), exact_per_seed=(scores(0.75, 0.625, 0.25),))
    without = Row("prior", "prior", "", 40, (scores(0.5, 0.5, 0.5),))
    table = list(csv.DictReader(io.StringIO(table_csv([row, without]))))
    assert list(table[0]) == [*CONTRACT, "truth_roc_auc", "truth_pr_auc", "truth_rmse"]
    assert (table[0]["roc_auc"], table[0]["truth_roc_auc"], table[1]["truth_roc_auc"]) == ("0.5", "0.75", "")


def test_timings_have_a_line_for_each_cell_in_seconds() -> None:
    records = [make_record(seed=seed, train_seconds=1.5, predict_seconds=30.0, n_test=120) for seed in (0, 1)]
    assert timings_csv(records) == (
        "model,n_train,seed,train_seconds,predict_seconds_per_track,device\n"
        "gbt,320,0,1.5,0.25,cpu\n"
        "gbt,320,1,1.5,0.25,cpu\n"
    )
