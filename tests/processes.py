"""Processes that tests start, and whether they have ended."""

import psutil


def gone(process_id: int) -> bool:
    """Tell whether a process has ended, even where its parent died before it and nobody has asked for its end yet."""
    try:
        return bool(psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
