"""A Dask cluster as the ambient backend of joblib, so that all of `bench.parallel` is done by its workers.

Workers need what this process has: tagbench and the packages that numbers depend on, in the same versions, and the same
files under the same paths.
"""

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import joblib
from joblib._dask import DaskDistributedBackend

from bench.errors import InputError, StudyFailedError
from bench.versions import installed_versions

if TYPE_CHECKING:
    from distributed import Client

SECONDS_TO_ANSWER = 5
LOGGERS = ("distributed", "distributed.client", "tornado.application")  # each has a level of its own


class _ClusterBackend(DaskDistributedBackend):  # type: ignore[misc]
    """Joblib's backend, but for two things (of 1.6).

    That waits for ever for a task that never came to an end; here it ends the work. Dask gives a task up of which more
    workers died than it allows, and all tasks where the scheduler is gone, and takes none once it has missed that for
    some seconds. And that leaves the work to this process where the cluster has one thread, as while the other workers
    are started anew.
    """

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Return more than one, or joblib would do all itself; how many there are, the cluster knows."""
        return max(n_jobs, 2)

    def submit(self, func: object, callback: Callable[[object], None] | None = None) -> "Future[Any]":
        """Hand over a batch; `callback` is told of what came out, also where that is no result."""
        future: Future[Any] = super().submit(func, callback)
        if callback is not None:
            future.add_done_callback(partial(_tell_failure, callback))
        self.client.loop.add_callback(self._give_up, future)  # the loop has asked the client by then
        return future

    def _give_up(self, future: "Future[Any]") -> None:
        """End a batch that the client did not take, as it has lost its scheduler and is closed."""
        if self.client.status == "closed" and not future.done() and future not in self._results.values():
            future.set_exception(CancelledError())

    def retrieve_result_callback(self, out: object) -> object:
        """Return what a batch gave; raises what ended it."""
        if isinstance(out, CancelledError):
            raise StudyFailedError(
                "the Dask scheduler is gone, or forgot what it was asked; run the same command again to continue"
            )
        if isinstance(out, BaseException):
            raise BrokenExecutor(str(out)) from out
        return super().retrieve_result_callback(out)


def _tell_failure(callback: Callable[[object], None], future: "Future[Any]") -> None:
    if failure := future.exception():
        callback(failure)


@contextmanager
def dask_cluster(scheduler: str) -> Iterator[int]:
    """Have all work that is handed out done by the workers of a Dask scheduler; give the number of their threads.

    Raises `InputError` where Dask is not installed, no scheduler answers or it has no worker, and where a worker has
    another version of tagbench or of a package that numbers depend on.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--backend dask needs Dask: pip install 'tagbench[dask]'") from error
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told in a line of ours
    _check_answers(scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions: those that matter are looked at below
        client = Client(scheduler, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    with client:
        _check_workers(client, scheduler)
        with joblib.parallel_config(backend=_ClusterBackend(client=client)):
            yield sum(client.nthreads().values())


def _check_answers(scheduler: str) -> None:
    """Look whether a scheduler is there; a `Client` that finds none goes on to complain when it is collected."""
    from distributed.comm.core import connect
    from distributed.core import send_recv
    from distributed.security import Security

    async def look() -> dict[str, object]:
        secured = Security().get_connection_args("client")
        async with asyncio.timeout(SECONDS_TO_ANSWER):  # what listens there may be no scheduler, and say nothing
            comm = await connect(scheduler, timeout=SECONDS_TO_ANSWER, **secured)
            try:
                identity: dict[str, object] = await send_recv(comm, op="identity")
            finally:
                comm.abort()
        return identity

    try:
        identity = asyncio.run(look())
    except (ValueError, TypeError) as error:
        raise InputError(f"--scheduler {scheduler}: {error}; give an address such as tcp://HOST:8786") from error
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"--scheduler {scheduler}: no Dask scheduler answers there; start one with: dask scheduler"
        ) from error
    if "workers" not in identity:
        kind = str(identity["type"]).lower()
        raise InputError(f"--scheduler {scheduler}: that is a Dask {kind}; give the address of its scheduler")


def _check_workers(client: "Client", scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
    except TimeoutError as error:
        raise InputError(
            f"the Dask scheduler at {scheduler} has no worker; start some with: dask worker {scheduler}"
        ) from error
    ours = installed_versions()
    for worker, theirs in client.run(installed_versions, on_error="return").items():
        if not isinstance(theirs, dict):
            raise InputError(f"Dask worker {worker} has no tagbench like this one: {theirs}; install the same there")
        for package, version in ours.items():
            if theirs.get(package) != version:
                there = theirs.get(package, "none")
                raise InputError(
                    f"Dask worker {worker} has {package} {there}, and this process {version}: results might differ; "
                    "install the same on both"
                )
