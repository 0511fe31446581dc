"""A study on a Dask cluster: the same bytes as on this machine, whichever worker dies; one line for what is wrong."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from distributed import Client

from tests.conftest import TAGBENCH, StudyOnDisk
from tests.dask_cluster import cluster, scheduler
from tests.small_corpus import write_small_corpus

STUDY = """
note = "Tones against noise."
sizes = [30, 60]
seeds = [0]
threads = 1

[corpus]
name = "manifest"

[split]
valid = 0.2
test = 0.2

[scoring]
min_positives = 1
min_negatives = 1

[[families]]
family = "linear"

[[families]]
family = "gbt"
"""

DEADLY = """
import os, signal, sys
import numpy

MARKS = "{marks}"
load, loaded = numpy.load, 0


def once(mark, process):
    try:
        os.remove(os.path.join(MARKS, mark))
    except FileNotFoundError:
        return
    os.kill(process, signal.SIGKILL)


def counted(file, *arguments, **named):
    global loaded
    if str(file).endswith(".standardised.npy"):
        once("linear", os.getpid())
    elif sys._getframe(2).f_code.co_name == "open":  # of a `MappedPart`
        loaded += 1
        if loaded > 2:  # it has trained a tag before
            once("trees", os.getpid())
    return load(file, *arguments, **named)


numpy.load = counted
if "bench.decoding" in sys.orig_argv:
    import bench.audio

    decoder = bench.audio.open_sound

    def open_sound(path, max_seconds):
        if path.stem == "030":
            {fault}
        return decoder(path, max_seconds)

    bench.audio.open_sound = open_sound
if "baselines.features" in sys.orig_argv:
    read = numpy.fromfile

    def fromfile(*arguments, **named):
        once("describing", os.getppid())
        return read(*arguments, **named)

    numpy.fromfile = fromfile
"""
MARKS = ("preparing", "describing", "linear", "trees")


@pytest.fixture
def study(tmp_path: Path) -> StudyOnDisk:
    write_small_corpus(tmp_path / "data", tracks=140, seconds=1.2)
    return StudyOnDisk(tmp_path, STUDY)


def deadly(folder: Path, fault: str) -> dict[str, str]:
    """Return the environment in which workers come to an end in the midst of each stage, once where there is a mark.

    `fault` is what a process that decodes comes to.
    """
    marks, site = folder / "marks", folder / "site"
    marks.mkdir()
    site.mkdir()
    for mark in MARKS:
        (marks / mark).touch()
    (site / "sitecustomize.py").write_text(DEADLY.format(marks=marks, fault=fault))
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path}


def run(study: StudyOnDisk, name: str, *flags: str) -> "subprocess.CompletedProcess[str]":
    """Run the study into a folder and a cache of that name."""
    places = ["--root", str(study.root), "--out", str(study.root.parent / name), "--cache", str(cache_of(study, name))]
    command = [TAGBENCH, "run", str(study.file), *places, "--device", "cpu", "--no-excerpts", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def cache_of(study: StudyOnDisk, name: str) -> Path:
    return study.root.parent / f"{name}-cache"


def contents(folder: Path, *without: str) -> dict[str, bytes]:
    """Return what is in each file under a folder, except those whose path has one of these parts."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    named = {
        str(file.relative_to(folder)): file for file in files if not set(file.relative_to(folder).parts) & {*without}
    }
    return {name: file.read_bytes() for name, file in named.items()}


TIMES = (
    "record.json",
    "files.sha256",
    "timings.csv",
    "mlflow.db",
    "mlflow_id",
    "mlartifacts",
    ".locks",
)  # what tells of the clock, or has names of its own


@pytest.mark.slow
def test_a_cluster_whose_workers_are_killed_in_every_stage_makes_the_same_bytes(
    study: StudyOnDisk, tmp_path: Path
) -> None:
    here = run(study, "here", "--workers", "2")
    environment = deadly(tmp_path, 'once("preparing", os.getppid())')
    with cluster(tmp_path / "dask", environment) as dask:
        there = run(study, "there", *dask.flags)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    assert list((tmp_path / "marks").iterdir()) == []  # a worker was killed at each
    caches = [contents(cache_of(study, name), ".locks") for name in ("here", "there")]
    assert {Path(name).parts[0] for name in caches[0]} == {"stores", "fingerprints", "descriptors", "matrices"}
    whole = {name: content for name, content in caches[1].items() if not name.endswith(".partial")}
    assert whole == caches[0]
    outputs = [contents(study.root.parent / name, *TIMES) for name in ("here", "there")]
    assert "table1.csv" in outputs[0]
    assert [name for name in outputs[0] if outputs[0][name] != outputs[1].get(name)] == []
    assert outputs[0].keys() == outputs[1].keys()


LEADER = """
import os, sys
from bench.cluster import dask_cluster
from bench.parallel import in_tasks

with dask_cluster(sys.argv[1]) as workers:
    found = dict(in_tasks("looking", lambda numbers: [os.getpid()] * len(numbers), range(8), workers=workers))
print(os.getpid(), *sorted(set(found.values())))
"""


@pytest.mark.slow
def test_a_cluster_of_one_worker_does_the_work_too(tmp_path: Path) -> None:
    with cluster(tmp_path, workers=1) as dask:
        done = subprocess.run([sys.executable, "-c", LEADER, dask.address], capture_output=True, text=True, check=True)
        leader, worker = map(int, done.stdout.split())
        assert worker != leader
        assert worker in [child.pid for child in dask.nanny.children(recursive=True)]


@pytest.mark.slow
def test_a_task_that_kills_every_worker_ends_the_command_with_a_line(study: StudyOnDisk, tmp_path: Path) -> None:
    environment = deadly(tmp_path, "os.kill(os.getppid(), signal.SIGKILL)")
    with cluster(tmp_path / "dask", environment | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}) as dask:
        there = run(study, "there", *dask.flags)
    assert there.returncode == 1
    assert there.stderr.splitlines()[-1] == (
        "tagbench: preparing: a worker process died, perhaps for want of memory: use fewer --workers; "
        "run the same command again to continue"
    )


@pytest.mark.slow
def test_a_scheduler_that_dies_ends_the_command_with_a_line(study: StudyOnDisk, tmp_path: Path) -> None:
    environment = deadly(tmp_path, "os.kill(int(open(os.path.join(MARKS, 'pid')).read()), signal.SIGKILL)")
    with cluster(tmp_path / "dask", environment) as dask:
        (tmp_path / "marks" / "pid").write_text(str(dask.scheduler.pid))
        there = run(study, "there", *dask.flags)
    assert there.returncode == 1
    assert there.stderr.splitlines()[-1] == (
        "tagbench: the Dask scheduler is gone, or forgot what it was asked; run the same command again to continue"
    )


LOST = """
import os, signal, sys, time
from bench.cluster import dask_cluster
from bench.errors import StudyFailedError
from bench.parallel import in_tasks
from distributed import Client

with dask_cluster(sys.argv[1]) as workers:
    client, = Client._instances
    os.kill(int(sys.argv[2]), signal.SIGKILL)
    while client.status != "closed":
        time.sleep(0.1)
    try:
        list(in_tasks("looking", list, range(8), workers=workers))
    except StudyFailedError as error:
        print(error)
"""


@pytest.mark.slow
def test_work_that_is_handed_out_long_after_the_scheduler_died_ends_with_a_line(tmp_path: Path) -> None:
    """As where it dies while a network is trained, which nobody else does."""
    with cluster(tmp_path) as dask:
        command = [sys.executable, "-c", LOST, dask.address, str(dask.scheduler.pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("the Dask scheduler is gone")
    assert done.stderr == ""


@pytest.mark.slow
def test_a_command_that_is_interrupted_ends_at_once_and_its_workers_go_on_to_others(
    study: StudyOnDisk, tmp_path: Path
) -> None:
    stuck = tmp_path / "stuck"
    os.mkfifo(stuck)
    environment = deadly(tmp_path, f"os.path.exists('{stuck}') and (open('{stuck}', 'w').close(), os.read(0, 1))")
    with cluster(tmp_path / "dask", environment) as dask:
        places = ["--root", str(study.root), "--out", str(study.out), "--cache", str(study.cache)]
        command = [TAGBENCH, "prepare", str(study.file), *places, *dask.flags]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            stuck.read_text()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        stuck.unlink()
        assert process.returncode == 130
        assert said.splitlines()[-1] == "tagbench: interrupted; run the same command again to continue"
        decoders = [child for child in dask.nanny.children(recursive=True) if "bench.decoding" in child.cmdline()]
        assert decoders
        for decoder in decoders:
            decoder.kill()
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("flags", [["--backend", "dask"], ["--scheduler", "tcp://127.0.0.1:8786"]])
def test_a_backend_and_its_scheduler_go_together(study: StudyOnDisk, flags: list[str]) -> None:
    told = run(study, "there", *flags)
    assert (told.returncode, told.stderr) == (
        2,
        "tagbench: --backend dask and --scheduler ADDRESS go together; give both or neither\n",
    )


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_told_in_a_line(study: StudyOnDisk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        told = run(study, "there", "--backend", "dask", "--scheduler", address)
    assert (told.returncode, told.stderr) == (
        2,
        f"tagbench: --scheduler {address}: no Dask scheduler answers there; start one with: dask scheduler\n",
    )


@pytest.mark.slow
def test_the_address_of_a_worker_is_none_of_a_scheduler(study: StudyOnDisk, tmp_path: Path) -> None:
    with cluster(tmp_path / "dask", workers=1) as dask:
        with Client(dask.address) as client:
            (worker,) = client.nthreads()
        told = run(study, "there", "--backend", "dask", "--scheduler", worker)
    assert (told.returncode, told.stderr) == (
        2,
        f"tagbench: --scheduler {worker}: that is a Dask worker; give the address of its scheduler\n",
    )


@pytest.mark.slow
def test_a_scheduler_without_workers_is_told_in_a_line(study: StudyOnDisk) -> None:
    with scheduler() as (_, address):
        told = run(study, "there", "--backend", "dask", "--scheduler", address)
    assert (told.returncode, told.stderr) == (
        2,
        f"tagbench: the Dask scheduler at {address} has no worker; start some with: dask worker {address}\n",
    )


ANOTHER_VERSION = """
import importlib.metadata

version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.0.1" if name == "numpy" else version(name)
"""


@pytest.mark.slow
def test_workers_of_another_version_are_refused(study: StudyOnDisk, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(ANOTHER_VERSION)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    with cluster(tmp_path / "dask", {"PYTHONPATH": path}) as dask:
        told = run(study, "there", *dask.flags)
    assert told.returncode == 2
    assert " has numpy 0.0.1, and this process " in told.stderr
    assert len(told.stderr.splitlines()) == 1
