"""A user's table is read as it is written, or refused in one line with the file, the row and the cell."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import InputError
from bench.table_files import as_text, holds_numbers, place_of, read_table


def read(file: Path) -> pd.DataFrame:
    return read_table(file, required=["path"], text=["path"])


def written(folder: Path, content: str | bytes, name: str = "m.csv") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "m.csv is empty; write a row with the names of its columns"),
        ("\n \n", "m.csv is empty"),
        ("\ufeff", "m.csv is empty"),
        ("track,rock\na,1\n", "has no column 'path'; its columns are 'track', 'rock'$"),
        ("\npath,rock\na,1\n", "has no column 'path'; its columns are none$"),
        (
            "path;rock\na;1\n",
            "m.csv looks separated by semicolons, not by commas: its columns are 'path;rock'; save it with commas$",
        ),
        ("path;rock, hard;jazz\na;1;0\n", "looks separated by semicolons"),
        ('"path"\t"rock"\na\t1\n', "m.csv looks separated by tabs, not by commas"),
        ("path,rock,rock\na,1,0\n", "m.csv has 2 columns 'rock'; give each a name of its own"),
        ("path,rock\na,1,0\nb,1,0\n", "m.csv cannot be read: "),
        ("path,rock\na,1\nb,1,0\n", "m.csv cannot be read: .*line 3"),
        ('path,rock\n"a,1\nb,1\n', "m.csv cannot be read: "),
        ("path,rock\nBj\u00f6rk,1\n".encode("latin-1"), "m.csv, row 2: is not text in UTF-8; save it as UTF-8"),
        ("path,rock\na,1\n".encode("utf-16"), "m.csv, row 1: is not text in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read(written(tmp_path, content))
    assert "\n" not in str(refused.value)


def test_tab_separated_text_with_commas_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"looks separated by commas, not by tabs: .*; save it with tabs$"):
        read(written(tmp_path, "path,rock\na,1\n", "m.tsv"))


def test_a_table_of_many_columns_is_not_listed_whole(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its columns are 'c0', .* 'c9', …$"):
        read(written(tmp_path, ",".join(f"c{number}" for number in range(100))))


def test_two_columns_of_one_name_in_parquet_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], [1], [0]], names=["path", "rock", "rock"]), tmp_path / "m.parquet")
    with pytest.raises(InputError, match=r"m.parquet has 2 columns 'rock'"):
        read(tmp_path / "m.parquet")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert list(read(written(tmp_path, "\ufeffpath,rock\na,1\n"))) == ["path", "rock"]


@pytest.mark.parametrize("index", ["path", None])
def test_an_index_is_a_column_where_it_has_a_name(tmp_path: Path, index: str | None) -> None:
    table = pd.DataFrame({"path": ["a", "b", "c"], "rock": [1, 0, 1]})
    (table[1:] if index is None else table[1:].set_index(index)).to_parquet(tmp_path / "m.parquet")
    found = read(tmp_path / "m.parquet")
    assert found.to_dict("list") == {"path": ["b", "c"], "rock": [0, 1]}
    assert place_of(tmp_path / "m.parquet", found.index[1]) == f"{tmp_path / 'm.parquet'}, track 2"


def test_wholly_blank_rows_are_none_but_count_for_where_the_others_stand(tmp_path: Path) -> None:
    file = written(tmp_path, "path,rock\n\na,1\n,\n,0\n\n\n")
    found = read(file)
    assert as_text(found["path"]).tolist() == ["a", ""]
    assert [place_of(file, index) for index in found.index] == [f"{file}, row 3", f"{file}, row 5"]


def test_text_is_never_shortened() -> None:
    assert as_text(pd.Series(["long", None, "longer"])).tolist() == ["long", "", "longer"]
    assert as_text(pd.Series([12.5, None])).tolist() == ["12.5", ""]
    assert as_text(pd.Series(["x", None, 345], dtype=object)).tolist() == ["x", "", "345"]
    assert as_text(pd.Series([], dtype=object)).tolist() == []


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        (["0", "1", "l"], "row 4: 'l' in column 'rock' is no number; write one, or say in tags.csv which columns"),
        (["0", "", "O", "1"], "row 4: 'O' in column 'rock' is no number; write one"),
        (['"0,5"', "1"], "row 2: '0,5' in column 'rock' has a decimal comma; write 0.5, or"),
        (["0", "yes", "1"], r"row 3: 'yes' in column 'rock' is a word; write 1 for it \(0 for no, 1 for yes\)"),
        (["No", "Yes"], "row 2: 'No' in column 'rock' is a word; write 0 for it"),
        (["true", "false"], "row 2: 'True' in column 'rock' is a word; write 1 for it"),
        (["", "FALSE"], "row 3: '(False|FALSE)' in column 'rock' is a word; write 0 for it"),
    ],
)
def test_what_is_almost_a_column_of_numbers_is_refused(tmp_path: Path, cells: list[str], advice: str) -> None:
    file = written(tmp_path, "path,rock\n" + "".join(f"t{number},{cell}\n" for number, cell in enumerate(cells)))
    with pytest.raises(InputError, match=f"m.csv, {advice}") as refused:
        holds_numbers(file, read(file)["rock"])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0", "1", "l"], "track 3: 'l' in column 'rock' is no number"),
        (["0", "1"], "track 1: '0' in column 'rock' is kept as text; keep the column as numbers"),
        ([Decimal("0.5"), Decimal(1)], "track 1: '0.5' in column 'rock' is kept as text"),
    ],
)
def test_numbers_that_parquet_has_as_something_else_are_refused(
    tmp_path: Path, cells: list[object], message: str
) -> None:
    pd.DataFrame({"path": [f"t{n}" for n in range(len(cells))], "rock": cells}).to_parquet(tmp_path / "m.parquet")
    with pytest.raises(InputError, match=message):
        holds_numbers(tmp_path / "m.parquet", read(tmp_path / "m.parquet")["rock"])


@pytest.mark.parametrize(
    ("cells", "told"),
    [([1, 0], True), ([True, False], True), ([0.5, None], True), (["a", "1"], False), ([None, None], False)],
)
def test_numbers_and_truth_values_of_parquet_are_numbers_and_text_is_not(
    tmp_path: Path, cells: list[object], told: bool
) -> None:
    pd.DataFrame({"path": ["a", "b"], "rock": cells}).to_parquet(tmp_path / "m.parquet")
    assert holds_numbers(tmp_path / "m.parquet", read(tmp_path / "m.parquet")["rock"]) is told
