"""Describe a track in a child process, and outlive it: a track that hangs or crashes essentia costs itself alone."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import IO, cast

from bench.errors import StudyFailedError
from bench.store import StoredTrack

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGBUS, signal.SIGILL)


@dataclass(frozen=True)
class Description:
    """A track's `descriptors` in the order of the describer's names, or the `problem` why there are none."""

    descriptors: list[float] | None = None
    problem: str = ""


@dataclass(frozen=True)
class _Child:
    process: "subprocess.Popen[str]"
    requests: IO[str]
    replies: IO[str]
    names: tuple[str, ...]


class Describer:
    """A child process that describes tracks one after another, started again after a track that it did not survive.

    `cpu_seconds` is the limit a track. Use it in a `with` block, which ends the child.
    """

    def __init__(self, sample_rate: int, cpu_seconds: float) -> None:
        self._arguments = [str(sample_rate), str(cpu_seconds)]
        self._cpu_seconds = cpu_seconds
        self._child: _Child | None = None

    def __enter__(self) -> "Describer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.process.kill()
            _reap(self._child.process)

    @property
    def names(self) -> tuple[str, ...]:
        """The descriptors, in order."""
        return self._living_child().names

    @property
    def process_id(self) -> int:
        """The process id of the child."""
        return self._living_child().process.pid

    def describe(self, track: StoredTrack) -> Description:
        """Return a track's description.

        Raises `StudyFailedError` when the child ended for a reason that is not the track's.
        """
        child = self._living_child()
        request = {"file": str(track.shard), "start": track.start, "length": track.length}
        try:
            child.requests.write(json.dumps(request) + "\n")
            child.requests.flush()
            reply = child.replies.readline()
        except BrokenPipeError:
            reply = ""
        if reply:
            return Description(**json.loads(reply))
        self._child = None
        return Description(problem=self._cause_of_death(child.process))

    def _living_child(self) -> _Child:
        if self._child is None:
            self._child = _start(self._arguments)
        return self._child

    def _cause_of_death(self, process: "subprocess.Popen[str]") -> str:
        code = _reap(process)
        if code == -signal.SIGPROF:
            return f"took more than {self._cpu_seconds:g} s of CPU time"
        if -code in CRASHES:
            return f"crashed the extractor ({signal.Signals(-code).name})"
        raise StudyFailedError(f"the descriptor process ended unexpectedly (exit code {code})")


def _start(arguments: list[str]) -> _Child:
    process = subprocess.Popen(  # noqa: S603 (our own module, by our own interpreter)
        [sys.executable, "-m", "baselines.features", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ONE_THREAD},
        text=True,
    )
    requests, replies = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
    names = replies.readline()
    if not names:
        raise StudyFailedError(f"the descriptor process did not start (exit code {_reap(process)})")
    return _Child(process, requests, replies, tuple(json.loads(names)))


def _reap(process: "subprocess.Popen[str]") -> int:
    """Wait for a process that is ending, close its pipes and return its exit code; two threads may do so at once."""
    with process:
        return process.wait()
