"""Reads the text files that data sets come with, and names the file and the row of what is wrong in one."""

import csv
import io
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError

MOST_CHARACTERS = 1000  # of a name: an array of names takes as much memory for each as for the longest
LARGEST_TOML = 1 << 23  # characters
NESTED_KEY = re.compile(r"""(?:[\w"'-]+[ \t]*\.[ \t]*){100}""")  # its parser's work grows with the square of the parts


@dataclass(frozen=True)
class Row:
    """A line of a tab-separated file, counted from 1."""

    file: Path
    number: int
    fields: list[str]

    def refusal(self, reason: str) -> InputError:
        """Return the error that says what is wrong with this row."""
        return InputError(f"{self.file}, row {self.number}: {reason}")


def read_text(file: Path) -> str:
    """Return the text of a file in UTF-8; raises `InputError` where it cannot be read."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}, row {row}: is not text in UTF-8; save it as UTF-8") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return what TOML says; raises `TOMLDecodeError`, also for what would cost the parser its stack or hours."""
    if len(text) > LARGEST_TOML or NESTED_KEY.search(text):
        raise tomllib.TOMLDecodeError("it is too large or too deeply nested for what a person writes")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("it is too deeply nested for what a person writes") from error


def read_rows(file: Path, *, quoted: bool = False) -> list[Row]:
    """Return the rows of a tab-separated file; `quoted` tells whether double quotes around a field are no part of it.

    Raises `InputError` where the file cannot be read or is empty.
    """
    text = io.StringIO(read_text(file), newline="")
    lines = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=True)
    try:
        rows = [_row(file, lines.line_num, fields) for fields in lines]
    except csv.Error as error:
        raise InputError(f"{file}, row {lines.line_num}: {error}") from error
    while rows and not rows[-1].fields:
        rows.pop()
    if not rows:
        raise InputError(f"{file} is empty; get it again")
    return rows


def _row(file: Path, number: int, fields: list[str]) -> Row:
    row = Row(file, number, fields)
    if (longest := max(map(len, fields), default=0)) > MOST_CHARACTERS:
        raise row.refusal(f"has a field of {longest:,} characters; get the file again")
    return row


def refuse_repeated(rows: Iterable[Row], column: int, what: str) -> None:
    """Raise `InputError` for the second row that holds a value in a column."""
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(row.fields[column], row)
        if first is not row:
            place = f"row {first.number}" if first.file == row.file else f"{first.file}, row {first.number}"
            raise row.refusal(f"{what} {row.fields[column]!r} stands already in {place}")
