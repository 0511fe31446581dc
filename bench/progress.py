"""Progress on standard error: a bar for what is at work, where that is a terminal, and one line for what is done."""

import sys
from threading import RLock
from typing import Any

from tqdm import tqdm

from bench.one_line import message_line

SECONDS_BETWEEN = 0.3  # two looks of a bar

_silent = False


def progress_bar(total: int, describe: str, unit: str, *, keep: bool = False, done: int = 0) -> "tqdm[Any]":
    """Return a bar of `total` units with rate and time left; it vanishes when closed unless `keep`.

    What was `done` before counts for the bar, not for the rate.
    """
    return tqdm(
        total=total,
        desc=describe,
        unit=unit,
        leave=keep,
        disable=_silent or None,
        dynamic_ncols=True,
        initial=done,
        mininterval=SECONDS_BETWEEN,
    )


def advance(bar: "tqdm[Any]") -> None:
    """Count one unit more; threads may do so side by side."""
    with bar.get_lock():  # type: ignore[no-untyped-call]
        bar.update()


def say(line: str) -> None:
    """Print one line above the bars; names in it may come from anywhere."""
    if not _silent:
        tqdm.write(message_line(line), file=sys.stderr)


def be_silent() -> None:
    """Show no bar and no line from now on: of processes that do the same, one tells of it."""
    global _silent  # as the screen is, one for the whole process
    _silent = True
    tqdm.set_lock(RLock())  # its own is shared by processes, and outlives one that is killed
