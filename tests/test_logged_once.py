"""Whatever is cut off while a study is logged, a process, an answer or a server, in the end each cell is there once."""

import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from bench.cli import exit_code
from bench.digest import json_digest
from bench.tracking import Tracking
from bench.tracking.runs import StudyRuns
from tests.conftest import TAGBENCH, StudyOnDisk
from tests.mlflow_server import MlflowServer, mlflow_server, postgresql
from tests.test_store_gone import CELLS, before, finished, logged_once  # noqa: F401 - a fixture
from tests.test_tracking import artifacts_of, client_of, runs_of
from tests.unreliable import Unreliable, unreliable


@pytest.fixture
def two_cells(finished: StudyOnDisk) -> StudyOnDisk:  # noqa: F811 - the fixture
    """A study of two finished cells of which no MLflow knows."""
    lines = (finished.out / "cells.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (finished.out / "cells.csv").write_text("".join(lines[:3]), encoding="utf-8")
    return finished


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts") as served:
        yield served


@pytest.fixture
def between(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unreliable]:
    """What stands between the study and the server."""
    with unreliable(server.address) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.address)
        yield proxy


def named(study: StudyOnDisk, name: str) -> str:
    """Give a study a name of its own on the server."""
    file = study.out / "study.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('name = "small"', f'name = "{name}"'), encoding="utf-8")
    return name


CALLS = {
    "the parent's creation": ("POST", "runs/create", 1),
    "a cell's creation": ("POST", "runs/create", 2),
    "a cell's measures": ("POST", "runs/log-batch", 2),
    "a model's creation": ("POST", "mlflow/logged-models", 1),
    "a file": ("PUT", "mlflow-artifacts", 4),
    "a cell's end": ("POST", "runs/update", 2),
    "the study's end": ("POST", "runs/update", 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_took_a_call_and_died_before_it_answered_has_each_cell_once_in_the_end(
    two_cells: StudyOnDisk, server: MlflowServer, between: Unreliable, call: str
) -> None:
    name = named(two_cells, f"died-{sorted(CALLS).index(call)}")
    between.lose(*CALLS[call], then_gone=True)
    assert exit_code(["sync", str(two_cells.out)]) == 1
    assert between.lost
    between.gone = False
    assert exit_code(["sync", str(two_cells.out)]) == 0
    assert len(logged_once(MlflowClient(server.address), name=name)) == 2


@pytest.mark.slow
def test_a_server_is_told_of_in_the_last_lines_alone(
    two_cells: StudyOnDisk, server: MlflowServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    named(two_cells, "told")
    assert exit_code(["sync", str(two_cells.out)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("call", ["the parent's creation", "a cell's creation", "a model's creation", "the study's"])
def test_a_call_that_is_made_again_since_its_answer_was_lost_is_not_taken_for_two(
    two_cells: StudyOnDisk, server: MlflowServer, between: Unreliable, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    name = named(two_cells, f"again-{between.address[-5:]}")
    between.lose(*CALLS.get(call, ("POST", "experiments/create", 1)), then_gone=False)
    assert exit_code(["sync", str(two_cells.out)]) == 0
    assert between.lost
    assert len(logged_once(MlflowClient(server.address), name=name)) == 2


@pytest.mark.slow
def test_a_server_that_is_killed_during_a_study_and_started_again_has_all_of_it_at_its_end(
    small_study: StudyOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mlflow_server(f"sqlite:///{tmp_path / 'server.db'}", tmp_path / "artifacts") as own:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", own.address)
        before(monkeypatch, StudyRuns, "start_child", 2, own.kill)
        before(monkeypatch, Tracking, "log_report", 1, own.start)
        assert small_study.run() == []
        assert {run.info.run_name for run in logged_once(MlflowClient(own.address))} == CELLS


POINTS = [("create run", 2), ("tell of a model", 1), ("log artifact", 2), ("end run", 2), ("end run", 3)]


@pytest.mark.slow
@pytest.mark.parametrize(("point", "number"), POINTS)
def test_what_a_kill_cut_off_while_logging_is_completed(two_cells: StudyOnDisk, point: str, number: int) -> None:
    killed_at(point, number, ["sync", str(two_cells.out)])
    assert exit_code(["sync", str(two_cells.out)]) == 0
    assert len(logged_once(client_of(two_cells))) == 2


def killed_at(point: str, number: int, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "tests.signalled", "SIGKILL", point, str(number), "60", "tagbench", *arguments]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_server_on_postgresql_holds_a_study_once_that_was_killed_and_that_it_was_gone_for(
    small_study: StudyOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with postgresql() as store, mlflow_server(store, tmp_path / "artifacts") as own:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", own.address)
        killed_at("log artifact", 3, small_study.arguments)
        with monkeypatch.context() as patched:
            before(patched, StudyRuns, "start_child", 2, own.kill)
            assert exit_code(small_study.arguments) == 1
        assert "3 cells and the report could not be logged" in capsys.readouterr().err
        own.start()
        seen = []
        for command in (["sync", str(small_study.out)], small_study.arguments):
            done = subprocess.run([TAGBENCH, *command], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert own.address in done.stdout.splitlines()[-1]
            children = logged_once(MlflowClient(own.address))
            seen.append({run.info.run_id: run.info.end_time for run in children})
        assert len(seen[0]) == 4
        assert seen[1] == seen[0]
        (parent,), _ = runs_of(MlflowClient(own.address))
        assert artifacts_of(MlflowClient(own.address), parent) >= {"table1.md", "report.html", "figures"}
    assert not (small_study.out / "mlflow.db").exists()


def test_a_folder_is_known_wherever_it_lies(
    two_cells: StudyOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    monkeypatch.chdir(tmp_path)  # a store without a server keeps artifacts in the working folder
    assert exit_code(["sync", str(two_cells.out)]) == 0
    moved = two_cells.out.rename(tmp_path / "moved")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "another machine")
        assert exit_code(["sync", str(moved)]) == 0
    assert "0 cells were logged to MLflow now, and 2 before" in capsys.readouterr().out


def test_a_folder_that_was_logged_before_folders_had_a_name_is_found_by_machine_and_path(
    two_cells: StudyOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.chdir(tmp_path)
    assert exit_code(["sync", str(two_cells.out)]) == 0
    (two_cells.out / "mlflow_id").unlink()
    (parent,), _ = runs_of(MlflowClient(store))
    assert parent.data.tags["tagbench.output"] == json_digest([platform.node(), str(two_cells.out)])
    assert exit_code(["sync", str(two_cells.out)]) == 0
    assert "0 cells were logged to MLflow now, and 2 before" in capsys.readouterr().out
