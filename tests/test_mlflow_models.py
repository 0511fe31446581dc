"""A logged cell is a model of MLflow's: paths of audio files in, tag scores out, in any process, without pickle."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model
from mlflow.pyfunc import load_model
from mlflow.tracking import MlflowClient

from bench.errors import InputError
from bench.record import RunRecord
from bench.test_part import read_predictions, read_test_part
from bench.tracking import Tracking
from tests.conftest import StudyOnDisk

HOSTILE = 'R&B/"soul", <b>`x`</b> ' + "é" * 300


def cell_of(study: StudyOnDisk, label: str = "linear") -> tuple[Path, RunRecord]:
    folders = sorted((study.out / "cells").iterdir())
    cells = [(folder, RunRecord.load(folder)) for folder in folders]
    return next((folder, record) for folder, record in cells if (record.label, record.n_train) == (label, 12))


def two_tracks(study: StudyOnDisk) -> tuple[list[str], pd.DataFrame]:
    """Return the audio files of two test tracks, and what the study's linear model predicted of them."""
    folder, record = cell_of(study)
    test = read_test_part(study.out, record)
    files = [str(study.root / file) for file in test.files[:2]]
    return files, pd.DataFrame(read_predictions(folder, test)[:2], columns=[tag.name for tag in test.tags])


def logged_model(study: StudyOnDisk) -> tuple[str, Path]:
    """Return the id of the run of that cell, and where its model lies."""
    client = MlflowClient(f"sqlite:///{study.out / 'mlflow.db'}")
    (run,) = client.search_runs(["1"], "params.label = 'linear' and metrics.n_train = 12")
    assert run.outputs is not None
    (output,) = run.outputs.model_outputs
    location = client.get_logged_model(output.model_id).artifact_location
    return run.info.run_id, Path(location.removeprefix("file://"))


def scores_by(model: Path, asked: pd.DataFrame) -> pd.DataFrame:
    scores = load_model(str(model)).predict(asked)
    assert isinstance(scores, pd.DataFrame)
    return scores


def test_a_model_tells_what_it_takes_and_gives_and_holds_no_pickle(finished_study: StudyOnDisk) -> None:
    _, folder = logged_model(finished_study)
    model = Model.load(folder)
    assert model.signature is not None
    assert model.signature.inputs.input_names() == ["path"]
    assert model.signature.outputs.input_names() == ["tone", "rare", "loud"]
    example = model.load_input_example(str(folder))
    assert isinstance(example, pd.DataFrame)
    assert list(example.columns) == ["path"]
    assert "torch==" in (folder / "requirements.txt").read_text()
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {file.name for file in files} >= {"record.json", "tags.csv", "model.json", "weights.npz"}
    assert not [file for file in files if file.suffix in {".pkl", ".pickle", ".pt"}]
    assert not [file for file in files if file.read_bytes().startswith(b"\x80")]


def test_a_loaded_model_gives_what_the_study_predicted_in_the_order_that_is_asked_for(
    finished_study: StudyOnDisk,
) -> None:
    files, wanted = two_tracks(finished_study)
    asked = pd.DataFrame({"path": [files[1], files[0], files[1]]}, index=[7, 8, 9])
    scores = scores_by(logged_model(finished_study)[1], asked)
    assert scores.index.tolist() == [7, 8, 9]
    pd.testing.assert_frame_equal(scores, wanted.iloc[[1, 0, 1]].set_axis([7, 8, 9]), rtol=0, atol=1e-5)


def test_a_file_that_cannot_be_heard_is_named(finished_study: StudyOnDisk, tmp_path: Path) -> None:
    files, _ = two_tracks(finished_study)
    (tmp_path / "text.mp3").write_text("no music")
    asked = pd.DataFrame({"path": [files[0], str(tmp_path / "text.mp3")]})
    with pytest.raises(InputError, match=r"text\.mp3: "):
        scores_by(logged_model(finished_study)[1], asked)


def test_names_of_tags_may_be_anything(finished_study: StudyOnDisk, tmp_path: Path) -> None:
    cell = tmp_path / "out" / "cells" / "hostile"
    shutil.copytree(cell_of(finished_study)[0], cell)
    with (cell / "tags.csv").open(encoding="utf-8", newline="") as file:
        rows = [[HOSTILE if value == "tone" else value for value in row] for row in csv.reader(file)]
    with (cell / "tags.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    content = (cell / "model" / "model.json").read_text(encoding="utf-8")
    (cell / "model" / "model.json").write_text(content.replace('"tone"', json.dumps(HOSTILE)), encoding="utf-8")
    tracking = Tracking(finished_study.study, tmp_path / "out")
    tracking.log_cell(cell)
    (folder,) = (tmp_path / "out" / "mlartifacts" / "models").iterdir()
    files, wanted = two_tracks(finished_study)
    scores = scores_by(folder / "artifacts", pd.DataFrame({"path": files}))
    assert scores.columns.tolist() == [HOSTILE, "rare", "loud"]
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-5)


LOAD = """
import json, sys, mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
for given in (pandas.DataFrame({"path": sys.argv[2:]}), pandas.Series(sys.argv[2:], name="path")):
    print(json.dumps(model.predict(given).to_dict("split")))
"""


@pytest.mark.slow
def test_another_process_loads_the_model_of_a_run_and_scores_files(finished_study: StudyOnDisk, tmp_path: Path) -> None:
    run, _ = logged_model(finished_study)
    files, wanted = two_tracks(finished_study)
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{finished_study.out / 'mlflow.db'}"}
    command = [sys.executable, "-c", LOAD, f"runs:/{run}/model", *files]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "does not match" not in done.stderr  # the packages are those that the model asks for
    for line in done.stdout.splitlines()[-2:]:
        scores = json.loads(line)
        assert scores["columns"] == wanted.columns.tolist()
        np.testing.assert_allclose(scores["data"], wanted, rtol=0, atol=1e-5)
