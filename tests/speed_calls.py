"""Calls for processes of their own to make: in a module that imports next to nothing, so that these start fast."""

import os
import time

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
