"""Calls about memory for a process of its own to make."""

from pathlib import Path

import torch

from neural.allocation import freed_memory_kept

LARGE = 50_000_000  # float32 numbers: 200 MB


def memory_after_freeing() -> tuple[float, float, float]:
    """Return the resident MB before, with 200 MB freed but kept, and after."""
    torch.zeros(1)
    before = resident()
    with freed_memory_kept():
        torch.ones(LARGE)
        kept = resident()
    return before, kept, resident()


def resident() -> float:
    """Return this process's resident memory in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1000
