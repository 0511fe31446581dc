"""SHA-256 checksums of files in a list beside them, as `sha256sum -c` reads it: by them, what is damaged is known.

Hashing costs 0.7 s a GB and thread (SHA-256 in hardware).
"""

import re
from collections.abc import Iterable
from pathlib import Path

from bench.digest import file_sha256
from bench.whole_file import replace_file

_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^\n]+)\n")


def write_checksums(list_file: Path, names: Iterable[str]) -> None:
    """Write the checksums of files, by their names relative to the list's folder, in this order."""
    lines = [f"{file_sha256(list_file.parent / name)}  {name}\n" for name in names]
    replace_file(list_file, "".join(lines).encode())


def read_checksums(list_file: Path) -> dict[str, str]:
    """Return the checksums of a list by name; raises `ValueError` where it is none, `OSError` as reading does."""
    text = list_file.read_text(encoding="utf-8")
    lines = list(_LINE.finditer(text))
    if sum(len(line[0]) for line in lines) < len(text):
        raise ValueError(f"{list_file} is no list of checksums")
    return {line["name"]: line["sha256"] for line in lines}


def is_as_written(file: Path, sha256: str) -> bool:
    """Tell whether a file is there, with this checksum."""
    return file.is_file() and file_sha256(file) == sha256


def first_damaged(list_file: Path, required: Iterable[str]) -> str | None:
    """Return the name of the first file that is not as it was when the list was written; None where all are.

    It is the list's own where that lacks one of the `required` names. Without a list nothing is known to be damaged.
    """
    try:
        checksums = read_checksums(list_file)
    except FileNotFoundError:
        return None
    except ValueError:
        return list_file.name
    if not set(required) <= checksums.keys():
        return list_file.name
    folder = list_file.parent
    return next((name for name, sha256 in checksums.items() if not is_as_written(folder / name, sha256)), None)
