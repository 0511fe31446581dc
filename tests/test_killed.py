"""Killed at any moment and started again, a study redoes nothing that was finished and ends with the same table."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from bench.output import damaged_file
from bench.whole_file import is_partial
from tests.conftest import TAGBENCH, StudyOnDisk

ROOT = Path(__file__).parents[1]
KILLS = 20  # at least, and until each of these stages was hit
STAGES = {"songs", "cells", "report"}
IMPORTS = 5.0  # seconds until a command is at work, and MLflow's database made
SEED, MARK = "TAGBENCH_KILL_SEED", "TAGBENCH_KILL_FOLDER"
SECONDS_TO_END = 20.0  # of a child whose parent was killed: as long as it takes for one track, and not minutes
SHARED = (
    "backend_filters = 8\nnum_units = 8\npatch_seconds = 0.5\nbatch_size = 4\nmax_updates = 20\nvalidate_every = 10"
)
STUDY = f"""
sizes = [8, 16]
seeds = [0]
threads = 1

[corpus]
name = "embedded"
tracks = 60
seconds = 2.0

[split]
valid = 0.25
test = 0.35

[scoring]
min_positives = 2
min_negatives = 2

[[families]]
family = "linear"

[[families]]
family = "gbt"
max_rounds = 20

[[families]]
family = "waveform"
filters = [4, 4, 4, 8]
{SHARED}

[[families]]
family = "spectrogram"
num_filt = 1
n_mels = 20
{SHARED}
"""
CELLS = 8
FINISHED = {  # what is never to be written again, in the order in which it comes about
    "songs": "cache/corpora/*/audio/*.flac",
    "stores": "cache/stores/*.json",
    "samples": "cache/stores/*.i16",
    "fingerprints": "cache/fingerprints/*.bin",
    "descriptors": "cache/descriptors/*.parquet",
    "matrices": "cache/matrices/*.sha256",
    "cells": "out/cells/*/**/*",
}
Files = dict[Path, tuple[int, int]]


@dataclass
class Run:
    """A study with an output folder and a cache of its own, and what its processes left."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "killed.toml").write_text(STUDY)

    def start(self) -> "subprocess.Popen[bytes]":
        places = ["--out", str(self.folder / "out"), "--cache", str(self.folder / "cache"), "--workers", "2"]
        with (self.folder / "said.txt").open("wb") as said:
            return subprocess.Popen(
                [TAGBENCH, "run", str(self.folder / "killed.toml"), *places, "--device", "cpu"],
                env={**os.environ, MARK: str(self.folder)},
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def start_over(self) -> None:
        """Remove all that it has made."""
        for folder in ("out", "cache"):
            shutil.rmtree(self.folder / folder)

    def to_the_end(self) -> None:
        assert self.start().wait() == 0, (self.folder / "said.txt").read_text()

    def left(self) -> list[psutil.Process]:
        """Return the processes that are still alive of all that were started for it."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARK) == str(self.folder))
        except psutil.Error:
            return False

    def finished(self, pattern: str) -> Files:
        """Return finished files, each with its number on the disk and its time."""
        return {file: state for file in self.folder.glob(pattern) if not _is_in_work(file) and (state := _state(file))}

    def all_finished(self) -> Files:
        return {file: state for pattern in FINISHED.values() for file, state in self.finished(pattern).items()}

    def written(self) -> Files:
        """Return all files but MLflow's, finished or not."""
        files = (Path(parent) / name for parent, _, names in os.walk(self.folder) for name in names)
        ours = (file for file in files if not file.name.startswith(("mlflow.db", "said")))
        return {file: state for file in ours if (state := _state(file))}

    def stage(self) -> str:
        """Return what it is at, by what is finished."""
        if not self.finished("cache/corpora/*/manifest-*.parquet"):
            return "songs"
        for stage in ("stores", "fingerprints", "descriptors"):
            if not self.finished(FINISHED[stage]):
                return stage
        return "cells" if len(self.finished("out/cells/*/record.json")) < CELLS else "report"


def _state(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:  # it was removed meanwhile
        return None
    return (found.st_ino, found.st_mtime_ns) if file.is_file() else None


def _is_in_work(file: Path) -> bool:
    return any(is_partial(path) or path.suffix == ".training" for path in (file, *file.parents))


def run_and_kill(run: Run, seconds: float, *, since_start: bool, group: bool) -> bool:
    """Start it and kill it so long after its start, or after it has written a first file; tell whether it still ran."""
    before = run.written()
    process = run.start()
    while not since_start and process.poll() is None and run.written() == before:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    if process.poll() is None:  # else its number may be another's
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run that is going to be killed; of its processes none stays."""
    started = Run(tmp_path / "killed")
    yield started
    for process in started.left():
        process.kill()


@pytest.mark.slow
def test_a_study_that_is_killed_20_times_redoes_nothing_and_ends_with_the_same_table(tmp_path: Path, run: Run) -> None:
    seed = int(os.environ.get(SEED) or time.time_ns() % 10**6)
    sys.stdout.write(f"{SEED}={seed} draws the same moments again\n")
    draw = random.Random(seed)  # noqa: S311 - no secret
    stages, longest, kills = Counter[str](), 1.0, 0
    while kills < KILLS or not stages.keys() >= STAGES:
        before, since_start = run.all_finished(), kills % 5 == 4
        moment = draw.uniform(0, longest + IMPORTS * since_start)
        stopped = run_and_kill(run, moment, since_start=since_start, group=kills % 3 == 2)
        if stopped:
            kills += 1
            stages[run.stage()] += 1
            sys.stdout.write(
                f"killed at {run.stage()}, {moment:.2f} s after {('a new file', 'its start')[since_start]}\n"
            )
        gone, alive = psutil.wait_procs(run.left(), SECONDS_TO_END)
        assert alive == [], gone
        after = run.all_finished()
        assert before.items() <= after.items()
        if stopped and not since_start and len(after) == len(before):
            longest *= 2  # what it was at takes longer
        elif not stopped:
            longest /= 2  # it had come to its end
        if run.stage() == "report" and not stages.keys() >= STAGES - {"report"}:
            run.start_over()  # it is past what was to be hit

    before = run.all_finished()
    run.to_the_end()
    calm = Run(tmp_path / "calm")
    calm.to_the_end()
    table = "out/table1.csv"
    assert (run.folder / table).read_bytes() == (calm.folder / table).read_bytes()
    assert before.items() <= run.all_finished().items()
    assert [file for file in run.written() if _is_in_work(file)] == []
    with closing(sqlite3.connect(run.folder / "out" / "mlflow.db")) as database:
        logged = "select count(*) from runs where lifecycle_stage = 'active' and status = 'FINISHED'"
        assert database.execute(logged).fetchone() == (CELLS + 1,)  # each cell once, and the study


@pytest.mark.slow
def test_killed_where_it_hurts_a_study_ends_with_the_same_table(
    finished_study: StudyOnDisk, small_study: StudyOnDisk
) -> None:
    cells = 0
    for point, number in (
        ("predictions", 1),
        ("record", 1),
        ("checksums", 2),
        ("rename of a folder", 2),
        ("report", 3),
    ):
        before = {cell: cell.stat().st_ino for cell in small_study.out.glob("cells/*") if not is_partial(cell)}
        command = [sys.executable, "-m", "tests.signalled", "SIGKILL", point, str(number), "300", "tagbench"]
        done = subprocess.run([*command, *small_study.arguments], capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == -signal.SIGKILL, done.stderr
        after = {cell: cell.stat().st_ino for cell in small_study.out.glob("cells/*") if not is_partial(cell)}
        assert before.items() <= after.items()
        assert all(damaged_file(cell) is None for cell in after)
        cells = len(after)
    assert cells == 4
    assert small_study.run() == []
    assert (small_study.out / "table1.csv").read_bytes() == (finished_study.out / "table1.csv").read_bytes()
    assert list(small_study.out.rglob("*.partial")) == []
