"""Work in tasks: whoever does them, each item has its result, and whatever ends them leaves no process behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np  # noqa: F401 - whose threads are counted
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from bench.errors import StudyFailedError
from bench.isolation import Isolated
from bench.parallel import _divided, in_tasks, in_threads_here
from tests.processes import gone


def squares(numbers: list[int]) -> list[int]:
    return [number**2 for number in numbers]


@pytest.mark.parametrize("in_threads", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_each_item_comes_with_its_result(workers: int, *, in_threads: bool) -> None:
    found = dict(in_tasks("squaring", squares, range(30), workers=workers, in_threads=in_threads))
    assert found == {number: number**2 for number in range(30)}


def test_no_items_are_no_work() -> None:
    assert list(in_tasks("squaring", squares, [], workers=2)) == []


@given(st.integers(0, 3000), st.integers(1, 70), st.integers(1, 20))
def test_tasks_keep_every_worker_busy_and_none_is_large(count: int, workers: int, most: int) -> None:
    tasks = _divided(range(count), workers, most)
    assert [item for task in tasks for item in task] == list(range(count))
    sizes = [len(task) for task in tasks]
    assert max(sizes, default=0) <= most
    assert max(sizes, default=0) <= -(-count // workers)


def test_the_largest_tasks_are_of_sixteen_and_the_smallest_of_four() -> None:
    assert {len(task) for task in _divided(range(4096), 2, 16)} == {16}
    assert {len(task) for task in _divided(range(20), 2, 16)} == {4}
    assert [len(task) for task in _divided(range(4), 2, 16)] == [2, 2]


def die(numbers: list[int]) -> list[None]:
    if 3 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return [None] * len(numbers)


def test_a_worker_that_is_killed_ends_the_work_with_a_line_and_the_next_is_done() -> None:
    with pytest.raises(StudyFailedError) as death:
        list(in_tasks("counting", die, range(8), workers=2))
    assert str(death.value) == (
        "counting: a worker process died, perhaps for want of memory: use fewer --workers; "
        "run the same command again to continue"
    )
    assert dict(in_tasks("squaring", squares, range(3), workers=2)) == {0: 0, 1: 1, 2: 4}


def hang_or_fail(pipe: str, numbers: list[int]) -> list[None]:
    """Fail at 7, once another process, which has a child, hangs at 0."""
    if 0 in numbers:
        with Isolated("bench.decoding", ["{}", "60"], name="decoding") as child:
            Path(pipe).write_text(f"{os.getpid()} {child.process_id}")
            Path(pipe).read_text()  # nobody will ever write to it
    if 7 in numbers:
        Path(pipe + ".told").write_text(Path(pipe).read_text())
        raise OSError(28, "No space left on device", "/full")
    return [None] * len(numbers)


def test_the_first_error_ends_all_workers_with_their_children_before_it_is_raised(tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No space left on device: '/full'"):
        list(in_tasks("hanging", partial(hang_or_fail, pipe), range(8), workers=2))
    worker, child = map(int, Path(pipe + ".told").read_text().split())
    assert not psutil.pid_exists(worker)
    assert gone(child)


LEADER = """
import sys
from functools import partial
from bench.exits import begin, exit_code_of
from bench.parallel import in_tasks
from tests.test_parallel import hang

begin()
sys.exit(exit_code_of(lambda: list(in_tasks("hanging", partial(hang, sys.argv[1]), range(2), workers=2))))
"""


def hang(pipe: str, _: list[int]) -> list[None]:
    with Isolated("bench.decoding", ["{}", "60"], name="decoding") as child, Path(pipe).open("w") as told:
        told.write(f"{os.getpid()} {child.process_id} {tempfile.gettempdir()}\n")
        told.flush()
        threading.Event().wait()
    return [None]


@pytest.mark.parametrize(
    ("tell", "told", "code"),
    [
        (os.killpg, signal.SIGINT, 130),  # as Ctrl-C at a terminal
        (os.kill, signal.SIGTERM, 143),
        (os.killpg, signal.SIGTERM, 143),  # as a cluster that takes its machine back
        (os.kill, signal.SIGKILL, -9),
    ],
    ids=["interrupt", "terminate", "terminate all", "kill"],
)
def test_workers_and_their_children_end_with_who_leads_them(
    tmp_path: Path, tell: Callable[[int, int], None], told: signal.Signals, code: int
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", LEADER, str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, process_group=0) as leader:
        with pipe.open() as said:
            lines = [said.readline().split() for _ in range(2)]
        processes = [psutil.Process(int(number)) for line in lines for number in line[:2]]
        tell(leader.pid, told)
        assert leader.stderr is not None
        errors = leader.stderr.read().splitlines()
    assert leader.returncode == code
    assert psutil.wait_procs(processes, timeout=20)[1] == []
    if told != signal.SIGKILL:
        assert len(errors) == 1
        assert not Path(lines[0][2]).exists()  # where workers have their temporary files


def threads_used(numbers: list[int]) -> list[set[int]]:
    return [{library["num_threads"] for library in threadpool_info()}] * len(numbers)


@pytest.mark.parametrize(("workers", "in_threads"), [(1, False), (2, False), (2, True)])
def test_a_task_has_one_thread_and_what_comes_after_has_its_own(workers: int, *, in_threads: bool) -> None:
    with threadpool_limits(3):
        before = threads_used([0])
        found = dict(in_tasks("looking", threads_used, range(8), workers=workers, in_threads=in_threads))
        assert {number for used in found.values() for number in used} <= {1}
        assert threads_used([0]) == before


def test_what_shares_memory_stays_in_this_process() -> None:
    assert in_threads_here(lambda _: os.getpid(), range(2), workers=2) == [os.getpid()] * 2
