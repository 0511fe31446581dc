"""An MLflow store that is gone costs a study nothing but its logging, which is made up for, each cell once."""

import errno
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from bench.cli import exit_code
from bench.tracking import Tracking
from bench.tracking.connection import StoreGoneError, mlflow_faults
from tests.conftest import StudyOnDisk
from tests.mlflow_server import free_port, gone
from tests.test_tracking import artifacts_of, client_of, runs_of

CELLS = {f"{label} · {size} · seed 0" for label in ("prior", "linear") for size in (6, 12)}


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def finished(finished_study: StudyOnDisk, tmp_path: Path) -> StudyOnDisk:
    """A finished study of which no MLflow knows."""
    aside = shutil.ignore_patterns("mlflow*", "mlartifacts")
    shutil.copytree(finished_study.out, tmp_path / "out", ignore=aside)
    for name in ("data", "cache"):
        shutil.copytree(finished_study.root.parent / name, tmp_path / name)
    return StudyOnDisk(tmp_path)


def logged_once(client: MlflowClient, status: str = "FINISHED", name: str = "small") -> list[Run]:
    """Return the children of the only parent, after a look whether each cell is there once, with one model."""
    (parent,), children = runs_of(client, name)
    assert parent.info.status == status
    assert len({child.data.tags["tagbench.cell"] for child in children}) == len(children)
    assert {child.info.status for child in children} == {"FINISHED"}
    models = client.search_logged_models([parent.info.experiment_id])
    assert sorted(model.source_run_id or "" for model in models) == sorted(child.info.run_id for child in children)
    for child in children:
        assert {"roc_auc", "pr_auc", "rmse", "n_train"} <= set(child.data.metrics)
        assert artifacts_of(client, child) >= {"record.json", "predictions.parquet", "per_tag.json"}
    return children


def before(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, number: int, act: Callable[[], object]) -> None:
    """Have something happen right before the `number`th call of a method."""
    original, calls = getattr(owner, name), 0

    def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the original takes and gives
        nonlocal calls
        calls += 1
        if calls == number:
            act()
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, counted)


def test_a_store_that_never_was_there_is_refused_before_anything_is_trained(
    small_study: StudyOnDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert exit_code(small_study.arguments) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"tagbench: MLflow at {address} cannot be used: ")
    assert line.endswith("; mend MLFLOW_TRACKING_URI, or unset it to log into the output folder")
    assert not (small_study.out / "cells").exists()


def test_a_study_that_has_begun_goes_on_without_its_store_and_sync_sends_all_from_the_folder_alone(
    finished: StudyOnDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (finished.out / "table1.csv").read_bytes()
    for made in ("table1.csv", "report.html"):
        (finished.out / made).unlink()
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert exit_code(finished.arguments) == 1
    assert (finished.out / "table1.csv").read_bytes() == table
    told = capsys.readouterr()
    assert "# Table 1" in told.out
    assert [line for line in told.err.splitlines() if f"MLflow at {address} cannot be used" in line] == [
        line for line in told.err.splitlines() if line.endswith("the study goes on, and what is not logged is kept")
    ]
    assert told.err.splitlines()[-1] == (
        f"tagbench: 4 cells and the report could not be logged to MLflow at {address}; nothing is lost: once it can "
        f"be used, tagbench sync {finished.out} sends what is missing"
    )
    assert exit_code(["sync", str(finished.out)]) == 1
    assert "cannot be used" in capsys.readouterr().err
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    shutil.rmtree(finished.root)
    shutil.rmtree(finished.cache)
    for now, then in ((4, 0), (0, 4)):
        assert exit_code(["sync", str(finished.out)]) == 0
        assert f"{now} cells were logged to MLflow now, and {then} before" in capsys.readouterr().out
        children = logged_once(client_of(finished))
        assert {child.info.run_name for child in children} == CELLS
    (parent,), _ = runs_of(client_of(finished))
    assert artifacts_of(client_of(finished), parent) >= {"table1.csv", "report.html", "figures"}


def test_a_cell_without_checksums_whose_curves_are_cut_off_is_told_in_a_line(
    finished: StudyOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = next((finished.out / "cells").iterdir())
    (cell / "files.sha256").unlink()
    (cell / "curves.parquet").write_bytes(b"cut off")
    assert exit_code(["sync", str(finished.out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tagbench: {cell / 'curves.parquet'} cannot be read (")
    assert line.endswith(f"; delete the folder {cell} and run the study again")


def test_a_store_that_comes_back_during_the_study_gets_what_it_missed(
    small_study: StudyOnDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = gone(small_study.out / "mlflow.db")
    before(monkeypatch, MlflowClient, "log_inputs", 2, away.__enter__)  # in the midst of the second cell
    before(monkeypatch, Tracking, "log_cell", 4, partial(away.__exit__, None, None, None))
    assert small_study.run() == []
    lost, back = [line for line in capsys.readouterr().err.splitlines() if "MLflow at" in line]
    assert lost.endswith("the study goes on, and what is not logged is kept")
    assert back.endswith("can be used again")
    assert {child.info.run_name for child in logged_once(client_of(small_study))} == CELLS


def test_a_store_that_stays_away_ends_the_study_with_a_line_and_the_next_run_sends_what_it_missed(
    small_study: StudyOnDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = gone(small_study.out / "mlflow.db")
    with monkeypatch.context() as patched:
        before(patched, MlflowClient, "log_inputs", 2, away.__enter__)
        assert exit_code(small_study.arguments) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("tagbench: 3 cells and the report could not be logged to MLflow at sqlite:///")
    assert (small_study.out / "table1.md").is_file()
    away.__exit__(None, None, None)
    (parent,), _ = runs_of(client_of(small_study))
    assert parent.info.status == "RUNNING"
    assert exit_code(small_study.arguments) == 0
    assert capsys.readouterr().err.count("finished before") == 4
    assert {child.info.run_name for child in logged_once(client_of(small_study))} == CELLS


@pytest.mark.slow
def test_a_server_that_takes_calls_and_never_answers_is_asked_again_when_ten_times_that_wait_has_passed(
    finished: StudyOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
        tracking = Tracking(finished.study, finished.out)
        for folder in (finished.out / "cells").iterdir():
            tracking.log_cell(folder)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
        assert tracking.seconds >= 2
        tracking.log_report(failed=False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert str(tracking.missing).startswith("4 cells and the report could not be logged")


def test_what_a_store_does_not_take_stops_no_other_cell_and_is_told(
    finished: StudyOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sorted((finished.out / "cells").iterdir())[0]
    record = (folder / "record.json").read_text(encoding="utf-8")
    refused = record.replace('"settings": {', '"settings": {"no name & for a param": 1,')
    (folder / "record.json").write_text(refused.replace(",}", "}"), encoding="utf-8")
    tracking = Tracking(finished.study, finished.out)
    for each in sorted((finished.out / "cells").iterdir()):
        tracking.log_cell(each)
    tracking.log_report(failed=False)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "refuses" in line]
    assert "no name & for a param" in line
    assert str(tracking.missing).startswith("1 cell could not be logged")
    assert len(logged_once(client_of(finished))) == 3


@pytest.mark.parametrize("missing", [0, 1])
def test_sync_says_of_the_study_whether_all_of_it_was_finished(finished: StudyOnDisk, missing: int) -> None:
    for folder in sorted((finished.out / "cells").iterdir())[:missing]:
        shutil.rmtree(folder)
    assert exit_code(["sync", str(finished.out)]) == 0
    assert len(logged_once(client_of(finished), "FAILED" if missing else "FINISHED")) == 4 - missing


@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg2"])
def test_a_password_in_the_address_is_told_to_nobody(
    finished: StudyOnDisk, scheme: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://me:secret@127.0.0.1:{free_port()}/here")
    assert exit_code(["sync", str(finished.out)]) == 1
    assert exit_code(finished.arguments) == 1
    told = capsys.readouterr()
    assert f"{scheme}://me:***@127.0.0.1" in told.err
    assert "secret" not in told.err + told.out


@pytest.mark.parametrize(
    "fault",
    [
        sqlite3.OperationalError("(raised as a result of Query-invoked autoflush; consider)\ndatabase or disk is full"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "mlartifacts/x"),
    ],
)
def test_a_full_disk_is_told_with_what_to_do(fault: Exception) -> None:
    with (
        pytest.raises(StoreGoneError, match=r"cannot be used: (database or disk is full|.*mlartifacts/x'); free some"),
        mlflow_faults("sqlite:///mlflow.db"),
    ):
        raise fault


def test_sync_refuses_a_folder_that_holds_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["sync", str(tmp_path)]) == 2
    assert "holds no study" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
