"""`tagbench tag` finds the model that is meant, prints what it gives, and says of every mistake what it is."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from bench.cli import exit_code
from bench.output import CHECKSUMS_FILE
from bench.record import RunRecord
from tests.conftest import StudyOnDisk

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def song(finished_study: StudyOnDisk) -> Path:
    return finished_study.root / "audio" / "001.wav"


def cell_of(study: StudyOnDisk, label: str, n_train: int) -> Path:
    folders = sorted((study.out / "cells").iterdir())
    return next(f for f in folders if ((r := RunRecord.load(f)).label, r.n_train) == (label, n_train))


def tag(study: StudyOnDisk, model: object, *more: object) -> int:
    flags = ["--cache", str(study.cache), "--device", "cpu", "--workers", "1"]
    return exit_code(["tag", "--model", str(model), *flags, *map(str, more)])


def scores_of(study: StudyOnDisk, model: object, song: Path, capsys: Captured, *flags: object) -> dict[str, float]:
    """Return what the command prints as JSON for one song."""
    assert tag(study, model, song, "--json", *flags) == 0
    (line,) = capsys.readouterr().out.splitlines()
    content = json.loads(line)
    assert content["file"] == str(song)
    scores: dict[str, float] = content["scores"]
    return scores


def test_the_highest_tags_are_printed_with_regression_tags_apart(
    finished_study: StudyOnDisk, song: Path, capsys: Captured
) -> None:
    cell = cell_of(finished_study, "linear", 12)
    assert tag(finished_study, cell, song, "--top", 1) == 0
    printed = capsys.readouterr().out.splitlines()
    scores = scores_of(finished_study, cell, song, capsys)
    assert scores["tone"] > scores["rare"]
    tone, loud = f"  {scores['tone']:.3f}  tone", f"  {scores['loud']:.3f}  loud"
    assert printed == [str(song), tone, "  regression tags:", loud]


def test_of_a_study_the_label_chooses_the_largest_size_unless_told(
    finished_study: StudyOnDisk, song: Path, capsys: Captured
) -> None:
    for flags, n_train in (([], 12), (["--n-train", 6], 6), (["--n-train", 12, "--seed", 0], 12)):
        found = scores_of(finished_study, finished_study.out, song, capsys, "--label", "linear", *flags)
        assert found == scores_of(finished_study, cell_of(finished_study, "linear", n_train), song, capsys)


def test_a_cell_is_found_by_its_mlflow_run(
    finished_study: StudyOnDisk, song: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient(f"sqlite:///{finished_study.out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    runs = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment.experiment_id])}
    wanted = scores_of(finished_study, cell_of(finished_study, "linear", 12), song, capsys)
    monkeypatch.chdir(finished_study.out)
    for run in (runs["linear · 12 · seed 0"], f"runs:/{runs['linear · 12 · seed 0']}"):
        assert scores_of(finished_study, run, song, capsys) == wanted
    for run, told in ((runs["small"], "has no model that tags audio"), ("0" * 32, f"has no run {'0' * 32}")):
        assert tag(finished_study, run, song) == 2
        assert told in capsys.readouterr().err


def test_where_no_mlflow_is_told_of_a_run_cannot_be_looked_up(
    finished_study: StudyOnDisk, song: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tag(finished_study, "0" * 32, song) == 2
    assert "set MLFLOW_TRACKING_URI" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_tagged_are_named_and_the_others_are_printed(
    finished_study: StudyOnDisk, song: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "text.mp3").write_text("no music")
    files = [tmp_path / "missing.wav", song, tmp_path / "text.mp3"]
    assert tag(finished_study, cell_of(finished_study, "linear", 12), *files) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == str(song)
    *reasons, last = said.err.splitlines()
    assert {line.split(": ")[0] for line in reasons} == {str(files[0]), str(files[2])}
    assert last == "tagbench: 2 of 3 files could not be tagged"


def test_names_cannot_write_to_the_terminal_what_they_like(
    finished_study: StudyOnDisk, song: Path, tmp_path: Path, capsys: Captured
) -> None:
    cell = tmp_path / "cell"
    shutil.copytree(cell_of(finished_study, "prior", 12), cell)
    hostile = "to\x1b[2Jne\nsecond"
    for file in (cell / "tags.csv", cell / "model" / "model.json"):
        written = hostile if file.suffix == ".csv" else json.dumps(hostile)[1:-1]
        quoted = '"' if file.suffix == ".csv" else ""
        file.write_text(file.read_text().replace("tone", f"{quoted}{written}{quoted}"))
    (cell / CHECKSUMS_FILE).unlink()
    named = tmp_path / "a\x1b[31m\nb.wav"
    shutil.copy(song, named)
    assert tag(finished_study, cell, named) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert len(printed.splitlines()) == 5
    assert "to\ufffd[2Jne\ufffdsecond" in printed


@pytest.mark.parametrize(
    ("model", "flags", "told"),
    [
        ("no/such/folder", [], "no/such/folder: there is no such folder; give a cell's, a study's, or the id"),
        ("{root}", [], "holds no trained cell: it has no record.json"),
        ("{out}", [], "has several models; choose one with --label: 'prior' (6, 12); 'linear' (6, 12)"),
        ("{out}", ["--label", "gbt"], "has no finished cell of --label gbt; it has 'prior' (6, 12)"),
        ("{out}", ["--n-train", "7"], "has no finished cell of --n-train 7"),
        ("{root}", ["--label", "prior"], "choose among the cells of a study, which"),
        ("{out}", ["--top", "0"], "--top"),
    ],
)
def test_a_model_that_is_not_there_is_refused_in_one_line(
    model: str, flags: list[str], told: str, finished_study: StudyOnDisk, song: Path, capsys: Captured
) -> None:
    meant = model.format(out=finished_study.out, root=finished_study.root)
    assert tag(finished_study, meant, song, *flags) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert told in said.err


def test_a_folder_with_a_strange_family_is_refused_in_one_line(
    finished_study: StudyOnDisk, song: Path, tmp_path: Path, capsys: Captured
) -> None:
    cell = tmp_path / "cell"
    shutil.copytree(cell_of(finished_study, "prior", 12), cell)
    RunRecord.load(cell).model_copy(update={"family": "os.system"}).save(cell)
    (cell / CHECKSUMS_FILE).unlink()
    assert tag(finished_study, cell, song) == 2
    assert "unknown family 'os.system'" in capsys.readouterr().err


def test_what_the_command_prints_is_what_the_study_predicted(finished_study: StudyOnDisk, capsys: Captured) -> None:
    cell = cell_of(finished_study, "linear", 12)
    predicted = pd.read_parquet(cell / "predictions.parquet").set_index("id")
    paths = pd.read_csv(finished_study.out / "tracks.csv").set_index("id")["path"]
    track = predicted.index[0]
    found = scores_of(finished_study, cell, finished_study.root / paths[track], capsys)
    assert found == pytest.approx(predicted.loc[track].to_dict(), abs=1e-5)
