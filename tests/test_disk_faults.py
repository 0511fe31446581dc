"""A disk that is full or read-only, a file that is gone: a line each, and nothing that was finished is lost."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import STUDY, StudyOnDisk
from tests.small_disk import SmallDisk, small_disk

NETWORK = """
[[families]]
family = "waveform"
filters = [4, 4, 4, 4, 4, 4]
backend_filters = 16
num_units = 16
patch_seconds = 0.5
batch_size = 4
max_updates = 20
validate_every = 5
"""
TAGBENCH = [sys.executable, "-c", "from bench.cli import main; main()"]
FULL = re.compile(
    r"tagbench: No space left on device: (?P<file>.+); free some space, or give another --out or --cache, "
)
READ_ONLY = re.compile(r"tagbench: Read-only file system: .+; make it writable, or give another --out or --cache, ")
AGAIN = "then run the same command again to continue"


def last_line(said: str) -> str:
    assert "Traceback" not in said
    return said.strip().splitlines()[-1]


def finished(disk: SmallDisk) -> dict[Path, tuple[int, int]]:
    """Return what is finished on a disk, each file with its number and time."""
    patterns = ("cache/stores/*.json", "cache/descriptors/*.parquet", "out/cells/????????????????/*")
    files = (file for pattern in patterns for file in disk.seen.glob(pattern))
    return {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


@pytest.mark.slow
def test_a_disk_that_fills_up_again_and_again_ends_with_the_same_table(tmp_path: Path) -> None:
    calm = StudyOnDisk(tmp_path, STUDY + NETWORK)
    assert calm.run() == []
    stopped = Counter[str]()
    with small_disk(tmp_path / "disk", 1000) as disk:
        study = StudyOnDisk(tmp_path, STUDY + NETWORK)
        study.out, study.cache = disk.folder / "out", disk.folder / "cache"
        elsewhere = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
        for kilobytes in (1000, *range(2400, 9000, 400)):
            disk.become(f"size={kilobytes}k")
            before = finished(disk)
            done = disk.run(*TAGBENCH, *study.arguments, **elsewhere)
            assert before.items() <= finished(disk).items()
            if done.returncode == 0:
                break
            assert done.returncode == 1, done.stderr
            told = FULL.match(last_line(done.stderr))
            assert told, done.stderr
            assert last_line(done.stderr).endswith(AGAIN)
            stopped[str(Path(told["file"]).relative_to(disk.folder)).split("/")[0]] += 1
            sys.stdout.write(f"{kilobytes} kB: {told['file']}\n")
        assert (disk.seen / "out" / "table1.csv").read_bytes() == (calm.out / "table1.csv").read_bytes()
        assert list(disk.seen.rglob("*.partial")) == []
    assert stopped.keys() == {"cache", "out"}


def test_a_track_whose_file_is_gone_is_refused_and_once_it_is_back_nothing_is_done_again(
    small_study: StudyOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert small_study.run() == []
    table = (small_study.out / "table1.csv").read_bytes()
    before = {cell: cell.stat().st_ino for cell in small_study.out.glob("cells/*")}
    away = (small_study.root / "audio" / "000.wav").rename(tmp_path / "away.wav")
    capsys.readouterr()
    small_study.run()
    assert "1 of 48 tracks are refused" in capsys.readouterr().err
    assert "audio/000.wav,file is missing" in (small_study.out / "rejected.csv").read_text()
    away.rename(small_study.root / "audio" / "000.wav")
    assert small_study.run() == []
    assert (small_study.out / "table1.csv").read_bytes() == table
    assert before.items() <= {cell: cell.stat().st_ino for cell in small_study.out.glob("cells/*")}.items()


def test_too_few_open_files_are_told_with_what_to_do(small_study: StudyOnDisk) -> None:
    done = subprocess.run(
        ["prlimit", "--nofile=10", *TAGBENCH, *small_study.arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(
        r"tagbench: Too many open files(: .+)?; allow more open files \(ulimit -n\), or use fewer --workers, " + AGAIN,
        last_line(done.stderr),
    )


@pytest.mark.slow
def test_what_cannot_be_written_is_named_and_nothing_is_lost_once_it_can(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 20_000) as disk:
        study = StudyOnDisk(tmp_path)
        for name in ("out", "cache"):
            disk.become("ro")
            setattr(study, name, disk.folder / name)
            done = disk.run(*TAGBENCH, *study.arguments)
            assert done.returncode == 1
            assert READ_ONLY.match(last_line(done.stderr)), done.stderr
            assert f"{disk.folder}/" in last_line(done.stderr)
            disk.become("rw")
            assert disk.run(*TAGBENCH, *study.arguments).returncode == 0
        disk.become("ro")
        assert disk.run(*TAGBENCH, "report", str(study.out)).returncode == 1
        before = finished(disk)
        disk.become("rw")
        assert disk.run(*TAGBENCH, *study.arguments).returncode == 0
        assert before == finished(disk)
