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
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from functools import cache, partial
from typing import TypeVar

import joblib
from joblib.parallel import LokyBackend, get_active_backend
from threadpoolctl import threadpool_limits

from bench.errors import StudyFailedError

MOST_ITEMS = 16  # of a task
LEAST_ITEMS = 4  # unless workers would have nothing to do: a task may have to start a child, which takes seconds
TASKS_A_WORKER = 4  # where there are so many items, for one that takes long to hold up nobody
THIS_PROCESS = uuid.uuid4().hex  # among all, of any machine

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
    any process. Where the loop ends early, all workers of this machine have ended, and all that they started is killed;
    those of a cluster end with what they are at. Raises what `work` does, and `StudyFailedError`, which says what it
    was `doing`, where a worker died.
    """
    tasks = _divided(items, workers, most)
    leader = _this_thread()
    calls = (joblib.delayed(_done)(leader, number, work, task) for number, task in enumerate(tasks))
    parallel = _parallel(max(min(workers, len(tasks)), 1), in_threads=in_threads)
    try:
        with threadpool_limits(1), closing(parallel(calls)) as parts:
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


def _divided(items: Sequence[Item], workers: int, most: int) -> list[list[Item]]:
    least = min(LEAST_ITEMS, math.ceil(len(items) / workers))
    size = max(min(max(len(items) // (TASKS_A_WORKER * workers), least), most), 1)
    return [list(items[first : first + size]) for first in range(0, len(items), size)]


def _this_thread() -> tuple[str, int]:
    return THIS_PROCESS, threading.get_ident()


def _done(
    leader: tuple[str, int], number: int, work: Work[Item, Result], items: list[Item]
) -> tuple[int, Sequence[Result]]:
    if leader != _this_thread():
        threadpool_limits(1)  # for good: most libraries know one number for all threads, which may be at other tasks
    return number, work(items)


def _parallel(workers: int, *, in_threads: bool) -> joblib.Parallel:
    """Return what does tasks by the backend that was chosen for this command, else in processes or threads here."""
    as_done = partial(joblib.Parallel, workers, return_as="generator_unordered", batch_size=1)
    ambient, _ = get_active_backend()
    if type(ambient) is not LokyBackend:
        return as_done(pre_dispatch=workers)  # a cluster would take on as many as it has threads
    if in_threads:
        return as_done(backend="threading")
    begun_as = {"initializer": _begin_worker, "initargs": (os.getpid(), _temporary_folder().name)}
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1, **begun_as):
        return as_done()


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
