"""A disk that is full or read-only costs a line and what was at work, and nothing that was finished."""

import re
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
backend_filters = 64
num_units = 64
patch_seconds = 0.5
batch_size = 4
max_updates = 20
validate_every = 5
"""
TAGBENCH = [sys.executable, "-c", "from bench.cli import main; main()"]
FULL = re.compile(
    r"tagbench: No space left on device: (?P<file>.+); free some space, or give another --out or --cache, "
)
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


@pytest.mark.slow
def test_what_cannot_be_written_is_named_and_nothing_is_lost_once_it_can(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 20_000) as disk:
        study = StudyOnDisk(tmp_path)
        for name in ("out", "cache"):
            disk.become("ro")
            setattr(study, name, disk.folder / name)
            done = disk.run(*TAGBENCH, *study.arguments)
            assert done.returncode == 1
            assert last_line(done.stderr) == (
                f"tagbench: Read-only file system: {disk.folder / name}; make it writable, or give another --out or "
                f"--cache, {AGAIN}"
            )
            disk.become("rw")
            assert disk.run(*TAGBENCH, *study.arguments).returncode == 0
        disk.become("ro")
        assert disk.run(*TAGBENCH, "report", str(study.out)).returncode == 1
        before = finished(disk)
        disk.become("rw")
        assert disk.run(*TAGBENCH, *study.arguments).returncode == 0
        assert before == finished(disk)
