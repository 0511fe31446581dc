"""The device that networks train on, and the number of threads that torch may use."""

import torch

from bench.errors import InputError


def choose_device(wanted: str) -> str:
    """Return "cpu" or "cuda" for "auto", "cpu" or "cuda"; raises `InputError` where there is no such device."""
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu, or auto")
    return "cuda" if wanted != "cpu" and available else "cpu"


def use_threads(threads: int) -> None:
    """Let torch use so many threads: another number can change the last digits of a result."""
    torch.set_num_threads(threads)
