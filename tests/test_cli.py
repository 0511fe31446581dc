"""The command line: help, exit codes, and one clear line for every mistake."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.cli import exit_code, tagbench
from bench.excerpts import excerpt_file
from tests.conftest import STUDY, TAGBENCH, StudyOnDisk


def run_command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TAGBENCH, *arguments], capture_output=True, text=True, check=False, cwd=cwd)


def test_a_whole_study_through_the_command_line(small_study: StudyOnDisk) -> None:
    done = run_command(*small_study.arguments)
    assert done.returncode == 0, done.stderr
    assert "| prior" in done.stdout
    assert f"tagbench ui {small_study.out}" in done.stdout
    assert "Logging to MLflow took" in done.stdout
    assert "Traceback" not in done.stderr
    assert "--no-excerpts leaves the music out" in done.stderr
    kept = {f"excerpts/{file.name}" for file in (small_study.out / "excerpts").iterdir()}
    assert len(kept) > 3
    assert kept == set(re.findall(r"\]\((excerpts/[^)]*)\)", (small_study.out / "qualitative.md").read_text()))


def test_without_excerpts_those_of_an_earlier_run_go(finished_study: StudyOnDisk, tmp_path: Path) -> None:
    out = shutil.copytree(finished_study.out, tmp_path / "out")
    (out / "excerpts").mkdir()
    (out / "excerpts" / "earlier.mp3").touch()
    again = StudyOnDisk(finished_study.file.parent)
    again.out = out
    assert exit_code([*again.arguments, "--no-excerpts"]) == 0
    assert list((out / "excerpts").iterdir()) == []
    assert "](excerpts/" not in (out / "qualitative.md").read_text()


def test_chosen_tracks_are_told_of_first_and_are_heard(finished_study: StudyOnDisk, tmp_path: Path) -> None:
    again = StudyOnDisk(finished_study.file.parent)
    again.out = shutil.copytree(finished_study.out, tmp_path / "out")
    tracks = pd.read_csv(again.out / "tracks.csv", dtype=str)
    first, second = tracks["id"][tracks["part"] == "test"].tolist()[-2:]
    assert exit_code([*again.arguments, "--track", second, "--track", first]) == 0
    page = (again.out / "qualitative.md").read_text()
    for number, track in enumerate((second, first), 1):
        assert re.search(rf"### {number}\. chosen: {track}\n\n.*{excerpt_file(track)}", page)
    assert exit_code(["report", str(again.out), "--track", first]) == 0
    assert f"### 1. chosen: {first}\n" in (again.out / "qualitative.md").read_text()


def test_a_chosen_track_that_is_not_in_the_test_part_is_refused_before_any_work(
    small_study: StudyOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code([*small_study.arguments, "--track", "nowhere"]) == 2
    assert "'nowhere' is no test track" in capsys.readouterr().err
    assert not small_study.out.exists()


def test_report_writes_the_same_table_again_from_what_is_recorded(small_study: StudyOnDisk) -> None:
    small_study.run()
    written = {name: (small_study.out / name).read_bytes() for name in ("table1.md", "table1.csv", "timings.csv")}
    for name in written:
        (small_study.out / name).unlink()
    assert exit_code(["report", str(small_study.out)]) == 0
    assert {name: (small_study.out / name).read_bytes() for name in written} == written


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["run"], ["STUDY"]),
        (["run", "nonsense"], ["nonsense", "smoke"]),
        (["run", "smoke", "--colour"], ["--colour"]),
        (["run", "smoke", "--workers", "0"], ["--workers"]),
        (["run", "smoke", "--device", "abacus"], ["abacus", "auto"]),
        (["paint"], ["paint"]),
        (["report", "no/such/folder"], ["no/such/folder"]),
        (["study", "nonsense"], ["nonsense", "your_corpus"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tagbench: ")
    assert len(said.err.strip().splitlines()) == 1
    for name in names:
        assert name in said.err


@pytest.mark.parametrize("name", ["demo", "your_corpus"])
def test_a_shipped_study_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["study", name]) == 0
    assert capsys.readouterr().out == (Path(bench.__file__).parent / "studies" / f"{name}.toml").read_text("utf-8")


@pytest.mark.parametrize(("number", "told"), [("0", 1), ("1", 0)])
def test_of_processes_started_together_the_first_here_tells_of_wrong_input(
    number: str, told: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", number)
    assert exit_code(["run", "nonsense"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == told


def test_a_failure_of_one_process_alone_is_told_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    study = StudyOnDisk(tmp_path)
    study.out.write_text("a file stands where the folder should be")
    assert exit_code(study.arguments) == 1
    assert str(study.out) in capsys.readouterr().err


def test_a_wrong_study_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = StudyOnDisk(tmp_path, STUDY.replace("sizes", "sices"))
    assert exit_code(study.arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_papers_study_names_its_missing_folder(tmp_path: Path) -> None:
    done = run_command("run", "paper", "--root", str(tmp_path / "data"), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"there is no folder {tmp_path / 'data'}" in done.stderr


def test_an_output_folder_that_cannot_be_written_is_exit_code_1(
    small_study: StudyOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    small_study.out.write_text("a file stands where the folder should be")
    assert exit_code(small_study.arguments) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert str(small_study.out) in said


def test_a_device_that_is_not_there_is_refused(small_study: StudyOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    if torch.cuda.is_available():
        assert exit_code([*small_study.arguments, "--device", "cuda"]) == 0
    else:
        assert exit_code([*small_study.arguments, "--device", "cuda"]) == 2
        assert "no CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(tagbench.commands))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: tagbench {command}")
