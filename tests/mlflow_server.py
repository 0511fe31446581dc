"""MLflow's own server and Debian's PostgreSQL, started for tests and ended with them, and killed in their midst."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


class MlflowServer:
    """MLflow's server on a port of its own, with a store that outlives it."""

    def __init__(self, store: str, artifacts: Path) -> None:
        port = str(free_port())
        self.address = f"http://127.0.0.1:{port}"
        self.command = [sys.executable, "-m", "mlflow", "server", "--port", port, "--workers", "1"]
        self.command += ["--backend-store-uri", store, "--artifacts-destination", str(artifacts)]

    def start(self) -> None:
        """Start it, and return once it answers."""
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self.process = subprocess.Popen(
            self.command,
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "Application startup complete" in line:
                self.reader = threading.Thread(target=self.process.communicate)  # a full pipe would stop it
                self.reader.start()
                return
        raise AssertionError("".join(said))

    def kill(self) -> None:
        """End it without a word, its own processes and all."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.reader.join()


@contextmanager
def mlflow_server(store: str, artifacts: Path) -> Iterator[MlflowServer]:
    """Serve a store."""
    server = MlflowServer(store, artifacts)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def gone(database: Path) -> Iterator[None]:
    """Have a SQLite database gone until the block ends."""
    aside = database.rename(database.with_name("elsewhere.db"))
    database.mkdir()
    try:
        yield
    finally:
        database.rmdir()
        aside.rename(database)


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server of its own on a free port, and give its address as SQLAlchemy has it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise AssertionError("needs PostgreSQL: apt install postgresql")
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)  # and to write
        data, port = Path(folder) / "data", free_port()

        def call(program: str, *arguments: str) -> None:
            command = [str(found[-1] / program), "--pgdata", str(data), *arguments]
            subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        call("initdb", "--username", "tagbench", "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        call("pg_ctl", "start", "--wait", "--log", f"{folder}/log", "--options", options)
        try:
            yield f"postgresql+psycopg2://tagbench@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "stop", "--wait", "--mode", "fast")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
