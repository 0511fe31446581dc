"""A finished cell is known by its checksums: a damaged one is made again by run, and refused by all else, in a line."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli import exit_code
from bench.output import damaged_file
from tests.conftest import StudyOnDisk


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def lose(file: Path) -> None:
    file.unlink()


def cut_at_a_line(file: Path) -> None:
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


@pytest.fixture
def study(finished_study: StudyOnDisk, tmp_path: Path) -> StudyOnDisk:
    """A copy of a finished study that may be harmed."""
    copy = StudyOnDisk(tmp_path)
    shutil.rmtree(copy.root)
    copy.root, copy.cache = finished_study.root, finished_study.cache
    shutil.copytree(finished_study.out, copy.out)
    return copy


def cell(study: StudyOnDisk, family: str = "linear") -> Path:
    return next(file.parent for file in study.out.glob("cells/*/record.json") if f'"{family}"' in file.read_text())


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (cut, "predictions.parquet"),
        (flip_a_bit, "predictions.parquet"),
        (flip_a_bit, "model/weights.npz"),
        (lose, "model/model.json"),
        (cut, "record.json"),
        (flip_a_bit, "record.json"),
        (cut, "files.sha256"),
        (cut_at_a_line, "files.sha256"),
    ],
)
def test_what_is_damaged_is_found(study: StudyOnDisk, harm: Callable[[Path], None], name: str) -> None:
    harm(cell(study) / name)
    assert damaged_file(cell(study)) == name


def test_checksums_are_those_of_sha256sum(finished_study: StudyOnDisk) -> None:
    folder = cell(finished_study)
    assert damaged_file(folder) is None
    done = subprocess.run(["sha256sum", "-c", "files.sha256"], cwd=folder, capture_output=True, text=True, check=True)
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert sorted(line.split(":")[0] for line in done.stdout.splitlines()) == [
        file for file in files if file != "files.sha256"
    ]


def test_a_damaged_cell_is_made_again_and_what_is_left_of_it_is_kept(
    study: StudyOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    table, harmed = (study.out / "table1.csv").read_bytes(), cell(study)
    whole = {folder: folder.stat().st_ino for folder in (study.out / "cells").iterdir()}
    predicted = (harmed / "predictions.parquet").read_bytes()
    flip_a_bit(harmed / "predictions.parquet")
    assert study.run() == []
    line = next(line for line in capsys.readouterr().err.splitlines() if "is damaged" in line)
    kept = harmed.with_name(f"{harmed.name}.damaged")
    assert line.startswith("linear · ")
    assert line.endswith(
        f"predictions.parquet is damaged; the cell is made again, and what is left of it is kept in {kept}"
    )
    assert (harmed / "predictions.parquet").read_bytes() == predicted != (kept / "predictions.parquet").read_bytes()
    assert (study.out / "table1.csv").read_bytes() == table
    assert {folder for folder in whole if folder.stat().st_ino != whole[folder]} == {harmed}


@pytest.mark.parametrize("command", ["report", "tag", "gate", "add"])
def test_every_other_command_refuses_a_damaged_cell_and_says_what_to_do(
    study: StudyOnDisk, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    harmed, table = cell(study), (study.out / "table1.csv").read_bytes()
    cut(harmed / "model" / "weights.npz")
    expected = Path(__file__).parents[1] / "reports" / "expected" / "smoke.toml"
    arguments = {
        "report": [str(study.out)],
        "tag": ["--model", str(harmed), str(next((study.root / "audio").iterdir()))],
        "gate": [str(study.out), "--expected", str(expected)],
        "add": [str(study.out), "--name", "other", "--n-train", "6", "--predictions", "scores.csv"],
    }
    assert exit_code([command, *arguments[command]]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"tagbench: {harmed / 'model' / 'weights.npz'} is damaged: it is not as its checksum says; "
        "run the study again, which makes the cell anew"
    )
    assert (study.out / "table1.csv").read_bytes() == table


def test_a_cell_of_an_earlier_version_without_checksums_counts_as_whole(study: StudyOnDisk) -> None:
    for file in study.out.glob("cells/*/files.sha256"):
        file.unlink()
    before = {file: file.stat().st_mtime_ns for file in study.out.glob("cells/**/*")}
    assert study.run() == []
    assert {file: file.stat().st_mtime_ns for file in study.out.glob("cells/**/*")} == before


def test_another_number_of_threads_is_another_cell_with_a_checkpoint_of_its_own(study: StudyOnDisk) -> None:
    before = set(study.out.glob("cells/*"))
    study.file.write_text(study.file.read_text().replace("threads = 1", "threads = 2"))
    assert study.run() == []
    assert len(set(study.out.glob("cells/*")) - before) == len(before)  # where a cell lies, its training lies beside it
