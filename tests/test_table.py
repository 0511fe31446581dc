"""Table 1 in Markdown; the published numbers go through the same writer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.bootstrap import Interval
from bench.record import Measures
from reports.estimates import Difference, Estimate, Estimates, Line, plain_lines
from reports.published import published
from reports.rows import Row
from reports.table import differences_table, escape, markdown_table, track_count


def scores(roc_auc: float | None, pr_auc: float | None, rmse: float | None) -> Measures:
    return Measures(roc_auc=roc_auc, pr_auc=pr_auc, rmse=rmse)


def cells(table: str) -> list[list[str]]:
    """Split a table into rows of stripped cells at the pipes that Markdown sees, without header and rule."""
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def workshop_table() -> list[list[str]]:
    table = next(table for table in published().tables if table.version == "workshop 2017")
    return cells(markdown_table(plain_lines(row.row() for row in table.rows)))


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
        markdown_table(plain_lines(rows))
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
    table = markdown_table(plain_lines([Row(label, "gbt", "", 40, (scores(0.5, 0.5, 0.5),))]))
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


ROW = Row("a|b", "spectrogram", "p", 40, (scores(0.5, 0.5, 0.5),))


def test_a_value_has_the_reach_of_its_interval_and_only_what_is_not_in_it_in_brackets() -> None:
    few = Estimate(0.81126, Interval(0.80, 0.8249), seed_sd=0.0035, n_seeds=3)
    many = Estimate(0.25, Interval(0.24, 0.26), seed_sd=0.01, n_seeds=5)
    gains: Estimates = {"roc_auc": Estimate(-0.01, Interval(-0.03, 0.02), seed_sd=0.002, n_seeds=2)}
    line = Line(ROW, {"roc_auc": few, "rmse": many}, gains, frozenset(["rmse"]))
    assert cells(markdown_table([line])) == [
        [r"a\|b", "40", "81.13 ± 1.36 (0.35)", "–", "**0.2500** ± 0.0100", "-1.00 ± 3.00 (0.20)", "–", "–"]
    ]


def test_a_difference_is_bold_where_its_interval_lies_on_one_side_of_zero() -> None:
    sure, unsure = Estimate(0.02, Interval(0.001, 0.04)), Estimate(0.02, Interval(-0.001, 0.04))
    at_one_size = Difference("kind", "a*b", "gbt", 320, None, {"roc_auc": sure, "pr_auc": unsure})
    of_two = Difference("kind", "s", "w", 40, 1000, {"rmse": Estimate(-0.02, Interval(-0.03, -0.01))})
    assert cells(differences_table([at_one_size, of_two])) == [
        [r"a\*b − gbt", "320", "**+2.00** ± 2.00", "+2.00 ± 2.10", "–"],
        ["Δ, s − w", "40 − 1k", "–", "–", "**-0.0200** ± 0.0100"],
    ]
