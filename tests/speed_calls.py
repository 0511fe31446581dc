"""Calls for processes of their own to make: in a module that imports next to nothing, so that these start fast."""

import os
import time
from pathlib import Path

import numpy as np


def burn(seconds: float) -> int:
    """Use up CPU time, and say in which process."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return os.getpid()


def idle(seconds: float) -> None:
    """Use up no CPU time."""
    time.sleep(seconds)


def hold(megabytes: int) -> None:
    """Use memory for a moment."""
    np.ones(megabytes * 1_000_000, np.uint8)


def die(code: int) -> None:
    """End the process."""
    os._exit(code)


def environment(names: list[str]) -> list[str | None]:
    """Return what variables are set to."""
    return [os.environ.get(name) for name in names]


def one_more(number: int) -> int:
    """Return the number after."""
    return number + 1


def compile_by_numba() -> list[Path]:
    """Let numba compile a function and keep it, as librosa does with its own; return the files of machine code."""
    import numba

    assert numba.njit(cache=True)(one_more)(1) == 2
    return list(Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.nbc"))
