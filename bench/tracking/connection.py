"""Which MLflow store a study is logged to, and its faults as one line each."""

import logging
import os
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

# MLflow would tell its makers of every use.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def named_store() -> str | None:
    """Return the store that `MLFLOW_TRACKING_URI` names, if it names one."""
    return os.environ.get(URI_VARIABLE) or None


def own_store(folder: Path) -> str:
    """Return the store in an output folder."""
    return f"sqlite:///{folder.resolve() / DATABASE_FILE}"


def connect(uri: str) -> "MlflowClient":
    """Return a client of a store; a new database is made, which takes seconds."""
    from mlflow.tracking import MlflowClient

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a bar for each of many small files
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(uri)


@contextmanager
def mlflow_faults(uri: str) -> Iterator[None]:
    """Turn a fault of the MLflow store into one line that names it; raises `StudyFailedError`."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:  # the second where a database cannot even be opened
        line = str(error).strip().splitlines()[0]
        raise StudyFailedError(f"MLflow at {uri} cannot be used: {line}") from error
