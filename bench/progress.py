"""Progress on the terminal: one bar for what is at work; nothing at all where standard error is not a terminal."""

from typing import Any

from tqdm import tqdm


def progress_bar(total: int, describe: str, unit: str, *, keep: bool = False) -> "tqdm[Any]":
    """Return a bar of `total` units with rate and time left; it vanishes when closed unless `keep`."""
    return tqdm(total=total, desc=describe, unit=unit, leave=keep, disable=None, dynamic_ncols=True)
