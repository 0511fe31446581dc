"""Writes CSV that is read back as it was, whatever stands in a field: a lone carriage return is quoted, too."""

import csv
import io
from collections.abc import Iterable

import pandas as pd

_BOTH = "\r\n"  # who is told to end lines so quotes fields with either


class _Lines(io.StringIO):
    """Takes lines that end with both, and ends them with a line feed alone."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix(_BOTH) + "\n")


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows, of which the first names the columns, as CSV; None is an empty field."""
    text = _Lines(newline="")
    csv.writer(text, lineterminator=_BOTH).writerows(rows)
    return text.getvalue()


def frame_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV, without its index."""
    text = _Lines(newline="")
    table.to_csv(text, index=False, lineterminator=_BOTH)
    return text.getvalue()
