"""Processes that tests start, what they say of the cells of a study, and whether they end."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

import psutil

SECONDS_TO_END = 2.0  # of a process that was killed: the system needs a moment, and on a busy machine a longer one


def started(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a process whose output is read later, with more variables in its environment."""
    surroundings = {**os.environ, **(environment or {})}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings)


def trained(said: str) -> list[str]:
    """Return the cells that a process says it has measured."""
    return [line.partition(": ")[0] for line in said.splitlines() if " · seed " in line and line.endswith(" s")]


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
