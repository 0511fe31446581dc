"""What the stages of a study cost, where somebody records them: CPU seconds, time, peak memory, disk.

A stage inside another is charged for itself and the outer one for the rest, so that costs add up to the whole. CPU
seconds and memory are those of this process and of all its descendants.
"""

import ctypes
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported where somebody records: a machine that only trains need not have it
    import psutil

SECONDS_BETWEEN = 0.25  # two looks at the memory of child processes
PEAK = "VmHWM:"
TRAINING_SUFFIX = ".training"  # of a folder that is removed with the end of what it is for


@dataclass(frozen=True)
class Cost:
    """CPU seconds, seconds, bytes of memory at the peak and as they were `held` at the start, bytes on disk."""

    cpu_seconds: float
    seconds: float
    memory: float
    held: float
    disk: float


@dataclass(frozen=True)
class Spent:
    """A `stage` that came to its end, what it cost, and for which entry and training size; "" and 0 where for all."""

    stage: str
    label: str
    n_train: int
    cost: Cost


@dataclass
class _Open:
    """A stage that has not come to its end."""

    stage: str
    label: str
    n_train: int
    held: float = 0.0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    memory: float = 0.0
    disk: float = 0.0


@dataclass
class _Recorder:
    """Charges what passes between two moments to the innermost open stage."""

    folders: Sequence[Path]
    spent: list[Spent] = field(default_factory=list)
    stages: list[_Open] = field(default_factory=list)
    cpu: float = 0.0
    clock: float = 0.0
    disk: float = 0.0
    children: float = 0.0  # the most memory of child processes since the last look
    ended: threading.Event = field(default_factory=threading.Event)

    def open(self, stage: str, label: str, n_train: int) -> None:
        import psutil

        self.charge()
        if not self.stages:
            self.disk = _bytes_in(self.folders)  # nobody pays for what was written or removed between stages
        outer = self.stages[-1] if self.stages else _Open("", "", 0)
        _return_freed_memory()
        held = _resident(psutil.Process()) + _memory_of_children()
        self.stages.append(_Open(stage, label or outer.label, n_train or outer.n_train, held))
        self.begin()

    def close(self) -> None:
        self.charge()
        done = self.stages.pop()
        if self.stages:
            self.stages[-1].memory = max(self.stages[-1].memory, done.memory)
        cost = Cost(done.cpu_seconds, done.seconds, done.memory, done.held, done.disk)
        self.spent.append(Spent(done.stage, done.label, done.n_train, cost))
        self.begin()

    def charge(self) -> None:
        """Charge the innermost stage with what has passed since `begin`."""
        if self.stages:
            inner = self.stages[-1]
            inner.cpu_seconds += _cpu_seconds() - self.cpu
            inner.seconds += time.perf_counter() - self.clock
            inner.memory = max(inner.memory, _peak_memory() + self.children)
            before, self.disk = self.disk, _bytes_in(self.folders)
            inner.disk += self.disk - before

    def begin(self) -> None:
        """Begin to measure; what measuring itself took is charged to nobody."""
        _forget_peak_memory()
        self.children = _memory_of_children()
        self.cpu, self.clock = _cpu_seconds(), time.perf_counter()

    def watch_children(self) -> None:
        while not self.ended.wait(SECONDS_BETWEEN):
            self.children = max(self.children, _memory_of_children())


_recorder: _Recorder | None = None  # one for the whole process, as the processes are that it counts


@contextmanager
def recorded(folders: Sequence[Path]) -> Iterator[list[Spent]]:
    """Record the stages that end inside; on disk, what is under the `folders` counts. The list fills as they end."""
    global _recorder
    _recorder = recorder = _Recorder(folders, disk=_bytes_in(folders))
    watch = threading.Thread(target=recorder.watch_children, daemon=True)
    watch.start()
    try:
        yield recorder.spent
    finally:
        _recorder = None
        recorder.ended.set()
        watch.join()


@contextmanager
def stage(name: str, label: str = "", n_train: int = 0) -> Iterator[None]:
    """Do a stage of a study, for an entry at a training size or, by default, for that of the stage around it.

    Also a decorator. Where nobody records, it does nothing.
    """
    recorder = _recorder
    if recorder is None:
        yield
        return
    recorder.open(name, label, n_train)
    try:
        yield
    finally:
        recorder.close()


def _descendants() -> "list[psutil.Process]":
    import psutil

    children: list[psutil.Process] = psutil.Process().children(recursive=True)
    return children


def _memory_of_children() -> float:
    return sum(map(_resident, _descendants()))


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process, of its children that were waited for, and of the living ones."""
    own = os.times()
    living = (_times(child) for child in _descendants())
    return own.user + own.system + own.children_user + own.children_system + sum(living)


def _times(process: "psutil.Process") -> float:
    import psutil

    try:
        times = process.cpu_times()
    except psutil.Error:  # it has just ended
        return 0.0
    waited_for = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + waited_for)


def _resident(process: "psutil.Process") -> float:
    import psutil

    try:
        return float(process.memory_info().rss)
    except psutil.Error:
        return 0.0


def _peak_memory() -> float:
    """Return the most memory of this process in bytes since `_forget_peak_memory`; now, where Linux does not tell."""
    import psutil

    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) * 1024.0 for line in lines if line.startswith(PEAK)]
    return peaks[0] if peaks else _resident(psutil.Process())


def _return_freed_memory() -> None:
    """Let the C library give back what it keeps of freed memory, where it can: a later stage would use that unseen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _forget_peak_memory() -> None:
    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        forget.write_text("5")


def _bytes_in(folders: Sequence[Path]) -> float:
    return float(sum(_size(file) for folder in folders for file in folder.rglob("*") if not _passes(file)))


def _passes(file: Path) -> bool:
    """Tell whether a file is only there while a training lasts."""
    return file.parent.name.endswith(TRAINING_SUFFIX)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:  # as soon as it was found
        return 0
