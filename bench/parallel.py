"""Work side by side, through joblib: in processes of this machine, or where joblib's ambient backend has it done.

Work is handed out in tasks of several items. A task may be done twice, as where a worker of a cluster died: what it
writes is whole or absent, and what it finds done it does not do again. It has one thread, so that its results do not
depend on where it ran. What it is given is pickled, and should be small: large arrays are named by files, whose paths
are absolute, and which all workers see.
"""

import math
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import cache
from typing import TypeVar

import joblib
from joblib.parallel import LokyBackend, get_active_backend
from threadpoolctl import threadpool_limits

from bench.errors import StudyFailedError

MOST_ITEMS = 16  # of a task
LEAST_ITEMS = 4  # unless workers would have nothing to do: a task may have to start a child, which takes seconds
TASKS_A_WORKER = 4  # where there are so many items, for one that takes long to hold up nobody

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[list[Item]], Sequence[Result]]


def in_tasks(
    doing: str,
    work: Work[Item, Result],
    items: Sequence[Item],
    *,
    workers: int,
    most: int = MOST_ITEMS,
    in_threads: bool = False,
) -> Iterator[tuple[Item, Result]]:
    """Do `work` on lists of at `most` so many items, side by side; yield each item with its result as tasks are done.

    `in_threads` is for work that holds no lock of the interpreter: on this machine it is then done without the start of
    any process. Where the loop ends early, all workers of this machine have ended with all that they started; those of
    a cluster end with what they are at. Raises what `work` does, and `StudyFailedError`, which says what it was
    `doing`, where a worker died.
    """
    tasks = _divided(items, workers, most)
    calls = (joblib.delayed(_done)(number, work, task) for number, task in enumerate(tasks))
    with _backend_for(in_threads=in_threads):
        parallel = joblib.Parallel(min(workers, len(tasks)) or 1, return_as="generator_unordered", batch_size=1)
    try:
        with closing(parallel(calls)) as parts:
            for number, results in parts:
                yield from zip(tasks[number], results, strict=True)
    except BrokenExecutor as death:
        raise StudyFailedError(
            f"{doing}: a worker process died, perhaps for want of memory: use fewer --workers; "
            "run the same command again to continue"
        ) from death


def in_threads_here(work: Callable[[Item], Result], items: Sequence[Item], *, workers: int) -> list[Result]:
    """Do `work` on each item, on this machine whatever the backend: for what shares memory."""
    n_jobs = min(workers, os.cpu_count() or 1)
    return list(joblib.Parallel(n_jobs, require="sharedmem")(joblib.delayed(work)(item) for item in items))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let numerical libraries use one thread: another number would change the last digits of a sum.

    Threads may do so side by side: what was is restored once none is left, as most libraries know one number for all.
    """
    _limited.begin()
    try:
        yield
    finally:
        _limited.end()


class _Limited:
    """Counts the threads that want others to use one thread each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: threadpool_limits | None = None
        self._inside = 0

    def begin(self) -> None:
        with self._lock:
            limits = threadpool_limits(1)  # in every thread anew: OpenMP has a number for each
            self._before = self._before or limits
            self._inside += 1

    def end(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._before:
                self._before.restore_original_limits()
                self._before = None


_limited = _Limited()


def _divided(items: Sequence[Item], workers: int, most: int) -> list[list[Item]]:
    least = min(LEAST_ITEMS, math.ceil(len(items) / workers))
    size = max(min(max(len(items) // (TASKS_A_WORKER * workers), least), most), 1)
    return [list(items[first : first + size]) for first in range(0, len(items), size)]


def _done(number: int, work: Work[Item, Result], items: list[Item]) -> tuple[int, Sequence[Result]]:
    with one_thread():
        return number, work(items)


def _backend_for(*, in_threads: bool) -> AbstractContextManager[object]:
    """Return the backend that was chosen for this command, else processes or threads of this machine."""
    ambient, _ = get_active_backend()
    if type(ambient) is not LokyBackend:
        return nullcontext()
    config: Callable[..., AbstractContextManager[object]] = joblib.parallel_config
    if in_threads:
        return config(backend="threading")
    begun_as = {"initializer": _begin_worker, "initargs": (os.getpid(), _temporary_folder().name)}
    return config(backend="loky", inner_max_num_threads=1, **begun_as)


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the temporary files of this process's workers, which are killed: it goes with the process."""
    return tempfile.TemporaryDirectory(prefix="tagbench-")


def _begin_worker(parent: int, temporary_folder: str) -> None:
    """Let a worker process heed its parent alone, which ends it at an interrupt, and end with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    tempfile.tempdir = temporary_folder
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process as soon as its parent has ended, whatever it is at; children see their input end."""
    waiting = threading.Event()
    while os.getppid() == parent:
        waiting.wait(1)
    os._exit(1)
