"""Any number of processes on one output folder: each cell is trained once, and the table is that of one process."""

import errno
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from bench import sharing
from bench.cli import exit_code
from bench.locks import attempt, making
from bench.record import RunRecord
from tests.conftest import STUDY, TAGBENCH, StudyOnDisk
from tests.dask_cluster import cluster
from tests.installed_family import install_family
from tests.processes import started, trained
from tests.test_checkpoint import made, signalled, step_in
from tests.test_locks import OUTPUT, holder, line_of
from tests.test_run import WAVEFORM


def contents(out: Path) -> dict[str, bytes]:
    """Return what must not depend on who did it: the table, and every cell's predictions and model."""
    files = [out / "table1.csv", *out.glob("cells/*/predictions.parquet"), *out.glob("cells/*/model/*")]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def test_several_at_once_train_each_cell_once_and_one_writes_the_table_of_a_single_process(
    small_study: StudyOnDisk, finished_study: StudyOnDisk
) -> None:
    command = [TAGBENCH, *small_study.arguments, "--share"]
    several = [started(command) for _ in range(3)]
    said = [process.communicate(timeout=300) for process in several]
    assert [process.returncode for process in several] == [0, 0, 0], said
    done = [cell for _, errors in said for cell in trained(errors)]
    assert sorted(done) == sorted({f"{label} · {n} · seed 0" for label in ("prior", "linear") for n in (6, 12)})
    assert sum("# Table 1" in output for output, _ in said) == 1
    assert contents(small_study.out) == contents(finished_study.out)


def test_who_finds_no_free_cell_ends_and_leaves_the_table_to_the_last(
    small_study: StudyOnDisk, finished_study: StudyOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    first = RunRecord.load(next((finished_study.out / "cells").iterdir()))
    with holder(f"attempt(lock_file(folder, {first.digest!r}))", small_study.out) as other:
        assert line_of(other) == "here"
        assert exit_code([*small_study.arguments, "--share"]) == 0
        errors = capsys.readouterr().err
        assert "no cell is free, 1 in the hands of other processes; the last to end writes the table" in errors
        assert len(trained(errors)) == 3
        assert not (small_study.out / "table1.csv").exists()
    assert exit_code([*small_study.arguments, "--share"]) == 0
    assert len(trained(capsys.readouterr().err)) == 1
    assert contents(small_study.out) == contents(finished_study.out)
    written = (small_study.out / "table1.md").stat().st_mtime_ns
    assert exit_code([*small_study.arguments, "--share"]) == 0
    output, said = capsys.readouterr()
    assert "no cell is left, and the table is written" in said
    assert output == ""
    assert (small_study.out / "table1.md").stat().st_mtime_ns == written


def test_who_comes_late_and_asks_for_another_report_writes_it_once(
    finished_study: StudyOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = StudyOnDisk(finished_study.file.parent)
    again.out = shutil.copytree(finished_study.out, tmp_path / "out")
    tracks = pd.read_csv(again.out / "tracks.csv", dtype=str)
    chosen = tracks["id"][tracks["part"] == "test"].tolist()[-1]
    for flags in ([], ["--track", chosen], ["--no-excerpts"]):
        for written in (True, False):
            assert exit_code([*again.arguments, "--share", *flags]) == 0
            assert told(capsys, written=written)
            page = (again.out / "qualitative.md").read_text()
            assert (f"### 1. chosen: {chosen}\n" in page) is (chosen in flags)
    assert not list((again.out / "excerpts").iterdir())


def told(capsys: pytest.CaptureFixture[str], *, written: bool) -> bool:
    """Tell whether a process has shown the table that it has `written`, or else left one as it was."""
    said = capsys.readouterr()
    left = "no cell is left, and the table is written" in said.err
    return (("# Table 1" in said.out), left) == (written, not written)


def unable(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_report_that_was_begun_by_anybody_meanwhile_is_written_again(
    finished_study: StudyOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    again = StudyOnDisk(finished_study.file.parent)
    again.out = shutil.copytree(finished_study.out, tmp_path / "out")
    share = [*again.arguments, "--share"]
    assert exit_code(share) == 0
    assert told(capsys, written=True)
    with monkeypatch.context() as full:
        full.setattr("reports.report.write_report", unable)
        assert exit_code([*share, "--no-excerpts"]) == 1
    scores = str(next(again.out.glob("cells/*/predictions.parquet")))
    add = ["add", str(again.out), "--name", "theirs", "--n-train", "12", "--predictions", scores]
    for other in (["report", str(again.out)], add, [*again.arguments, "--no-excerpts"]):
        capsys.readouterr()
        assert exit_code(share) == 0
        assert told(capsys, written=True)
        assert list((again.out / "excerpts").iterdir())
        assert exit_code(other) == 0
    capsys.readouterr()
    assert exit_code(share) == 0
    assert told(capsys, written=True)


def test_a_cell_that_failed_is_tried_by_nobody_who_shares_and_again_by_who_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_family(tmp_path, monkeypatch)
    monkeypatch.setenv("CONSTANT_SCORE", "nan")
    study = StudyOnDisk(tmp_path, STUDY.replace("[6, 12]", "[6]") + '[[families]]\nfamily = "constant"\n')
    fault = "constant · 6 · seed 0: predictions are not all numbers in [0, 1]"
    assert exit_code([*study.arguments, "--share"]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == f"tagbench: 1 things failed; the first: {fault}"
    assert said.err.count(fault) == 2  # as it failed, and in the end
    assert "1 of 3 cells are missing" in (study.out / "table1.md").read_text()
    assert exit_code([*study.arguments, "--share"]) == 1
    assert capsys.readouterr().err.count(fault) == 1
    monkeypatch.delenv("CONSTANT_SCORE")
    assert exit_code(study.arguments) == 0
    assert not list(study.out.glob("cells/*.failed"))


def test_where_every_cell_fails_it_is_said_and_no_table_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_family(tmp_path, monkeypatch)
    text = STUDY.split("[[families]]")[0] + '[[families]]\nfamily = "constant"\nfails_at = -1\n'
    study = StudyOnDisk(tmp_path, text)
    assert exit_code([*study.arguments, "--share"]) == 1
    fault = "2 things failed; the first: constant · 6 · seed 0: nothing can be prepared"
    assert capsys.readouterr().err.splitlines()[-1] == f"tagbench: {fault}"
    assert not (study.out / "table1.md").exists()


@pytest.mark.parametrize("share", [[], ["--share"]], ids=["alone", "sharing"])
def test_a_folder_that_is_in_use_is_refused_before_anything_is_written(
    small_study: StudyOnDisk, share: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with holder(OUTPUT, small_study.out) as other:
        assert line_of(other) == "here"
        assert exit_code([*small_study.arguments, *share]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"tagbench: {small_study.out} is in use by process {other.pid} on ")
        assert len(said.splitlines()) == 1
        assert [file.name for file in small_study.out.iterdir()] == [".locks"]


def test_tracks_that_another_process_decodes_are_waited_for(small_study: StudyOnDisk, tmp_path: Path) -> None:
    prepare = ["prepare", str(small_study.file), "--root", str(small_study.root), "--out"]
    assert exit_code([*prepare, str(tmp_path / "before"), "--cache", str(tmp_path / "other cache")]) == 0
    shards = [file.name for file in (tmp_path / "other cache" / "stores").glob("*.json")]
    command = [TAGBENCH, *prepare, str(small_study.out), "--cache", str(small_study.cache)]
    with making(small_study.cache, ["stores", *shards]):
        process = started(command)
        assert process.stderr is not None
        said = [next(process.stderr), next(process.stderr)]
        assert "which makes what this needs" in said[-1], said
        assert not list((small_study.cache / "stores").glob("*.json"))
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert [file.name for file in (small_study.cache / "stores").glob("*.json")] == shards


def test_a_cell_that_another_process_finished_just_before_it_was_taken_is_not_trained_again(
    small_study: StudyOnDisk,
    finished_study: StudyOnDisk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @contextmanager
    def too_late(file: Path) -> Iterator[str]:
        finished = finished_study.out / "cells" / file.name
        shutil.copytree(finished, small_study.out / "cells" / file.name, dirs_exist_ok=True)
        with attempt(file) as owner:
            yield owner

    monkeypatch.setattr(sharing, "attempt", too_late)
    assert exit_code([*small_study.arguments, "--share"]) == 0
    assert trained(capsys.readouterr().err) == []
    assert contents(small_study.out) == contents(finished_study.out)


def test_two_that_end_at_once_do_not_write_the_table_at_once(small_study: StudyOnDisk) -> None:
    with making(small_study.out, ["report"]):
        process = started([TAGBENCH, *small_study.arguments, "--share"])
        assert process.stderr is not None
        assert any("which makes what this needs" in line for line in process.stderr)
        assert not (small_study.out / "table1.csv").exists()
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert (small_study.out / "table1.csv").exists()


@pytest.mark.slow
def test_processes_that_share_a_study_may_share_a_cluster(
    small_study: StudyOnDisk, finished_study: StudyOnDisk, tmp_path: Path
) -> None:
    with cluster(tmp_path / "dask") as dask:
        two = [started([TAGBENCH, *small_study.arguments, "--share", *dask.flags]) for _ in range(2)]
        said = [process.communicate(timeout=300)[1] for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    assert len([cell for errors in said for cell in trained(errors)]) == 4
    assert contents(small_study.out) == contents(finished_study.out)


@pytest.mark.slow
def test_the_cell_of_a_killed_process_goes_on_in_another_from_where_it_was(tmp_path: Path) -> None:
    calm, study = (StudyOnDisk(tmp_path / name, STUDY + WAVEFORM) for name in made(tmp_path, "calm", "study"))
    assert calm.run() == []
    killed = signalled("SIGKILL", "update", 31, 0, "tagbench", *study.arguments, "--share")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (begun,) = (study.out / "cells").glob("*.training")
    assert step_in(begun)
    command = [TAGBENCH, *study.arguments, "--share"]
    two = [started(command) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    assert len([cell for errors in [killed.stderr, *said] for cell in trained(errors)]) == 6
    assert contents(study.out) == contents(calm.out)
    assert not begun.exists()
