"""Ask a child process, and outlive it: what hangs or crashes a C library costs one request.

The child is a module of ours that calls `serve`. Its first line out is a greeting; from then on each line in is a
request and each line out the reply, all of them JSON.
"""

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self, cast

from bench.errors import StudyFailedError

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
OS_ERROR = "os_error"
ATTEMPTS = 2  # whoever kills a child for want of memory does not look which request it is at

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class KilledError(Exception):
    """A request did not survive: the child that had it died of `signal`, be it of what was asked or `for_memory`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.signal = number

    @property
    def for_memory(self) -> bool:
        """Whether the machine killed it, perhaps for want of memory: no library does that to itself."""
        return self.signal == signal.SIGKILL

    def told(self, doing: str, cpu_seconds: float) -> str:
        """Return why there is no reply, of a child that was `doing` it and had `cpu_seconds`."""
        if self.signal == signal.SIGPROF:
            return f"{doing} took more than {cpu_seconds:g} s of CPU time"
        if self.for_memory:
            advice = "use fewer --workers; run the same command again to continue"
            return f"the process {doing} was killed (signal 9), perhaps for want of memory: {advice}"
        return f"the process {doing} crashed (signal {self.signal})"


class Isolated:
    """A child process that answers requests one after another, started again after one that it did not survive.

    The child is `module` run with `arguments`; errors call it the `name` process. After `most_requests` another takes
    over, so that what a library never frees does not add up. Use it in a `with` block, which ends the child.
    """

    def __init__(self, module: str, arguments: Sequence[str], *, name: str, most_requests: float = math.inf) -> None:
        self._command = [module, *arguments]
        self._name = name
        self._most_requests = most_requests
        self._child: _Child | None = None
        self._greeting: list[str] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True  # before the child dies: a thread that waits for its reply must not start another
        child = self._child
        if child is not None:
            child.end()

    @property
    def greeting(self) -> list[str]:
        """What the child said first."""
        self._living_child()
        return self._greeting

    @property
    def process_id(self) -> int:
        """The process id of the child."""
        return self._living_child().process.pid

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a request; one whose child was killed is tried once more, in another child.

        Raises `KilledError` when neither attempt survived, or the first took too much CPU time; the `OSError` that the
        child met; and `StudyFailedError` when a child cannot start, or ended for a reason that is not the request's.
        """
        for attempt in range(1, ATTEMPTS + 1):
            child = self._living_child()
            reply = child.ask(json.dumps(request))
            if reply:
                return _unless_failed(json.loads(reply))
            self._child = None
            code = child.reap()
            self._check_open()  # else it was not the request that ended the child
            if code >= 0:
                raise StudyFailedError(f"the {self._name} process ended: {child.last_words}")
            if attempt == ATTEMPTS or code == -signal.SIGPROF:
                break
        raise KilledError(-code)

    def _check_open(self) -> None:
        if self._closed:
            raise StudyFailedError(f"the {self._name} process was stopped")

    def _living_child(self) -> "_Child":
        self._check_open()
        if self._child is not None and self._child.asked >= self._most_requests:
            self._child.end()
            self._child = None
        if self._child is None:
            self._child = self._started()
        return self._child

    def _started(self) -> "_Child":
        self._child = child = _Child(self._command)
        if self._closed:  # since the look above, by a thread that could not end what was not there
            child.end()
        greeting = child.read()
        if not greeting:
            child.reap()
            self._check_open()
            raise StudyFailedError(f"the {self._name} process did not start: {child.last_words}")
        self._greeting = json.loads(greeting)
        return child


class _Child:
    """A running module of ours.

    It imports what is installed, not what lies in the working folder, and is in a process group of its own, where an
    interrupt at the terminal does not reach it: it ends when its input does. What it writes to temporary files, a
    process that is killed cannot remove: they lie in a folder that goes with it.
    """

    def __init__(self, module_and_arguments: list[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `reap`); a pipe could fill and block
        self._folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(  # noqa: S603 (our own module, by our own interpreter)
            [sys.executable, "-P", "-m", *module_and_arguments],
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
            with suppress(BrokenPipeError):  # closing writes what is left; later it would end more than this request
                self._requests.close()
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


def _unless_failed(reply: dict[str, Any]) -> dict[str, Any]:
    if OS_ERROR in reply:
        raise OSError(*reply[OS_ERROR])
    return reply


def serve(answer: Answer, *, cpu_seconds: float, greeting: Sequence[str] = ()) -> None:
    """Be the child: answer requests on standard input until it ends, or end at once when nobody reads the replies.

    A request that takes more than `cpu_seconds` ends the process by SIGPROF: nothing in Python could interrupt the
    loops of a C library. An `OSError` is told to the parent, which raises it.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the parent is gone: end without a word
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no reply
    replies.write(json.dumps(greeting) + "\n")
    for request in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        try:
            reply = answer(json.loads(request))
        except OSError as error:
            reply = {OS_ERROR: [error.errno, error.strerror or str(error), error.filename]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(reply) + "\n")
