"""A trained cell tags any audio file as its study predicted it; what it cannot, it refuses by name."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from bench.errors import InputError
from bench.record import RunRecord
from bench.run import Machine, run_untracked
from bench.tagging import Tagged, TrainedCell
from tests.conftest import STUDY, StudyOnDisk

NETWORK = "backend_filters = 4\nnum_units = 4\npatch_seconds = 0.6\nbatch_size = 4\nmax_updates = 4\n"
FAMILIES = f"""
[[families]]
family = "gbt"
max_rounds = 5
fixed_rounds = 5

[[families]]
family = "waveform"
filters = [2, 2, 4]
{NETWORK}
[[families]]
family = "spectrogram"
num_filt = 1
n_mels = 20
{NETWORK}
"""
LABELS = ("prior", "linear", "gbt", "waveform", "spectrogram")
every_family = pytest.mark.parametrize("label", LABELS)


@pytest.fixture(scope="module")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    """A study of every family, run once; tests leave it as it is."""
    text = STUDY.replace("sizes = [6, 12]", "sizes = [12]") + FAMILIES
    study = StudyOnDisk(tmp_path_factory.mktemp("tagging"), text)
    assert run_untracked(study.study, out=study.out, root=study.root, machine=Machine("cpu", 1, study.cache)) == []
    return study


def cell_of(study: StudyOnDisk, label: str) -> Path:
    return next(folder for folder in sorted((study.out / "cells").iterdir()) if RunRecord.load(folder).label == label)


def copied_cell(study: StudyOnDisk, label: str, to: Path) -> Path:
    """Return a cell's folder with nothing but what tagging needs, away from its study."""
    for name in ("record.json", "tags.csv"):
        to.mkdir(exist_ok=True)
        shutil.copy(cell_of(study, label) / name, to)
    shutil.copytree(cell_of(study, label) / "model", to / "model")
    return to


def tag(folder: Path, files: list[Path], cache: Path) -> Tagged:
    return TrainedCell.load(folder).tag(files, device="cpu", workers=1, cache=cache)


@every_family
def test_test_tracks_get_the_scores_that_the_study_recorded(
    label: str, whole_study: StudyOnDisk, tmp_path: Path
) -> None:
    predicted = pd.read_parquet(cell_of(whole_study, label) / "predictions.parquet").set_index("id")
    paths = pd.read_csv(whole_study.out / "tracks.csv").set_index("id")["path"]
    some = predicted.iloc[[7, 0, 3]]
    files = [whole_study.root / path for path in paths[some.index]]
    found = tag(copied_cell(whole_study, label, tmp_path / "cell"), files, tmp_path / "cache")
    assert found.refused == {}
    assert found.scores.index.tolist() == list(map(str, files))
    assert found.scores.columns.tolist() == predicted.columns.tolist()
    np.testing.assert_allclose(found.scores.to_numpy(), some.to_numpy(), rtol=0, atol=1e-5)


def test_a_file_is_found_by_any_path_and_tagged_once(
    whole_study: StudyOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    shutil.copy(whole_study.root / "audio" / "001.wav", tmp_path / 'ü "odd", name.wav')
    (tmp_path / "link.wav").symlink_to(whole_study.root / "audio" / "001.wav")
    odd, link = Path('../ü "odd", name.wav'), tmp_path / "link.wav"
    found = tag(cell_of(whole_study, "linear"), [odd, link, odd], whole_study.cache).scores
    assert found.index.tolist() == [str(odd), str(link)]
    assert (found == found.iloc[0]).all(axis=None)


def test_a_file_that_cannot_be_heard_is_named_with_the_reason_and_stops_no_other(
    whole_study: StudyOnDisk, tmp_path: Path
) -> None:
    good = whole_study.root / "audio" / "001.wav"
    short, text, missing = tmp_path / "short.wav", tmp_path / "text.mp3", tmp_path / "missing.flac"
    soundfile.write(short, np.random.default_rng(0).uniform(-1, 1, 1600), 16000)
    text.write_text("no music")
    no_text = tmp_path / os.fsdecode(b"\xff.wav")
    shutil.copy(good, no_text)
    files = [short, text, good, missing, no_text, tmp_path]
    found = tag(cell_of(whole_study, "waveform"), files, tmp_path / "cache")
    assert found.scores.index.tolist() == [str(good)]
    assert set(found.refused) == set(map(str, files)) - {str(good)}
    assert found.refused[str(short)] == "lasts 0.10 s, less than 1 s"
    assert "missing" in found.refused[str(missing)]


def test_where_no_file_can_be_heard_there_are_no_scores(whole_study: StudyOnDisk, tmp_path: Path) -> None:
    for label in LABELS:
        found = tag(cell_of(whole_study, label), [tmp_path / "missing.wav"], tmp_path / "cache")
        assert found.scores.shape == (0, 3)
        assert len(found.refused) == 1


def test_what_is_odd_about_a_file_is_noted(whole_study: StudyOnDisk, tmp_path: Path) -> None:
    record = RunRecord.load(cell_of(whole_study, "waveform"))
    file = tmp_path / "low.wav"
    soundfile.write(file, np.random.default_rng(0).uniform(-0.5, 0.5, 16000), 8000)
    found = tag(cell_of(whole_study, record.label), [file], tmp_path / "cache")
    assert "has a sample rate of 8000 Hz" in found.notes[str(file)]


def test_a_cell_that_takes_shipped_descriptors_says_that_it_cannot_tag_audio(
    whole_study: StudyOnDisk, tmp_path: Path
) -> None:
    cell = copied_cell(whole_study, "gbt", tmp_path / "cell")
    record = RunRecord.load(cell)
    settings = record.settings | {"descriptors": {"groups": ["acousticbrainz"]}}
    record.model_copy(update={"audio": None, "settings": settings}).save(cell)
    with pytest.raises(InputError, match=r"gbt takes the descriptors that its data set ships, and cannot tag audio"):
        TrainedCell.load(cell)


class Trap:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.file,)


@every_family
def test_a_pickle_in_a_models_place_is_refused_and_nothing_of_it_is_run(
    label: str, whole_study: StudyOnDisk, tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"
    for number, file in enumerate(sorted((cell_of(whole_study, label) / "model").rglob("*.*"))):
        cell = copied_cell(whole_study, label, tmp_path / str(number))
        target = cell / "model" / file.relative_to(cell_of(whole_study, label) / "model")
        target.write_bytes(pickle.dumps(Trap(sprung)))
        with pytest.raises(InputError, match="model holds no model of this family that can be read") as refused:
            TrainedCell.load(cell)
        assert len(str(refused.value).splitlines()) == 1
    assert not sprung.exists()


@pytest.mark.parametrize(("label", "name"), [("linear", "weights.npz"), ("gbt", "prevalence.npy")])
def test_an_array_of_objects_in_a_models_place_is_refused_and_nothing_of_it_is_run(
    label: str, name: str, whole_study: StudyOnDisk, tmp_path: Path
) -> None:
    cell, trap = copied_cell(whole_study, label, tmp_path / "cell"), np.array([Trap(tmp_path / "sprung")], dtype=object)
    if name.endswith(".npz"):
        np.savez(cell / "model" / name, means=trap, scales=trap, coefficients=trap, intercepts=trap)
    else:
        np.save(cell / "model" / name, trap)
    with pytest.raises(InputError, match="holds no model of this family that can be read"):
        TrainedCell.load(cell)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"family": "os"}, "unknown family 'os'; known: .*waveform"),
        ({"family": "../../evil"}, "unknown family"),
        ({"family": "gbt"}, "its settings are not those of the family gbt"),
        ({"family": "gbt", "settings": {}}, "holds no model of this family"),
        ({"settings": {"filters": "rm -rf"}}, "its settings are not those of the family waveform"),
        ({"audio": {"sample_rate": "fast"}}, "record.json is damaged"),
        ({"label": None}, "record.json is damaged"),
    ],
)
def test_a_record_that_is_not_of_the_model_is_refused_in_one_line(
    changes: dict[str, object], told: str, whole_study: StudyOnDisk, tmp_path: Path
) -> None:
    cell = copied_cell(whole_study, "waveform", tmp_path / "cell")
    record = json.loads((cell / "record.json").read_text())
    (cell / "record.json").write_text(json.dumps(record | changes))
    with pytest.raises(InputError, match=told) as refused:
        TrainedCell.load(cell)
    assert len(str(refused.value).splitlines()) == 1


def test_other_tags_than_the_models_are_refused(whole_study: StudyOnDisk, tmp_path: Path) -> None:
    cell = copied_cell(whole_study, "prior", tmp_path / "cell")
    (cell / "tags.csv").write_text("name,kind,category,exclusive_group\ntone,classification,,\n")
    with pytest.raises(InputError, match="the model gives the tags tone, rare, loud"):
        tag(cell, [whole_study.root / "audio" / "001.wav"], tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("record.json", "has no record.json"),
        ("tags.csv", "tags.csv cannot be read .*; delete the folder .*cell and run the study again$"),
    ],
)
def test_a_folder_that_is_no_whole_cell_is_refused(
    name: str, told: str, whole_study: StudyOnDisk, tmp_path: Path
) -> None:
    cell = copied_cell(whole_study, "prior", tmp_path / "cell")
    (cell / name).unlink()
    with pytest.raises(InputError, match=told):
        TrainedCell.load(cell)
