"""A tag may be called anything; where there is little room, it is still known."""

import pytest

from bench.one_line import in_one_line
from reports.tag_names import columns, drawn_name, padded, shortened


@pytest.mark.parametrize(
    ("name", "line"),
    [("rock", "rock"), (" two\nlines\t", "two lines"), ("\x1b[31mred", "\ufffd[31mred"), ("木管", "木管")],
)
def test_a_name_in_one_line_steers_no_terminal(name: str, line: str) -> None:
    assert in_one_line(name) == line


@pytest.mark.parametrize(
    "name", ["", "rock", "x" * 300, "木管楽器" * 5, "木" * 4 + "x" * 30, "e\u0301" * 40, "a b " * 9]
)
def test_a_padded_name_takes_its_columns_exactly(name: str) -> None:
    assert columns(padded(name, 12)) == 12


def test_a_name_that_fits_stays_whole() -> None:
    assert shortened("x" * 12, 12) == "x" * 12
    assert shortened("x" * 13, 12) == "x" * 11 + "…"


def test_a_long_name_in_a_figure_ends_in_the_tags_number() -> None:
    assert drawn_name(7, "x" * 30, 30) == "x" * 30
    assert drawn_name(7, "x" * 31, 30) == "x" * 26 + "… #7"
    assert drawn_name(188, "x" * 300, 30) != drawn_name(187, "x" * 300, 30)


@pytest.mark.parametrize("name", ["木管楽器", "", "\n"])
def test_a_name_that_the_font_cannot_show_is_the_tags_number(name: str) -> None:
    assert drawn_name(7, name, 30) == "#7"
