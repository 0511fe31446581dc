"""A study folder from somebody else: nothing outside it is shown, written or removed, and nothing in it is run."""

import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.cli import exit_code
from bench.errors import InputError
from reports.gate import frozen
from reports.gate.exact import check_exact
from reports.gate.expectation import Expectation
from reports.gate.frozen import unpack
from tests.conftest import StudyOnDisk

Change = Callable[[Path, Path], None]


class Touch:
    """Makes a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.file}",)


@pytest.fixture
def out(tmp_path: Path, finished_study: StudyOnDisk) -> Path:
    """A finished study's folder that a test may change, without MLflow's part."""
    left_out = shutil.ignore_patterns("mlflow.db", "mlartifacts")
    return Path(shutil.copytree(finished_study.out, tmp_path / "out", ignore=left_out))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder outside the study's, with files such as those that a report writes and removes."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("drawing.svg", "song.mp3", "table1.svg", "record.json", "table1.md", "study.toml"):
        (folder / name).write_text("mine")
    return folder


def cell_of(out: Path, family: str) -> Path:
    """Return the folder of the first cell of a family."""
    records = sorted(out.glob("cells/*/record.json"))
    return next(file.parent for file in records if json.loads(file.read_text())["family"] == family)


def replace_by_link(there: Path, target: Path) -> None:
    shutil.rmtree(there) if there.is_dir() else there.unlink(missing_ok=True)
    there.symlink_to(target)


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line by which a command refuses its input."""
    assert exit_code(arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tagbench: ")]
    return line


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("figures", ""),
        ("excerpts", ""),
        ("cells", ""),
        ("added", ""),
        ("table1.md", "table1.md"),
        ("study.toml", "study.toml"),
        ("excerpts/one.mp3", "song.mp3"),
        ("dangling", "not there"),
    ],
)
def test_a_link_out_of_the_folder_is_refused_and_leads_nowhere(
    out: Path, mine: Path, name: str, target: str, capsys: pytest.CaptureFixture[str], small_study: StudyOnDisk
) -> None:
    (out / name).parent.mkdir(exist_ok=True)
    replace_by_link(out / name, mine / target)
    small_study.out = out
    cell = next(iter(finished.parent for finished in out.glob("cells/*/record.json")), out)
    for arguments in (
        ["report", str(out)],
        small_study.arguments,
        ["tag", "x.wav", "--model", str(out)],
        ["gate", str(out), "--expected", str(small_study.file), "--update"],
        ["add", str(out), "--name", "x", "--n-train", "6", "--predictions", str(cell / "predictions.parquet")],
    ):
        assert f"{out / name} is a link that leads out of {out}" in told(arguments, capsys), arguments
    assert {file.name: file.read_text() for file in mine.iterdir()} == dict.fromkeys(
        ("drawing.svg", "song.mp3", "table1.svg", "record.json", "table1.md", "study.toml"), "mine"
    )


def test_a_link_within_the_folder_and_a_link_to_the_folder_are_followed(out: Path, tmp_path: Path) -> None:
    (out / "best").symlink_to("cells")
    (out / "circle").symlink_to("circle/circle")
    (tmp_path / "link").symlink_to(out)
    assert exit_code(["report", str(tmp_path / "link")]) == 0


def test_a_pipe_in_the_folder_is_refused(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out / "data.json").unlink()
    os.mkfifo(out / "data.json")
    assert "data.json is neither a file nor a folder" in told(["report", str(out)], capsys)


def lead_a_cell_away(out: Path, mine: Path) -> None:
    """Name a folder above in the place of a cell's digest."""
    cells = (out / "cells.csv").read_text()
    (out / "cells.csv").write_text(cells.replace(cell_of(out, "linear").name, f"../../{mine.name}"))


def lead_a_way_away(out: Path, mine: Path) -> None:
    """Name a folder above in the place of another way to predict."""
    file = cell_of(out, "linear") / "record.json"
    record = json.loads(file.read_text())
    other = {"metrics": record["metrics"], "pooled_rmse": None, "truth_metrics": None, "per_tag": {}}
    file.write_text(json.dumps(record | {"otherwise": {f"/../../../../{mine.name}/x": other}}))


def nest(name: str, content: str) -> Change:
    def change(out: Path, _: Path) -> None:
        (out / name).write_text(content)

    return change


@pytest.mark.parametrize(
    "change",
    [
        lead_a_cell_away,
        lead_a_way_away,
        nest("study.toml", f"x = {'[' * 100_000}"),
        nest("study.toml", f"x{'.x' * 100_000} = 1"),
        nest("data.json", "[" * 100_000),
        nest("study.toml", "note = 7\n"),
        nest("cells.csv", f"label\n{'x' * 1_000_000}\n"),
    ],
    ids=["digest", "way", "deep TOML", "deep key", "deep JSON", "no text", "long field"],
)
def test_what_a_folder_tells_is_refused_where_it_cannot_be_true(
    out: Path, mine: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    change(out, mine)
    assert str(out) in told(["report", str(out)], capsys)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("prior", "model/model.json"),
        ("linear", "model/model.json"),
        ("linear", "model/weights.npz"),
        ("linear", "record.json"),
        ("linear", "tags.csv"),
    ],
)
def test_a_pickle_in_the_place_of_a_models_file_is_not_run(
    out: Path, tmp_path: Path, family: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cell, touched = cell_of(out, family), tmp_path / "touched"
    (cell / name).write_bytes(pickle.dumps(Touch(touched)))
    (cell / "files.sha256").unlink(missing_ok=True)  # who sends a folder can write sums that fit
    assert str(cell) in told(["tag", "x.wav", "--model", str(cell), "--device", "cpu"], capsys)
    assert not touched.exists()


def test_an_array_of_objects_in_a_models_file_is_not_unpickled(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell, touched = cell_of(out, "linear"), tmp_path / "touched"
    evil = np.array([Touch(touched)], dtype=object)
    np.savez(cell / "model" / "weights.npz", means=evil, scales=evil, coefficients=evil, intercepts=evil)
    (cell / "files.sha256").unlink(missing_ok=True)  # who sends a folder can write sums that fit
    assert "holds no model" in told(["tag", "x.wav", "--model", str(cell), "--device", "cpu"], capsys)
    assert not touched.exists()


@pytest.mark.parametrize("name", ["targets.parquet", "tracks.csv", "tags.csv", "data.json", "cells.csv", "study.toml"])
def test_a_pickle_in_the_place_of_a_studys_file_is_not_run(
    out: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / name).write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    assert str(out / name) in told(["report", str(out)], capsys)
    assert not (tmp_path / "touched").exists()


def encrypted(archive: Path) -> None:
    """Say of the only member that it is encrypted."""
    content = bytearray(archive.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + place
        content[at : at + 2] = struct.pack("<H", 1)
    archive.write_bytes(bytes(content))


def packed_otherwise(archive: Path) -> None:
    """Say of the only member that it is compressed in a way that nobody knows."""
    content = bytearray(archive.read_bytes())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.index(signature) + place
        content[at : at + 2] = struct.pack("<H", 99)
    archive.write_bytes(bytes(content))


@pytest.mark.parametrize("change", [encrypted, packed_otherwise])
def test_an_archive_that_cannot_be_unpacked_is_refused(change: Callable[[Path], None], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "smoke.zip", "w") as archive:
        archive.writestr("exact.json", "{}")
    change(tmp_path / "smoke.zip")
    with pytest.raises(InputError, match=r"smoke.zip cannot be read"):
        unpack(tmp_path / "smoke.zip", tmp_path / "made")


def test_nothing_in_an_archive_leaves_the_folder_that_it_is_unpacked_into(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "smoke.zip", "w") as archive:
        for name in ("../../above", "/absolute", "a/../../b"):
            archive.writestr(name, "x")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16  # of a symbolic link
        archive.writestr(link, "/etc")
    unpack(tmp_path / "smoke.zip", tmp_path / "one" / "two" / "three")
    assert {path.name for path in tmp_path.iterdir()} == {"smoke.zip", "one"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    assert not Path("/absolute").exists()


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "MOST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "smoke.zip", "w", zipfile.ZIP_LZMA) as archive:
        for number in range(2):
            archive.writestr(f"{number}", bytes(1 << 20))
    with pytest.raises(InputError, match=r"smoke.zip would take more than"):
        unpack(tmp_path / "smoke.zip", tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\x80\x04}.", b'{"splits": 7, "measures": {}}'])
def test_what_must_be_exact_is_refused_where_it_is_not_what_was_written(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "exact.json").write_bytes(content)
    with pytest.raises(InputError, match="what must be exact cannot be read"):
        list(check_exact((), tmp_path))


@pytest.mark.parametrize(
    ("frozen_cells", "models"),
    [
        ({"gbt": "../../mine"}, {"gbt": {"family": "gbt", "threads": 1}}),
        ({"gbt": "0" * 16}, {}),
        ({"gbt": "0" * 16}, {"gbt": {"family": "gbt"}}),
        ({"gbt": "0" * 16}, {"gbt": {"family": "gbt", "threads": 1, "audio": {"sample_rate": -1}}}),
    ],
    ids=["above", "unknown", "threads", "audio"],
)
def test_an_expectation_names_frozen_cells_by_digest_and_tells_of_them(
    frozen_cells: dict[str, str], models: dict[str, dict[str, object]]
) -> None:
    number = {"label": "gbt", "n_train": 6, "measure": "rmse", "mean": 0.1, "sd": 0.1, "margin": 0.1, "reason": ""}
    told_of = {
        "study": "smoke",
        "corpus": "embedded",
        "seeds": [0, 1],
        "tracks": {"test": "", "valid": "", "train": {}},
        "tags": {},
        "numbers": [number],
    }
    with pytest.raises(ValueError, match=r"frozen|models|threads|sample_rate|family"):
        Expectation.model_validate(told_of | {"frozen": frozen_cells, "models": models})
