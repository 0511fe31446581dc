"""Reads a user's table (CSV, TSV or Parquet), and names the file, the row and the cell of what is wrong in one.

The row of a text file is counted as a spreadsheet counts it: row 1 names the columns, and a row that is wholly blank
counts too, but is none of the table. Of a Parquet file, which has no such rows, tracks are counted from 1.
"""

import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.corpus import BoolArray, StrArray
from bench.errors import InputError
from bench.text_files import MOST_CHARACTERS, read_text

PARQUET = ".parquet"
ENCODING = "utf-8-sig"
ROWS_AT_ONCE = 50_000  # as many as are read before their numbers are made compact
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
ANSWERS = {"yes": 1, "true": 1, "no": 0, "false": 0}
SHORTEN = f"give it {MOST_CHARACTERS:,} at most"
NAMED = 10  # columns that a message names at most


def read_table(file: Path, *, required: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    """Return a table with the `required` columns; those of `text` stay as they are written.

    Its index is for `place_of` to tell. Raises `InputError` where the file cannot be read, is empty, names a column
    twice or lacks one.
    """
    try:
        is_parquet = file.suffix == PARQUET
        table = _read_parquet(file, required, text) if is_parquet else _read_text_table(file, required, text)
    except (ValueError, NotImplementedError, OSError, csv.Error, pd.errors.ParserWarning) as error:
        raise InputError(f"{file} cannot be read: {str(error).strip().splitlines()[0]}") from error
    _refuse_long(file, table, text)
    return table


def place_of(file: Path, index: int) -> str:
    """Return where a track stands, for a person who has the table open."""
    return f"{file}, track {index + 1}" if file.suffix == PARQUET else f"{file}, row {index + 2}"


def as_text(column: "pd.Series[Any]") -> StrArray:
    """Return a column as text, "" where it is blank."""
    # NumPy finds the width of a list of texts by itself; told to make texts of a column with a gap, it takes the gap's.
    return np.array(_texts(column), dtype=np.str_)


def _texts(column: "pd.Series[Any]") -> list[str]:
    return ["" if gap else str(cell) for cell, gap in zip(column.tolist(), _blank(column), strict=True)]


def holds_numbers(file: Path, column: "pd.Series[Any]") -> bool:
    """Tell whether a column is one of numbers; no text in a text file is a number but a number.

    Raises `InputError` for a column that is meant to be one: most of its cells are numbers, or nearly.
    """
    is_bool = pd.api.types.is_bool_dtype(column)
    if pd.api.types.is_numeric_dtype(column) and (file.suffix == PARQUET or not is_bool):
        return True
    cells = pd.Series(_texts(column), index=column.index, dtype=object)
    cells = cells[~_blank(cells)].str.strip()
    numbers = pd.to_numeric(cells, errors="coerce").notna()
    meant = numbers | cells.str.fullmatch(DECIMAL_COMMA) | cells.str.lower().isin(list(ANSWERS))
    if 2 * meant.sum() <= len(cells):
        return False
    wrong = cells[~numbers] if not numbers.all() else cells
    advice = f"{_advice(wrong.iloc[0])}, or say in tags.csv which columns are tags"
    raise InputError(f"{place_of(file, wrong.index[0])}: {wrong.iloc[0]!r} in column {column.name!r} {advice}")


def _advice(cell: str) -> str:
    if DECIMAL_COMMA.fullmatch(cell):
        return f"has a decimal comma; write {cell.replace(',', '.')}"
    if cell.lower() in ANSWERS:
        return f"is a word; write {ANSWERS[cell.lower()]} for it (0 for no, 1 for yes)"
    if pd.notna(pd.to_numeric(cell, errors="coerce")):
        return "is kept as text; keep the column as numbers"
    return "is no number; write one"


def _blank(column: "pd.Series[Any]") -> BoolArray:
    if pd.api.types.is_numeric_dtype(column):
        return column.isna().to_numpy(dtype=np.bool_)
    return (column.isna() | (column.astype(object).astype(str).str.strip() == "")).to_numpy(dtype=np.bool_)


def _read_parquet(file: Path, required: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    with pq.ParquetFile(file) as content:
        _refuse_repeated(file, content.schema_arrow.names)
        table = _joined((batch.to_pandas() for batch in content.iter_batches(ROWS_AT_ONCE)), text)
        empty = content.schema_arrow.empty_table().to_pandas()
    table = empty if table is None else table
    table = table.reset_index(drop=table.index.name is None)  # a named index was a column once, as `path` may be
    _refuse_missing(file, [str(name) for name in table.columns], required)
    return table


def _read_text_table(file: Path, required: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    """Read CSV or TSV; names stay as they are written: an artist may be called "NA", a file "001"."""
    separator = "\t" if file.suffix == ".tsv" else ","
    try:
        names = _named_columns(file, separator)
        _refuse_repeated(file, names)
        _refuse_missing(file, names, required, separator)
        gaps = {column: ["", "NA", "NaN", "nan"] for column in names if column not in text}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row that is longer than row 1
            pieces = pd.read_csv(
                file,
                encoding=ENCODING,
                sep=separator,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values=gaps,
                index_col=False,
                skip_blank_lines=False,
                low_memory=False,
                chunksize=ROWS_AT_ONCE,
            )
            table = _joined(pieces, text)
    except (OSError, UnicodeDecodeError):
        read_text(file)  # which says why, or in which row
        raise
    table = pd.DataFrame(columns=names) if table is None else table
    return table.drop(index=_wholly_blank(table))


def _named_columns(file: Path, separator: str) -> list[str]:
    """Return what row 1 of a text file holds."""
    with file.open(encoding=ENCODING, newline="") as lines:
        if not any(line.strip() for line in lines):
            wanted = "write a row with the names of its columns, and one for each track or tag"
            raise InputError(f"{file} is empty; {wanted}")
        lines.seek(0)
        return next(csv.reader(lines, delimiter=separator))


def _joined(pieces: Iterable[pd.DataFrame], text: Sequence[str]) -> pd.DataFrame | None:
    """Return the rows of all pieces, whose numbers take no more room than they need; None where there is no piece.

    A million tracks with a hundred tags take 1.1 GB as pandas reads them. Numbers that stand for `text` are left.
    """
    compact = [
        pd.DataFrame({name: column if name in text else _compact(column) for name, column in piece.items()})
        for piece in pieces
    ]
    pa.default_memory_pool().release_unused()  # Arrow would keep some 0.2 GB of a million rows for itself
    if len(compact) < 2:
        return compact[0] if compact else None
    return pd.concat(compact, ignore_index=isinstance(compact[0].index, pd.RangeIndex))


def _compact(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return numbers in the least integers that hold them, or in single precision, as targets and scores are."""
    if pd.api.types.is_integer_dtype(column):
        return pd.to_numeric(column, downcast="integer")
    return pd.to_numeric(column, downcast="float") if pd.api.types.is_float_dtype(column) else column


def _wholly_blank(table: pd.DataFrame) -> "pd.Index[int]":
    candidates = table[_blank(table.iloc[:, 0])]
    blank = np.all([_blank(candidates[column]) for column in candidates], axis=0)
    return candidates.index[blank]


def _refuse_repeated(file: Path, names: list[str]) -> None:
    name, uses = Counter(filter(None, names)).most_common(1)[0] if any(names) else ("", 0)
    if uses > 1:
        raise InputError(f"{file} has {uses} columns {name!r}; give each a name of its own")


def _refuse_long(file: Path, table: pd.DataFrame, text: Sequence[str]) -> None:
    """Refuse a name so long that one column of such names would fill the memory."""
    for name in map(str, table.columns):
        if len(name) > MOST_CHARACTERS:
            raise InputError(f"{file}: the name of a column has {len(name):,} characters; {SHORTEN}")
    for name in [name for name in text if name in table and len(table)]:
        lengths = table[name].astype(object).map(lambda cell: len(cell) if isinstance(cell, str) else 0)
        if lengths.max() > MOST_CHARACTERS:
            place = place_of(file, table.index[int(lengths.argmax())])
            raise InputError(f"{place}: its {name} has {lengths.max():,} characters; {SHORTEN}")


def _refuse_missing(file: Path, names: list[str], required: Sequence[str], separator: str = "") -> None:
    missing = [name for name in required if name not in names]
    if not missing:
        return
    found = ", ".join(map(repr, names[:NAMED])) + (", …" if len(names) > NAMED else "") or "none"
    for other in [other for other in SEPARATORS if separator and other != separator]:
        if set(required) <= {name.strip('"') for name in separator.join(names).split(other)}:
            looks, needs = SEPARATORS[other], SEPARATORS[separator]
            told = f"{file} looks separated by {looks}, not by {needs}: its columns are {found}"
            raise InputError(f"{told}; save it with {needs}")
    raise InputError(f"{file} has no column {missing[0]!r}; its columns are {found}")
