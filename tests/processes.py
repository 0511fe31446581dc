"""Processes that tests start, and whether they end."""

import threading
import time

import psutil

SECONDS_TO_END = 2.0  # of a process that was killed: the system needs a moment, and on a busy machine a longer one


def gone(process_id: int) -> bool:
    """Tell whether a killed process ends, even where its parent died before it and nobody has asked for its end yet."""
    until, waiting = time.monotonic() + SECONDS_TO_END, threading.Event()
    while not (ended := _has_ended(process_id)) and time.monotonic() < until:
        waiting.wait(0.01)
    return ended


def _has_ended(process_id: int) -> bool:
    try:
        return bool(psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
