"""Files that are whole or absent at any moment: what is written takes its name in one step."""

import glob
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(file: Path) -> Iterator[Path]:
    """Name a file to write, which takes the name of `file` once it is complete, and is removed if it never is."""
    aside = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        yield aside
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def none_left_aside(files: Iterable[Path]) -> Iterator[None]:
    """Remove, where the block fails, what processes that were killed with it have left of `files` that they wrote."""
    try:
        yield
    except BaseException:
        for file in files:
            for left in file.parent.glob(f"{glob.escape(file.name)}.*.partial"):
                left.unlink(missing_ok=True)
        raise
