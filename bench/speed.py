"""Speed side by side: what a call costs in a process of its own, and how a comparison is told.

A contestant runs in a process of its own with one thread, and is asked for one call at a time. Whoever compares lets
the contestants take turns, so that a machine that grows warm or busy slows them all alike, and compares the medians of
their CPU seconds, which other processes lengthen far less than time on the wall.
"""

import importlib.util
import json
import multiprocessing
import os
import platform
import resource
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

import psutil

from bench.errors import InputError, StudyFailedError
from bench.isolation import ONE_THREAD
from bench.progress import progress_bar

P = ParamSpec("P")
X = TypeVar("X")
T = TypeVar("T")

MB = 1e6
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Lap(Generic[T]):
    """What a call returned, the CPU seconds that it took (user and system), and its process's peak memory so far in MB.

    The memory is what was resident, pages of memory-mapped files included.
    """

    result: T
    cpu_seconds: float
    peak_memory: float


class Apart:
    """A process of its own, with one thread, that makes calls and says what each cost. Use it in a `with` block.

    `name` says whose it is, should it fail. The process imports nothing of the caller's, and is killed at the end.

    What numba compiles there (librosa's functions) is kept in a folder that goes with the process. Several processes
    write its usual one, beside the installed package, without a lock; it may stay damaged, and then whoever loads from
    it dies of a segmentation fault.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._ours, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_answer, args=(theirs,), daemon=True)
        self._compiled = TemporaryDirectory(prefix="tagbench-")
        with _environment({**ONE_THREAD, "NUMBA_CACHE_DIR": self._compiled.name}):
            self._process.start()
        theirs.close()  # so that the death of the process is the end of the connection

    def __enter__(self) -> "Apart":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()
        self._compiled.cleanup()

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Lap[T]:
        """Call a function of a module there; arguments and result go by pickle, which is not counted.

        Raises the `InputError` or `StudyFailedError` that the function raises, and `StudyFailedError` when the process
        did not survive it; its traceback is on standard error.
        """
        try:
            self._ours.send((function, arguments, named))
            answer: Lap[T] | InputError | StudyFailedError = self._ours.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise StudyFailedError(f"{self._name}: its process ended with code {self._process.exitcode}") from error
        if isinstance(answer, Lap):
            return answer
        raise answer


def check_librosa() -> None:
    """Raise `InputError` where librosa, which the project does not need otherwise, is not installed."""
    if importlib.util.find_spec("librosa") is None:
        raise InputError("the comparison needs librosa, which is not installed: pip install 'tagbench[dev]'")


def call_apart(name: str, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Lap[T]:
    """Make one call in a fresh process, whose peak memory is then that of the call and of what it imports."""
    with Apart(name) as process:
        return process.call(function, *arguments, **named)


def take_turns(
    contestants: Mapping[str, Callable[[X], T]], items: Sequence[X], *, laps: int, warm_up: X
) -> dict[str, list[Lap[T]]]:
    """Let each contestant, in a process of its own, do every item in turn, `laps` times over; return its laps in order.

    `warm_up` is an item that each does first, uncounted: what is imported, compiled or built once is no part of it.
    """
    taken: dict[str, list[Lap[T]]] = {name: [] for name in contestants}
    with ExitStack() as stack, progress_bar(laps * len(items), ", ".join(contestants), "turn") as bar:
        processes = {name: stack.enter_context(Apart(name)) for name in contestants}
        for name, function in contestants.items():
            processes[name].call(function, warm_up)
        for item in [*items] * laps:
            for name, function in contestants.items():
                taken[name].append(processes[name].call(function, item))
            bar.update()
    return taken


def median_seconds(laps: Iterable[Lap[Any]]) -> float:
    """Return the median of the laps' CPU seconds."""
    return statistics.median(lap.cpu_seconds for lap in laps)


def _answer(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt at the terminal is for the parent, which kills us
    while True:
        try:
            function, arguments, named = connection.recv()
        except EOFError:
            return
        start = time.process_time()
        try:
            result = function(*arguments, **named)
        except (InputError, StudyFailedError) as fault:
            connection.send(fault)
        else:
            connection.send(Lap(result, time.process_time() - start, _peak_memory()))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let processes that are started here have these environment variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _peak_memory() -> float:
    """Return this process's peak memory in MB, from Linux's own file where there is one.

    There, `getrusage` of a new process starts at what its parent had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024 / MB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB


@dataclass(frozen=True)
class Row:
    """A measured quantity."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class Findings:
    """What a comparison, or a part of one, found: its rows in order, and its ratios by name.

    `a_vs_b` is how many times b costs what a does, `a_minus_b` is a difference; any other is the share of what it is
    compared with that ours takes.
    """

    rows: tuple[Row, ...] = ()
    ratios: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: "Findings") -> "Findings":
        return Findings((*self.rows, *other.rows), {**self.ratios, **other.ratios})

    def table(self) -> str:
        """Return the rows, then the ratios, as a Markdown table."""
        ratios = (Row(name, value, _ratio_unit(name)) for name, value in self.ratios.items())
        cells = [(row.name, _four_digits(row.value), row.unit) for row in (*self.rows, *ratios)]
        name, value, unit = (max(map(len, column)) for column in zip(*cells, strict=True))
        lines = [f"| {'what':{name}} | {'value':>{value}} | {'unit':{unit}} |"]
        lines.append(f"| :{'-' * (name - 1)} | {'-' * (value - 1)}: | :{'-' * (unit - 1)} |")
        lines += [f"| {what:{name}} | {figure:>{value}} | {of:{unit}} |" for what, figure, of in cells]
        return "\n".join(lines)

    def json(self, what: str, machine: Mapping[str, object]) -> str:
        """Return the findings as JSON, with the command that found them and the machine."""
        content = {"what": what, "machine": machine, "rows": [asdict(row) for row in self.rows], "ratios": self.ratios}
        return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _ratio_unit(name: str) -> str:
    if "_minus_" in name:
        return "difference"
    return "times" if "_vs_" in name else "share"


def _four_digits(value: float) -> str:
    """Write a number with four digits, or more where more stand before the point; a whole one as it is."""
    if value.is_integer():
        return f"{value:,.0f}"
    before = len(f"{abs(value):.0f}") if abs(value) >= 1 else 0
    return f"{value:,.{max(4 - before, 0)}f}"


def describe_machine(packages: Iterable[str]) -> dict[str, object]:
    """Return what a speed depends on: processor, memory, system, versions, and how busy the machine is now."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "versions": {package: version(package) for package in packages},
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
