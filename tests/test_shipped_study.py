"""Studies on shipped descriptors: an entry that hears no audio wants none, and all entries get the same tracks."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from baselines.gbt import GBT
from bench.audio import AudioSettings
from bench.errors import InputError
from bench.output import TRACK_NOTES_FILE
from bench.record import RunRecord, RunSpec
from bench.study import read_study
from reports.study_folder import read_study_folder
from tests.conftest import STUDY, StudyOnDisk
from tests.small_descriptors import write_document, write_small_descriptors

GBT_ENTRY = '[[families]]\nfamily = "gbt"\nmax_rounds = 40\ndescriptors = "acousticbrainz"\n'
LINEAR_ENTRY = '[[families]]\nfamily = "linear"\ndescriptors = "acousticbrainz"\n'
HEADER = STUDY.split("[[families]]")[0]
SHIPPED = HEADER + GBT_ENTRY + LINEAR_ENTRY
WAVEFORM = """
[[families]]
family = "waveform"
filters = [2, 2, 2]
backend_filters = 4
num_units = 4
patch_seconds = 0.5
max_updates = 2
"""


def study_on(folder: Path, text: str) -> StudyOnDisk:
    study = StudyOnDisk(folder, text)
    write_small_descriptors(study.root)
    return study


def records(study: StudyOnDisk) -> list[RunRecord]:
    return [RunRecord.load(folder) for folder in sorted((study.out / "cells").iterdir())]


def test_a_study_without_audio_is_run_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    study = study_on(tmp_path, SHIPPED)
    shutil.rmtree(study.root / "audio")
    assert study.run() == []
    done = records(study)
    assert len(done) == 4
    assert all(record.audio is None and record.track_notes == {} for record in done)
    assert min(record.metrics.roc_auc or 0 for record in done if record.n_train == 12) > 0.9
    assert pd.read_csv(study.out / "rejected.csv").empty
    assert not (study.cache / "stores").exists()
    page = (study.out / "table1.md").read_text(encoding="utf-8")
    assert "- **Audio.** descriptors that the data set ships, no audio.\n" in page
    (gains,) = [one.gains for one in read_study_folder(study.out).finished if len(one.gains) and one.cell.n_train == 12]
    assert list(dict.fromkeys(gains["group"])) == ["lowlevel", "rhythm", "tonal"]
    assert (study.out / "figures" / "gains_gbt.svg").is_file()
    client = MlflowClient(f"sqlite:///{study.out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    logged = [run.data.params for run in client.search_runs([experiment.experiment_id]) if "family" in run.data.params]
    assert len(logged) == 4
    assert {params["audio"] for params in logged} == {"none"}


def test_beside_a_network_all_train_on_the_tracks_that_it_can_hear(tmp_path: Path) -> None:
    study = study_on(tmp_path, SHIPPED.replace("[6, 12]", "[6]") + WAVEFORM)
    (study.root / "audio" / "003.wav").write_bytes(b"")
    assert study.run() == []
    done = {record.label: record for record in records(study)}
    assert {label: record.audio for label, record in done.items()} == {
        "gbt": None,
        "linear": None,
        "waveform": AudioSettings(),
    }
    for part in ("train_digest", "valid_digest", "test_digest"):
        assert len({getattr(record, part) for record in done.values()}) == 1
    assert pd.read_csv(study.out / "rejected.csv")["path"].tolist() == ["audio/003.wav"]
    page = (study.out / "table1.md").read_text(encoding="utf-8")
    assert "gbt: descriptors that the data set ships, no audio; " in page
    assert "waveform: 16,000 Hz mono, whole tracks." in page


def test_a_damaged_document_is_noted_with_its_cells_and_stops_none(tmp_path: Path) -> None:
    study = study_on(tmp_path, SHIPPED.replace("[6, 12]", "[6]"))
    for file in (study.root / "acousticbrainz").rglob("*[02468].json"):
        write_document(file, "{")
    assert study.run() == []
    for record in records(study):
        listed = pd.read_csv(study.out / "cells" / record.digest / TRACK_NOTES_FILE)
        assert record.track_notes == {"no descriptors: the file is no JSON": len(listed)}
        assert len(listed) > 5
        assert listed["id"].str.contains("[02468]$").all()


def test_a_data_set_without_descriptors_is_refused_before_any_work(tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path, SHIPPED)
    with pytest.raises(InputError, match=r"^corpus \w+ ships no descriptors: "):
        study.run()
    assert not study.cache.exists()
    assert not study.out.exists()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            GBT_ENTRY + "audio = {sample_rate = 8000}\n",
            r"families\.gbt: needs no audio with these settings; remove `audio`",
        ),
        (
            LINEAR_ENTRY + 'search = {descriptors = ["timbre", "acousticbrainz"]}\n[tuning]\ntrials = 2\n',
            r"families\.linear\.search: some of these settings need audio and some do not; give them an entry each",
        ),
        (
            LINEAR_ENTRY.replace("acousticbrainz", "timbre")
            + 'search = {descriptors = ["timbre", "acousticbrainz"]}\n[tuning]\ntrials = 2\n',
            r"families\.linear\.search: some of these settings need audio and some do not; give them an entry each",
        ),
    ],
    ids=["audio", "shipped or not", "not or shipped"],
)
def test_audio_for_what_hears_none_is_refused_in_one_line(tmp_path: Path, entry: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(HEADER + entry)
    with pytest.raises(InputError, match=said) as refused:
        read_study(str(tmp_path / "mine.toml"))
    assert "\n" not in str(refused.value)


def test_settings_of_shipped_descriptors_are_tuned_without_audio(tmp_path: Path) -> None:
    text = HEADER.replace("[6, 12]", "[6]") + "[tuning]\ntrials = 2\n" + LINEAR_ENTRY
    study = study_on(tmp_path, text)
    shutil.rmtree(study.root / "audio")
    assert study.run() == []
    (record,) = records(study)
    assert [trial.reason for trial in record.trials] == ["", ""]


def test_the_digest_of_a_cell_that_hears_audio_is_what_it_was_before_some_heard_none() -> None:
    spec = RunSpec(
        label="gbt",
        family="gbt",
        settings=GBT().model_dump(mode="json"),
        n_train=320,
        seed=0,
        subset_seed=0,
        train_digest="train",
        valid_digest="valid",
        test_digest="test",
        audio=AudioSettings(sample_rate=16000, max_seconds=30.0),
        min_positives=10,
        min_negatives=10,
        threads=1,
    )
    assert spec.digest == "ed596fd97ca67684"
    assert spec.model_copy(update={"audio": None}).digest != spec.digest
