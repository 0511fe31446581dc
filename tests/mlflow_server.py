"""MLflow's own server and Debian's PostgreSQL, started for tests and ended with them."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def mlflow_server(store: str, artifacts: Path) -> Iterator[str]:
    """Serve a store, and give the address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(artifacts)]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stderr is not None
            said = []
            for line in server.stderr:
                said.append(line)
                if "Application startup complete" in line:
                    break
            else:
                raise AssertionError("".join(said))
            threading.Thread(target=server.stderr.read, daemon=True).start()  # a full pipe would stop the server
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


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
