"""Matrices in NumPy files that are mapped, so that workers share their pages: written by rows, whole or absent."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike, NDArray

from bench.whole_file import written_aside


@contextmanager
def written_matrix(file: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Give a matrix to fill, which takes the name of `file` when the block ends well.

    The disk is asked for room first: where a mapped file finds none, the process would be killed.
    """
    with written_aside(file) as aside:
        matrix = open_memmap(aside, "w+", dtype, shape)
        with aside.open("r+b") as mapped:
            os.posix_fallocate(mapped.fileno(), 0, aside.stat().st_size)
        yield matrix
        matrix.flush()


def mapped_matrix(file: Path) -> NDArray[Any]:
    """Return a matrix that cannot be written to; raises `OSError` or `ValueError` where there is none."""
    matrix: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return matrix
