"""A real Dask cluster on loopback: a scheduler and its workers, each a process that may be killed."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import psutil

DASK = str(Path(sys.executable).with_name("dask"))
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Cluster:
    """The scheduler's address and process, and the process that starts its workers anew when they die."""

    address: str
    scheduler: psutil.Popen
    nanny: psutil.Popen

    @property
    def flags(self) -> list[str]:
        """What a command line says to work on it."""
        return ["--backend", "dask", "--scheduler", self.address]


@contextmanager
def scheduler(environment: Mapping[str, str] = NOTHING) -> Iterator[tuple[psutil.Popen, str]]:
    """Start a scheduler without workers, and give it with its address."""
    command = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with _started(command, environment) as process:
        yield process, _said(process, "Scheduler at:").rsplit(maxsplit=1)[-1]


@contextmanager
def cluster(folder: Path, environment: Mapping[str, str] = NOTHING, *, workers: int = 2) -> Iterator[Cluster]:
    """Start a scheduler and its workers, which keep what they need in `folder`."""
    with scheduler(environment) as (process, address):
        size = ["--nworkers", str(workers), "--nthreads", "1", "--no-dashboard"]
        command = ["worker", address, *size, "--local-directory", str(folder), "--death-timeout", "10"]
        with _started(command, environment) as nanny:
            for _ in range(workers):
                _said(nanny, "Registered to:")
            yield Cluster(address, process, nanny)


@contextmanager
def _started(command: list[str], environment: Mapping[str, str]) -> Iterator[psutil.Popen]:
    with psutil.Popen(
        [DASK, *command], env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            for child in [*process.children(recursive=True), process] if process.is_running() else []:
                child.kill()


def _said(process: psutil.Popen, text: str) -> str:
    """Return the next line of a process that has this text, once it has said so."""
    return next(line for line in cast("IO[str]", process.stderr) if text in line)
