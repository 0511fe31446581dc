"""Which MLflow store a study is logged to, how long it is waited for, and its faults as one line each."""

import errno
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import StudyFailedError

if TYPE_CHECKING:  # mlflow is imported where it is used: training must not need it
    from mlflow.tracking import MlflowClient

URI_VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE_FILE = "mlflow.db"
ARTIFACTS_FOLDER = "mlartifacts"
SERVER_FAULTS = 500  # HTTP's: from here on it is not the request that is wrong
FULL_DISK = ("database or disk is full", os.strerror(errno.ENOSPC))  # as SQLite says it, and the system
ASIDE = "(raised as a result of "  # SQLAlchemy's words before those on what is wrong
PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):[^@\s]*@")

# What a user has set stays. MLflow itself asks 8 times and waits 2 minutes for each answer: that takes 4 minutes where
# a connection is refused, 20 where no answer comes.
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # a bar for each of many small files
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for each run on a server
    # MLflow would tell its makers of every use.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)


class StoreGoneError(StudyFailedError):
    """The MLflow store cannot be reached, or cannot do its work now; it may be back later."""


def named_store() -> str | None:
    """Return the store that `MLFLOW_TRACKING_URI` names, if it names one."""
    return os.environ.get(URI_VARIABLE) or None


def own_store(folder: Path) -> str:
    """Return the store in an output folder."""
    return f"sqlite:///{folder.resolve() / DATABASE_FILE}"


def shown(text: str) -> str:
    """Return a text with the addresses in it as anybody may see them: without passwords."""
    return PASSWORD.sub(r"\1:***@", text)


def connect(uri: str) -> "MlflowClient":
    """Return a client of a store.

    Raises MLflow's own errors and SQLAlchemy's, which `mlflow_faults` tells in a line.
    """
    from mlflow.store.db.db_types import DATABASE_ENGINES
    from mlflow.tracking import MlflowClient

    quiet_mlflow()
    if uri.split(":")[0].split("+")[0] in DATABASE_ENGINES:
        _knock(uri)
    return MlflowClient(uri)


def quiet_mlflow() -> None:
    """Let MLflow tell of no step on its way, and of no fault that is told here in a line."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def _knock(database: str) -> None:
    """Raise at once what MLflow would try ten times, for minutes: that the database cannot be reached."""
    from sqlalchemy import NullPool, create_engine

    create_engine(database, poolclass=NullPool).connect().close()


@contextmanager
def mlflow_faults(uri: str) -> Iterator[None]:
    """Turn a fault of the MLflow store into one line that names it.

    Raises `StoreGoneError`, or another `StudyFailedError` where the store is there and refuses what it was asked.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import DatabaseError, SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        damaged = type(error.__cause__) is DatabaseError  # none of its kinds, which are about what was asked
        if error.get_http_status_code() < SERVER_FAULTS and not damaged:  # type: ignore[no-untyped-call]
            raise StudyFailedError(f"MLflow at {shown(uri)} refuses: {_reason(error)}") from error
        raise StoreGoneError(f"MLflow at {shown(uri)} cannot be used: {_reason(error)}") from error
    except (
        SQLAlchemyError,
        sqlite3.Error,
        OSError,
        ImportError,
    ) as error:  # OSError: of HTTP, too; ImportError: a driver
        raise StoreGoneError(f"MLflow at {shown(uri)} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the first line that says what is wrong, and what to do about a full disk."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith(ASIDE)] or [type(error).__name__]
    advice = "; free some space" if any(full in lines[0] for full in FULL_DISK) else ""
    return shown(lines[0]) + advice
