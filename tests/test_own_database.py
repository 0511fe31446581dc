"""The MLflow database in an output folder is whole or absent, and made anew from the cells where it is damaged."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from bench.cli import exit_code
from bench.errors import StudyFailedError
from bench.tracking import Tracking
from bench.tracking.database import damage_of, ready_database
from tests.conftest import StudyOnDisk
from tests.test_store_gone import finished, logged_once  # noqa: F401 - a fixture
from tests.test_tracking import client_of


@pytest.fixture
def database(tmp_path: Path, finished_study: StudyOnDisk) -> Path:
    """A copy of the database of a finished study."""
    copy = tmp_path / "mlflow.db"
    copy.write_bytes((finished_study.out / "mlflow.db").read_bytes())
    return copy


def flip(database: Path) -> None:
    """Turn the bits of a stretch in the midst of the file round, as a failing disk may."""
    content = bytearray(database.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    start = len(content) // page // 2 * page
    content[start : start + page] = bytes(255 - byte for byte in content[start : start + page])
    database.write_bytes(content)


def truncate(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def empty(database: Path) -> None:
    os.truncate(database, 0)


def overwrite(database: Path) -> None:
    database.write_bytes(b"no database")


def migrate_half(database: Path) -> None:
    """Leave what a kill leaves in the midst of a creation."""
    database.unlink()
    with closing(sqlite3.connect(database)) as half:
        half.execute("CREATE TABLE experiments (experiment_id INTEGER)")
        half.execute("CREATE TABLE runs (run_uuid TEXT)")


@pytest.mark.parametrize("damage", [flip, truncate, empty, overwrite, migrate_half])
def test_a_damaged_database_is_known(database: Path, damage: Callable[[Path], None]) -> None:
    assert damage_of(database) is None
    damage(database)
    assert damage_of(database)


def test_a_damaged_database_is_kept_aside_and_a_new_one_made(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truncate(database)
    found, content = damage_of(database), database.read_bytes()
    database.with_name("mlflow.db.damaged").write_text("of an earlier time")
    ready_database(database.parent)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{database} is damaged ({found}): it is kept as mlflow.db.damaged2, and all that is finished is logged anew"
    )
    assert damage_of(database) is None
    assert database.with_name("mlflow.db.damaged2").read_bytes() == content
    assert len(list(database.parent.glob("mlflow*"))) == 3


@pytest.mark.parametrize("command", [pytest.param("run", marks=pytest.mark.slow), "sync"])
def test_all_is_logged_again_from_the_cells(
    finished: StudyOnDisk,  # noqa: F811 - the fixture
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code(["sync", str(finished.out)]) == 0
    overwrite(finished.out / "mlflow.db")
    assert exit_code(finished.arguments if command == "run" else ["sync", str(finished.out)]) == 0
    assert "mlflow.db is damaged (file is not a database)" in capsys.readouterr().err
    assert len(logged_once(client_of(finished))) == 4


@pytest.mark.slow
def test_a_database_that_is_damaged_while_the_study_runs_is_made_anew_as_well(
    finished: StudyOnDisk,  # noqa: F811 - the fixture
) -> None:
    tracking = Tracking(finished.study, finished.out)
    first, second, *others = sorted((finished.out / "cells").iterdir())
    tracking.log_cell(first)
    overwrite(finished.out / "mlflow.db")
    for folder in (second, *others):
        tracking.log_cell(folder)
    tracking.log_report(failed=False)
    assert tracking.missing is None
    assert len(logged_once(client_of(finished))) == 4


def test_one_of_another_mlflow_is_no_damage_and_the_command_that_mends_it_is_told(database: Path) -> None:
    with closing(sqlite3.connect(database)) as other, other:
        other.execute("UPDATE alembic_version SET version_num = 'cfd24bdc0731'")  # of MLflow 1
    content = database.read_bytes()
    with pytest.raises(StudyFailedError, match=f"then run: mlflow db upgrade sqlite:///{database}$"):
        ready_database(database.parent)
    assert database.read_bytes() == content


def test_one_that_another_process_has_locked_is_no_damage(
    finished: StudyOnDisk,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("bench.tracking.database.SECONDS_TO_WAIT", 0.1)
    ready_database(finished.out)
    with closing(sqlite3.connect(finished.out / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert exit_code(["sync", str(finished.out)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith("mlflow.db cannot be used: database is locked")
    assert exit_code(["sync", str(finished.out)]) == 0


CREATE = """
import os, signal, sqlite3, sys
from pathlib import Path
import alembic.operations
from bench.tracking.database import ready_database
calls = 0
original = alembic.operations.Operations.create_table
def create_table(*arguments, **named):
    global calls
    calls += 1
    if calls == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **named)
alembic.operations.Operations.create_table = create_table
ready_database(Path(sys.argv[1]))
"""


def test_a_creation_that_is_killed_leaves_no_database(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", CREATE, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "mlflow.db").exists()
    ready_database(tmp_path)
    assert damage_of(tmp_path / "mlflow.db") is None
    assert MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}").search_experiments()
