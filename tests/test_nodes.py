"""Networks on several machines: here two torchruns on one, each the node of a machine with a process of its own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.tracking.connection import URI_VARIABLE
from tests.conftest import TAGBENCH, StudyOnDisk
from tests.test_distributed import ROOT, START, WAVEFORM, cell_of, made, torchrun

pytestmark = pytest.mark.slow

NODE = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
SAME = ("curves.parquet", "predictions.parquet", "predictions_whole_song.parquet", "model/weights.safetensors")


def nodes(*command: str, mlflow: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run a command on two nodes that meet at a free port, and return what became of them."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{found.getsockname()[1]}"
    rendezvous = ["--rdzv-backend", "c10d", "--rdzv-endpoint", meeting, "--rdzv-id", "nodes"]
    rendezvous += ["--local-addr", "127.0.0.1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", URI_VARIABLE: f"sqlite:///{mlflow}"}
    running = [
        subprocess.Popen(
            [*NODE, *rendezvous, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        for _ in range(2)
    ]
    told = [node.communicate(timeout=300) for node in running]
    return [
        subprocess.CompletedProcess(node.args, node.returncode, *said) for node, said in zip(running, told, strict=True)
    ]


def lines(done: list[subprocess.CompletedProcess[str]]) -> list[str]:
    """Return what tagbench itself said of an end, on any node."""
    return [line for node in done for line in node.stderr.splitlines() if line.startswith("tagbench: ")]


@pytest.fixture(scope="module")
def on_one_machine(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    """A study that two processes of one torchrun have run."""
    study = made(tmp_path_factory.mktemp("one") / "study", START + WAVEFORM)
    done = torchrun(TAGBENCH, *study.arguments)
    assert done.returncode == 0, done.stderr
    return study


def assert_the_same(study: StudyOnDisk, on_one_machine: StudyOnDisk) -> None:
    """Compare what one training has left."""
    cell, expected = cell_of(study, "waveform"), cell_of(on_one_machine, "waveform")
    assert cell.name == expected.name
    assert [name for name in SAME if (cell / name).read_bytes() != (expected / name).read_bytes()] == []


@pytest.mark.parametrize("lost", ["0", "1"])
def test_a_node_that_is_lost_ends_the_other_and_both_go_on_to_the_bytes_of_one_machine(
    lost: str, on_one_machine: StudyOnDisk, tmp_path: Path
) -> None:
    study, mlflow = made(tmp_path / "study", START + WAVEFORM), on_one_machine.out / "mlflow.db"
    told = nodes("-m", "tests.together", "lost", lost, "5", "tagbench", *study.arguments, mlflow=mlflow)
    assert sorted(node.returncode for node in told) == [-9, 1]
    assert len(lines(told)) == 1
    assert lines(told)[0].endswith("; run the same command again to continue")
    (kept,) = (study.out / "cells").iterdir()
    assert kept.suffix == ".training"

    done = nodes(TAGBENCH, *study.arguments, mlflow=mlflow)
    assert [node.returncode for node in done] == [0, 0], [node.stderr for node in done]
    assert sorted("# Table 1" in node.stdout for node in done) == [False, True]
    assert_the_same(study, on_one_machine)


def test_what_the_first_process_refuses_ends_the_other_node_at_once(tmp_path: Path) -> None:
    study = made(tmp_path / "study", START + WAVEFORM.replace("batch_size = 6", "batch_size = 7"))
    done = nodes(TAGBENCH, *study.arguments, mlflow=tmp_path / "mlflow.db")
    assert [node.returncode for node in done] == [1, 1]  # not after torchrun's five minutes
    other, refused = sorted(lines(done), key=len)
    assert "batch_size = 7 cannot be divided among 2 processes" in refused
    assert other == "tagbench: the first process has failed, and says why"
    assert not study.out.exists()


def test_a_node_that_lacks_the_audio_names_it(on_one_machine: StudyOnDisk, tmp_path: Path) -> None:
    """The cache lies under one path in two folders, as on two machines that share no disk."""
    study = made(tmp_path / "study", START + WAVEFORM)
    own = "/proc/self/cwd/cache"  # each node is started in a folder of its own
    arguments = [own if word == str(study.cache) else word for word in study.arguments]
    apart = f'mkdir -p {tmp_path}/$RANK; cd {tmp_path}/$RANK; exec "$@"'
    done = nodes("--no-python", "sh", "-c", apart, "sh", TAGBENCH, *arguments, mlflow=on_one_machine.out / "mlflow.db")
    assert [node.returncode for node in done] == [1, 1]
    missing, lost = sorted(lines(done), key=len)
    assert missing.startswith(f"tagbench: No such file or directory: {own}/stores/")
    assert lost.startswith("tagbench: another process has ended (")
