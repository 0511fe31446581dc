"""The MLflow database in an output folder: made whole or not at all, and made anew where it is damaged.

All that is in it is logged from the finished cells, so that nothing is lost with it.
"""

import os
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from bench.errors import StudyFailedError
from bench.progress import say
from bench.tracking.connection import ARTIFACTS_FOLDER, DATABASE_FILE, quiet_mlflow
from bench.whole_file import written_aside

SECONDS_TO_WAIT = 20  # for another process that has locked it


def ready_database(out: Path) -> None:
    """Have a sound database in the output folder; one that is damaged is kept aside, which is told in one line.

    Raises `StudyFailedError` where it is another MLflow's, and `sqlite3.OperationalError` where another process has
    locked it.
    """
    # A connection that outlived its call would go on with a file that has another name by now.
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    file = out / DATABASE_FILE
    if file.exists() and (damage := damage_of(file)):
        aside = _set_aside(file)
        say(f"{file} is damaged ({damage}): it is kept as {aside.name}, and all that is finished is logged anew")
    if file.exists():
        refuse_other_version(file)
        return
    with written_aside(file) as aside:  # its creation takes seconds, in which it may be killed
        _create(aside, out / ARTIFACTS_FOLDER)


def _create(file: Path, artifacts: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    quiet_mlflow()
    SqlAlchemyStore(f"sqlite:///{file.resolve()}", artifacts.resolve().as_uri())  # type: ignore[no-untyped-call]


def damage_of(file: Path) -> str | None:
    """Return in a few words what makes a database useless, None where it is sound.

    One that was never completed, of which no run has come, is damaged as well: nothing can be done with it. Raises
    `sqlite3.OperationalError` where another process has locked it.
    """
    try:
        with closing(sqlite3.connect(file, timeout=SECONDS_TO_WAIT)) as database:
            (told,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if told != "ok":
                return " ".join(str(told).split())
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            runs = database.execute("SELECT count(*) FROM runs").fetchone()[0] if "runs" in tables else 0
            return None if runs or _version_of(database) == _newest_version() else "it was never completed"
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return str(error)


def _version_of(database: sqlite3.Connection) -> str | None:
    """Return the version of a database's tables, None where they have none."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    found = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else None


def _newest_version() -> str:
    """Return the version of the tables that the installed MLflow makes."""
    from alembic.script import ScriptDirectory
    from mlflow.store import db_migrations

    head = ScriptDirectory(str(Path(db_migrations.__file__).parent)).get_current_head()
    return str(head)


def refuse_other_version(file: Path) -> None:
    """Refuse, with `StudyFailedError`, a sound database that the installed MLflow cannot work with."""
    with closing(sqlite3.connect(file, timeout=SECONDS_TO_WAIT)) as database:
        version = _version_of(database)
    if version != _newest_version():
        raise StudyFailedError(
            f"{file} is another MLflow's than the one installed; if that is newer, make a copy of the file, then run: "
            f"mlflow db upgrade sqlite:///{file.resolve()}"
        )


def _set_aside(file: Path) -> Path:
    """Rename a database, and return its new name."""
    numbers = ("" if number == 1 else str(number) for number in count(1))
    names = (file.with_name(f"{file.name}.damaged{number}") for number in numbers)
    return file.rename(next(name for name in names if not name.exists()))
