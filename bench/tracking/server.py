"""MLflow's own pages on what a study logged into its output folder: a server for as long as someone looks."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from bench.errors import InputError, StudyFailedError
from bench.output import refuse_links_out
from bench.progress import say
from bench.tracking.connection import ARTIFACTS_FOLDER, DATABASE_FILE, connect, mlflow_faults, named_store, own_store
from bench.tracking.contents import TABLE_VIEW
from bench.tracking.database import damage_of, refuse_other_version

SECONDS_TO_START = 300  # it takes 10 on two idle cores
SECONDS_TO_END = 10
SECONDS_BETWEEN = 0.2  # two looks whether it answers


@contextmanager
def mlflow_pages(out: Path, host: str, port: int) -> Iterator["Pages"]:
    """Serve what is in `out` until the block ends; port 0 is any that is free.

    Raises `InputError` where the folder has no database, a link leads out of it or the address cannot be had, and
    `StudyFailedError` where the database cannot be read or the server does not start.
    """
    if not (out / DATABASE_FILE).is_file():
        raise InputError(_nothing_there(out))
    refuse_links_out(out)
    store = own_store(out)
    with mlflow_faults(store):
        _check_database(out)
    port = _free_port(host, port)
    say("MLflow starts; that takes some seconds.")
    with TemporaryFile() as said, _server(store, out, host, port, said) as server:
        with mlflow_faults(store):
            page = _study_page(store)
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        pages = Pages(server, said, f"{address}/{page}")
        pages.wait_for(f"{address}/health")
        yield pages


class Pages:
    """A server of MLflow's, and the address of the study's page."""

    def __init__(self, server: "subprocess.Popen[bytes]", said: IO[bytes], address: str) -> None:
        self.address = address
        self._server = server
        self._said = said

    def wait_for(self, health: str) -> None:
        """Return once the server answers; raises `StudyFailedError` where it ends, or takes too long."""
        opener = build_opener(ProxyHandler({}))  # no proxy leads to this machine
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                self._server.wait(SECONDS_BETWEEN)
                raise self._ended()
            with suppress(URLError, ConnectionError, TimeoutError), opener.open(health, timeout=5):
                return
        raise StudyFailedError(f"MLflow's server did not answer within {SECONDS_TO_START} seconds")

    def wait(self) -> None:
        """Return never, but for an exception; raises `StudyFailedError` where the server ends by itself."""
        self._server.wait()
        raise self._ended()

    def _ended(self) -> StudyFailedError:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return StudyFailedError(f"MLflow's server has ended: {lines[-1] if lines else 'it says nothing'}")


def _nothing_there(out: Path) -> str:
    if not out.is_dir():
        return f"there is no folder {out}; give the output folder of a study, such as runs/demo"
    if (store := named_store()) is not None:
        return f"{out} has no {DATABASE_FILE}: its study was logged to {store}; look there"
    return f"{out} has no {DATABASE_FILE}; give the output folder of a study, such as runs/demo"


def _check_database(out: Path) -> None:
    file = out / DATABASE_FILE
    if damage := damage_of(file):
        advice = f"{shlex.join(['tagbench', 'sync', str(out)])} makes it anew from the finished cells"
        raise StudyFailedError(f"{file} is damaged ({damage}); {advice}")
    refuse_other_version(file)


def _free_port(host: str, port: int) -> int:
    """Return the port that may be served at; raises `InputError` where there is none."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
            return int(tried.getsockname()[1])
    except OSError as error:
        raise InputError(f"cannot serve at {host}, port {port}: {error.strerror}; try another --port") from error


@contextmanager
def _server(store: str, out: Path, host: str, port: int, said: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    """Run MLflow's server, a group of processes of which none is left afterwards."""
    artifacts = (out.resolve() / ARTIFACTS_FOLDER).as_uri()
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", artifacts]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # ten processes that none of this needs
    server = subprocess.Popen(  # noqa: S603 - nothing of it comes from elsewhere
        command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
    )
    try:
        yield server
    finally:
        _end(server)


def _end(server: "subprocess.Popen[bytes]") -> None:
    """End the server's whole group, by force where it takes its time."""
    try:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(SECONDS_TO_END)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _study_page(store: str) -> str:
    """Return where, below a server's address, the runs of the study that was logged last stand as in Table 1."""
    experiment = connect(store).search_experiments(max_results=1, order_by=["last_update_time DESC"])[0]
    query = f"workflowType=machine_learning&viewStateShareKey={TABLE_VIEW}"
    return f"#/experiments/{experiment.experiment_id}/runs?{query}"
