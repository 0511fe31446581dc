"""Processes that share a study, and what they say of it."""

import os
import subprocess
from collections.abc import Mapping, Sequence


def started(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a process whose output is read later, with more variables in its environment."""
    surroundings = {**os.environ, **(environment or {})}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings)


def trained(said: str) -> list[str]:
    """Return the cells that a process says it has measured."""
    return [line.partition(": ")[0] for line in said.splitlines() if " · seed " in line and line.endswith(" s")]
