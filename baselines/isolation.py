"""Describe a track in a child process, and outlive it: a track that hangs or crashes essentia costs itself alone."""

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import IO, cast

from bench.errors import StudyFailedError
from bench.store import StoredTrack

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ATTEMPTS = 2  # whoever kills a child for want of memory does not look which track it is at


@dataclass(frozen=True)
class Description:
    """A track's `descriptors` in the order of the describer's names, or the `problem` why there are none."""

    descriptors: list[float] | None = None
    problem: str = ""


class Describer:
    """A child process that describes tracks one after another, started again after a track that it did not survive.

    `descriptor_set` is one of `baselines.features.__main__`, `cpu_seconds` the limit a track. After `most_tracks`
    another child takes over, so that what essentia never frees does not add up. Use it in a `with` block, which ends
    the child.
    """

    def __init__(self, descriptor_set: str, cpu_seconds: float, most_tracks: float = math.inf) -> None:
        self._arguments = [descriptor_set, str(cpu_seconds)]
        self._cpu_seconds = cpu_seconds
        self._most_tracks = most_tracks
        self._child: _Child | None = None
        self._names: tuple[str, ...] = ()
        self._closed = False

    def __enter__(self) -> "Describer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True  # before the child dies: a thread that waits for its answer must not start another
        child = self._child
        if child is not None:
            child.end()

    @property
    def names(self) -> tuple[str, ...]:
        """The descriptors, in order."""
        self._living_child()
        return self._names

    @property
    def process_id(self) -> int:
        """The process id of the child."""
        return self._living_child().process.pid

    def describe(self, track: StoredTrack) -> Description:
        """Return a track's description; a track whose child was killed is tried once more, in another child.

        Raises `StudyFailedError` when a child cannot start, or ended for a reason that is not the track's.
        """
        place = {"file": str(track.shard), "start": track.start, "length": track.length}
        request = json.dumps(place | {"rate": track.rate})
        for _ in range(ATTEMPTS):
            child = self._living_child()
            reply = child.ask(request)
            if reply:
                return Description(**json.loads(reply))
            self._child = None
            code = child.reap()
            if code == -signal.SIGPROF:
                return Description(problem=f"took more than {self._cpu_seconds:g} s of CPU time")
            if code >= 0:
                raise StudyFailedError(f"the descriptor process ended: {child.last_words}")
        return Description(problem=f"the process that described it was killed (signal {-code})")

    def _living_child(self) -> "_Child":
        if self._closed:
            raise StudyFailedError("the describer was stopped")
        if self._child is not None and self._child.asked >= self._most_tracks:
            self._child.end()
            self._child = None
        if self._child is None:
            self._child = _Child(self._arguments)
            names = self._child.read()
            if not names:
                self._child.reap()
                raise StudyFailedError(f"the descriptor process did not start: {self._child.last_words}")
            self._names = tuple(json.loads(names))
        return self._child


class _Child:
    """A running `baselines.features`.

    It imports what is installed, not what lies in the working folder, and is in a process group of its own, where an
    interrupt at the terminal does not reach it: it ends when its input does. What it writes to temporary files, a
    process that is killed cannot remove: they lie in a folder that goes with it.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `reap`); a pipe could fill and block
        self._folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(  # noqa: S603 (our own module, by our own interpreter)
            [sys.executable, "-P", "-m", "baselines.features", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **ONE_THREAD, "TMPDIR": self._folder.name},
            process_group=0,
            text=True,
        )
        self._requests, self._replies = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        self._reaping = threading.Lock()
        self.asked = 0
        self.last_words = ""

    def ask(self, request: str) -> str:
        """Return the answer to a request; it is empty when the process died."""
        self.asked += 1
        try:
            self._requests.write(request + "\n")
            self._requests.flush()
        except BrokenPipeError:
            return ""
        return self.read()

    def read(self) -> str:
        """Return the next whole line that the process writes, or nothing when it died before."""
        line = self._replies.readline()
        return line if line.endswith("\n") else ""

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.reap()

    def reap(self) -> int:
        """Wait for the process, which is ending, keep its `last_words` and return its exit code.

        Two threads may do so at once.
        """
        with self._reaping, self.process:
            code = self.process.wait()
            if not self._errors.closed:
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace").splitlines()
                self.last_words = said[-1] if said else f"exit code {code}"
                self._errors.close()
                self._folder.cleanup()
        return code
