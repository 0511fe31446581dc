"""What a model predicts by another way is measured, kept and logged beside the prediction of Table 1."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from bench.record import RunRecord
from tests.conftest import STUDY, StudyOnDisk
from tests.factories import make_record

NETWORK = """
[[families]]
family = "waveform"
filters = [4, 4, 4, 4, 4, 4]
backend_filters = 8
num_units = 8
patch_seconds = 0.5
max_updates = 4
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    text = STUDY.replace("[6, 12]", "[12]").split("[[families]]")[0] + '[[families]]\nfamily = "prior"\n' + NETWORK
    study = StudyOnDisk(tmp_path_factory.mktemp("ways"), text)
    assert study.run() == []
    return study


def cell_of(study: StudyOnDisk, family: str) -> tuple[Path, RunRecord]:
    cells = [(folder, RunRecord.load(folder)) for folder in (study.out / "cells").iterdir()]
    return next((folder, record) for folder, record in cells if record.family == family)


def test_another_prediction_is_kept_with_measures_of_its_own(study: StudyOnDisk) -> None:
    folder, record = cell_of(study, "waveform")
    targets = pd.read_parquet(study.out / "targets.parquet")
    windows, whole = (pd.read_parquet(folder / f"predictions{way}.parquet") for way in ("", "_whole_song"))
    assert whole["id"].tolist() == windows["id"].tolist() == targets["id"].tolist()
    other = record.otherwise["whole_song"]
    for scores, measures in ((windows, record.metrics), (whole, other.metrics)):
        expected = np.sqrt(np.mean((targets["loud"].astype(float) - scores["loud"]) ** 2))
        assert measures.rmse == pytest.approx(expected, abs=1e-7)
    assert other.metrics.rmse != record.metrics.rmse
    assert set(other.per_tag) == set(record.per_tag)


def test_a_family_with_one_way_to_predict_has_nothing_beside_it(study: StudyOnDisk) -> None:
    folder, record = cell_of(study, "prior")
    assert record.otherwise == {}
    assert [file.name for file in folder.glob("predictions*")] == ["predictions.parquet"]


def test_both_ways_are_in_the_report_and_in_mlflow(study: StudyOnDisk) -> None:
    _, record = cell_of(study, "waveform")
    assert "## The same models, predicting otherwise" in (study.out / "table1.md").read_text()
    client = MlflowClient(f"sqlite:///{study.out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "params.family = 'waveform'")
    assert runs[0].data.metrics["whole_song_rmse"] == pytest.approx(record.otherwise["whole_song"].metrics.rmse)
    names = {artifact.path for artifact in client.list_artifacts(runs[0].info.run_id)}
    assert names >= {"predictions.parquet", "predictions_whole_song.parquet"}


def test_a_record_from_before_there_were_other_ways_loads(tmp_path: Path) -> None:
    record = make_record("waveform")
    record.save(tmp_path)
    content = json.loads((tmp_path / "record.json").read_text())
    del content["otherwise"]
    (tmp_path / "record.json").write_text(json.dumps(content))
    assert RunRecord.load(tmp_path) == record
