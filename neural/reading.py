"""Batches on their way to the device: on a GPU, threads read and move the next ones while it works."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

Batch = tuple[Tensor, ...]
Read = Callable[[int], tuple[NDArray[Any], ...]]

AHEAD = 6  # batches; of 16 patches of 15 s, 8 MB each
THREADS = 3


class OnDevice:
    """The batches that `read(number)` gives, for numbers from 0 to `count`, as tensors on the device.

    On a CPU each is read when it is asked for, since there reading and training would share the cores.
    """

    def __init__(self, read: Read, device: torch.device, count: int | None = None) -> None:
        self._read, self._device, self._count = read, device, count
        self._coming: dict[int, Future[Batch]] = {}
        if device.type == "cuda":
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="reading")

    def __getitem__(self, number: int) -> Batch:
        if self._device.type != "cuda":
            return tuple(torch.from_numpy(array) for array in self._read(number))
        wanted = range(number, number + 1 + AHEAD if self._count is None else min(number + 1 + AHEAD, self._count))
        coming = {n: self._coming.get(n) or self._threads.submit(self._moved, n) for n in wanted}
        self._coming = coming
        batch = coming[number].result()
        for tensor in batch:  # made on another stream: its memory is not free before this one is through with it
            tensor.record_stream(torch.cuda.current_stream(self._device))
        return batch

    def _moved(self, number: int) -> Batch:
        """Read a batch and copy it by way of pinned memory, which the GPU fetches from beside its other work."""
        pinned = [torch.from_numpy(array).pin_memory() for array in self._read(number)]
        stream = torch.cuda.Stream(self._device)
        with torch.cuda.stream(stream):
            batch = tuple(tensor.to(self._device, non_blocking=True) for tensor in pinned)
        stream.synchronize()
        return batch
