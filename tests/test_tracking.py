"""MLflow holds a study as one parent and its cells as children that can be compared, each logged once."""

import json
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from bench.record import RunRecord
from bench.tracking import Tracking
from bench.tracking.models import download_cell
from tests.conftest import STUDY, StudyOnDisk
from tests.mlflow_server import gone

NETWORK = """
[[families]]
family = "waveform"
filters = [2, 2, 4]
backend_filters = 4
num_units = 4
patch_seconds = 0.5
batch_size = 4
max_updates = 12
validate_every = 2
"""


def client_of(study: StudyOnDisk) -> MlflowClient:
    return MlflowClient(f"sqlite:///{study.out / 'mlflow.db'}")


def runs_of(client: MlflowClient, name: str = "small") -> tuple[list[Run], list[Run]]:
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id]))
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return parents, [run for run in runs if "mlflow.parentRunId" in run.data.tags]


def artifacts_of(client: MlflowClient, run: Run) -> set[str]:
    return {artifact.path for artifact in client.list_artifacts(run.info.run_id)}


def test_one_parent_has_a_finished_child_for_each_cell(finished_study: StudyOnDisk) -> None:
    (parent,), children = runs_of(client_of(finished_study))
    assert parent.info.status == "FINISHED"
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    assert {child.info.run_name for child in children} == {
        f"{label} · {size} · seed 0" for label in ("prior", "linear") for size in (6, 12)
    }
    assert all(child.info.status == "FINISHED" for child in children)


def test_children_have_the_same_keys_steps_and_test_set(finished_study: StudyOnDisk) -> None:
    client = client_of(finished_study)
    _, children = runs_of(client)
    for child in children:
        assert set(child.data.metrics) >= {"roc_auc", "pr_auc", "rmse", "n_train", "train_seconds"}
        assert set(child.data.params) >= {"family", "label", "n_train", "seed", "subset_seed", "audio.sample_rate"}
        assert [metric.step for metric in client.get_metric_history(child.info.run_id, "roc_auc")] == [0]
    tests = set()
    for child in children:
        assert child.inputs is not None
        used = child.inputs.dataset_inputs
        assert {one.tags[0].value for one in used} == {"training", "validation", "test"}
        tests |= {one.dataset.digest for one in used if one.tags[0].value == "test"}
    assert len(tests) == 1


def test_runs_can_be_searched_by_training_size(finished_study: StudyOnDisk) -> None:
    client = client_of(finished_study)
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], "metrics.n_train > 6")
    assert {run.data.params["n_train"] for run in found} == {"12"}


def test_logged_measures_are_the_recorded_ones_and_artifacts_come_back(
    finished_study: StudyOnDisk, tmp_path: Path
) -> None:
    client = client_of(finished_study)
    parents, children = runs_of(client)
    child = children[0]
    names = artifacts_of(client, child)
    assert names >= {"record.json", "predictions.parquet", "per_tag.json"}
    assert "model" not in names  # it is logged as a model
    record = json.loads(Path(client.download_artifacts(child.info.run_id, "record.json", str(tmp_path))).read_text())
    assert child.data.metrics["pr_auc"] == pytest.approx(record["metrics"]["pr_auc"])
    table = json.loads(Path(client.download_artifacts(child.info.run_id, "per_tag.json", str(tmp_path))).read_text())
    assert {row[table["columns"].index("tag")] for row in table["data"]} == {"tone", "loud"}
    assert artifacts_of(client, parents[0]) >= {"table1.md", "table1.tex", "report.html", "study.toml", "figures"}
    assert not artifacts_of(client, parents[0]) & {"cells", "mlflow.db", "mlartifacts"}


def test_experiment_study_and_cells_are_described(finished_study: StudyOnDisk) -> None:
    client = client_of(finished_study)
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    (parent,), children = runs_of(client)
    for described in (experiment.tags, parent.data.tags):
        assert "Study **small** of tagbench" in described["mlflow.note.content"]
        assert "Tones against noise." in described["mlflow.note.content"]
    for child in children:
        note = child.data.tags["mlflow.note.content"]
        assert f"trained on {child.data.params['n_train']} tracks" in note
        assert f"ROC-AUC {100 * child.data.metrics['roc_auc']:.2f} %" in note


def test_a_description_that_a_user_has_changed_stays(small_study: StudyOnDisk) -> None:
    small_study.out.mkdir()
    Tracking(small_study.study, small_study.out)
    client = client_of(small_study)
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    client.set_experiment_tag(experiment.experiment_id, "mlflow.note.content", "mine")
    Tracking(small_study.study, small_study.out)
    assert client.get_experiment(experiment.experiment_id).tags["mlflow.note.content"] == "mine"


def test_nothing_is_logged_twice_and_what_was_half_logged_is_replaced(small_study: StudyOnDisk) -> None:
    small_study.run()
    client = client_of(small_study)
    _, children = runs_of(client)
    assert len(client.search_logged_models(["1"])) == len(children)
    client.update_run(children[0].info.run_id, status="RUNNING")
    small_study.run()
    assert len(client.search_logged_models(["1"])) == len(children)
    parents, again = runs_of(client)
    assert len(parents) == 1
    kept = {child.info.run_id for child in children[1:]}
    assert len(again) == len(children)
    assert kept < {child.info.run_id for child in again}
    assert children[0].info.run_id not in {child.info.run_id for child in again}


def test_a_store_that_the_environment_names_holds_a_study_and_gives_its_models(
    small_study: StudyOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.chdir(tmp_path)  # a store without a server keeps artifacts in the working folder
    assert small_study.run() == []
    client = MlflowClient(store)
    (parent,), children = runs_of(client)
    written = Path(client.download_artifacts(parent.info.run_id, "table1.csv", str(tmp_path))).read_bytes()
    assert written == (small_study.out / "table1.csv").read_bytes()
    model = download_cell(children[0].info.run_id, tmp_path / "model")
    assert RunRecord.load(model).digest == children[0].data.tags["tagbench.cell"]
    assert not (small_study.out / "mlflow.db").exists()


@pytest.fixture(scope="module")
def network_study(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    """A study of one network with 6 validations, run; tests must leave it as it is."""
    study = StudyOnDisk(tmp_path_factory.mktemp("network"), STUDY.split("[[families]]")[0] + NETWORK)
    assert study.run() == []
    return study


def curve_steps(client: MlflowClient, run: Run) -> list[int]:
    """Return the steps of every curve of a run, which are the same for all."""
    names = [name for name in run.data.metrics if name.startswith("curve/")]
    assert set(names) >= {f"curve/{name}" for name in ("train_loss", "valid_loss", "learning_rate", "gradient_norm")}
    histories = [[metric.step for metric in client.get_metric_history(run.info.run_id, name)] for name in names]
    assert all(history == histories[0] for history in histories)
    return histories[0]


def test_the_curves_of_a_network_are_logged_once(network_study: StudyOnDisk) -> None:
    client = client_of(network_study)
    _, children = runs_of(client)
    assert [child.info.status for child in children] == ["FINISHED", "FINISHED"]
    assert [curve_steps(client, child) for child in children] == [[2, 4, 6, 8, 10, 12]] * 2


PATIENCE = 60  # seconds, on a busy machine


def watched(study: StudyOnDisk, out: Path) -> tuple[Tracking, Path, list[dict[str, float]]]:
    """Return a new tracking in `out`, the folder of a finished cell, and the rows of the cell's curves."""
    out.mkdir()
    folder = sorted((study.out / "cells").iterdir())[0]
    rows = pd.read_parquet(folder / "curves.parquet").to_dict("records")
    return Tracking(study.study, out), folder, [{str(name): value for name, value in row.items()} for row in rows]


def show(tracking: Tracking, folder: Path, rows: list[dict[str, float]]) -> None:
    """Have these rows of a cell's curves on the server, one after the other."""
    live = tracking.follow(RunRecord.load(folder))
    assert live is not None
    for row in rows:
        live.add(row)
        assert live.wait(PATIENCE)


def test_curves_are_shown_during_training_and_completed_by_the_finished_cell(
    network_study: StudyOnDisk, tmp_path: Path
) -> None:
    tracking, folder, rows = watched(network_study, tmp_path / "out")
    client = MlflowClient(tracking.uri)
    show(tracking, folder, rows[:4])
    _, (during,) = runs_of(client)
    assert (during.info.status, curve_steps(client, during)) == ("RUNNING", [2, 4, 6, 8])
    tracking.log_cell(folder)
    _, (after,) = runs_of(client)
    assert (after.info.status, curve_steps(client, after)) == ("FINISHED", [2, 4, 6, 8, 10, 12])
    assert after.info.run_id == during.info.run_id


def test_a_store_that_is_gone_during_training_costs_one_line_and_no_curve_of_the_finished_cell(
    network_study: StudyOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracking, folder, rows = watched(network_study, tmp_path / "out")
    live = tracking.follow(RunRecord.load(folder))
    assert live is not None
    live.add(rows[0])
    assert live.wait(PATIENCE)
    with gone(tmp_path / "out" / "mlflow.db"):
        for row in rows[1:]:
            live.add(row)
            assert live.wait(PATIENCE)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("no live curves: MLflow at sqlite:///")
    tracking.log_cell(folder)
    client = MlflowClient(tracking.uri)
    _, (after,) = runs_of(client)
    assert (after.info.status, curve_steps(client, after)) == ("FINISHED", [2, 4, 6, 8, 10, 12])


def test_the_run_of_a_cell_that_is_never_finished_ends_as_failed_and_is_replaced_by_the_next_attempt(
    network_study: StudyOnDisk, tmp_path: Path
) -> None:
    tracking, folder, rows = watched(network_study, tmp_path / "out")
    client = MlflowClient(tracking.uri)
    show(tracking, folder, rows[:1])
    tracking.log_report(failed=True)
    _, (failed,) = runs_of(client)
    assert failed.info.status == "FAILED"
    Tracking(network_study.study, tmp_path / "out")
    assert runs_of(client)[1] == []
