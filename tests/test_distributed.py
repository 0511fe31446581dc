"""Several processes, started by torchrun, give what one gives, end together, and go on together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.tracking.connection import URI_VARIABLE
from tests.conftest import STUDY, TAGBENCH, StudyOnDisk
from tests.processes import started, trained
from tests.small_corpus import write_small_corpus

ROOT = Path(__file__).parents[1]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

SHARED = """
backend_filters = 8
num_units = 8
patch_seconds = 0.5
batch_size = 6
batch_norm_momentum = 0.9
max_updates = 12
validate_every = 1
"""
WAVEFORM = '\n[[families]]\nfamily = "waveform"\nfilters = [4, 4, 4, 8]' + SHARED
SPECTROGRAM = '\n[[families]]\nfamily = "spectrogram"\nnum_filt = 1\nn_mels = 20' + SHARED
PRIOR = '\n[[families]]\nfamily = "prior"\n'
# An update of 6 of the 18 training tracks is a third of an epoch; 21 validation and 9 test tracks are odd numbers.
START = STUDY.split("[[families]]")[0].replace("[6, 12]", "[18]").replace("test = 0.35", "test = 0.3")


LOST = '\n[[families]]\nfamily = "waveform"\nlabel = "lost"\nfilters = [4, 4, 4, 4]' + SHARED


def torchrun(*command: str, mlflow: StudyOnDisk | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in two processes, each with one thread; `mlflow` lends its database: making one takes seconds."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if mlflow is not None:
        environment[URI_VARIABLE] = f"sqlite:///{mlflow.out / 'mlflow.db'}"
    return subprocess.run(
        [*TORCHRUN, *command], capture_output=True, text=True, check=False, timeout=300, cwd=ROOT, env=environment
    )


def made(folder: Path, text: str) -> StudyOnDisk:
    folder.mkdir()
    return StudyOnDisk(folder, text)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    study = made(tmp_path_factory.mktemp("one") / "study", START + PRIOR + WAVEFORM + SPECTROGRAM)
    assert study.run() == []
    return study


@pytest.fixture(scope="module")
def together(
    alone: StudyOnDisk, tmp_path_factory: pytest.TempPathFactory
) -> tuple[StudyOnDisk, subprocess.CompletedProcess[str]]:
    """The same study in two processes; of a network more, the second process loses the fifth loss."""
    study = made(tmp_path_factory.mktemp("two") / "study", START + LOST + PRIOR + WAVEFORM + SPECTROGRAM)
    return study, torchrun("-m", "tests.together", "nan", "1", "5", "tagbench", *study.arguments, mlflow=alone)


def cell_of(study: StudyOnDisk, family: str) -> Path:
    (cell,) = (
        folder
        for folder in (study.out / "cells").iterdir()
        if folder.suffix == "" and json.loads((folder / "record.json").read_text())["family"] == family
    )
    return cell


@pytest.mark.parametrize("family", ["waveform", "spectrogram"])
def test_two_processes_give_the_losses_and_scores_of_one(
    family: str, alone: StudyOnDisk, together: tuple[StudyOnDisk, subprocess.CompletedProcess[str]]
) -> None:
    expected, found = cell_of(alone, family), cell_of(together[0], family)
    assert found.name == expected.name
    curves, others = (pd.read_parquet(cell / "curves.parquet") for cell in (found, expected))
    assert len(curves) == 12  # updates, of 4 epochs
    norms, other_norms = curves.pop("gradient_norm"), others.pop("gradient_norm")
    pd.testing.assert_frame_equal(curves, others, check_exact=False, rtol=0, atol=1e-4)
    np.testing.assert_allclose(norms, other_norms, rtol=0.05)  # where a maximum has two places, rounding chooses
    for name in ("predictions.parquet", "predictions_whole_song.parquet"):
        scores, others = (pd.read_parquet(cell / name).set_index("id") for cell in (found, expected))
        assert len(scores) == 9
        pd.testing.assert_frame_equal(scores, others, check_exact=False, rtol=0, atol=1e-4)
        assert scores["loud"].is_unique  # a score for each track, not one for all


def test_two_groups_of_processes_share_a_study_and_train_each_network_once(
    together: tuple[StudyOnDisk, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    study = made(tmp_path / "study", START + WAVEFORM + SPECTROGRAM)
    command = [*TORCHRUN, TAGBENCH, *study.arguments, "--share"]
    groups = [started(command, environment={"OMP_NUM_THREADS": "1"}) for _ in range(2)]
    said = [group.communicate(timeout=300) for group in groups]
    assert [group.returncode for group in groups] == [0, 0], said
    assert sorted(cell for _, errors in said for cell in trained(errors)) == [
        "spectrogram · 18 · seed 0",
        "waveform · 18 · seed 0",
    ]
    assert sum("# Table 1" in output for output, _ in said) == 1
    for family in ("waveform", "spectrogram"):
        found, expected = (cell_of(each, family) / "predictions.parquet" for each in (study, together[0]))
        assert found.read_bytes() == expected.read_bytes()


def test_one_process_tells_and_writes(together: tuple[StudyOnDisk, subprocess.CompletedProcess[str]]) -> None:
    study, done = together
    assert done.stdout.count("# Table 1") == 1
    told = [line for line in done.stderr.splitlines() if " · 18 · " in line or line.startswith("study small")]
    assert [line.split(" ")[0] for line in told[:5]] == ["study", "lost", "prior", "waveform", "spectrogram"]
    assert len(told) == 6  # the first fault ends the command
    assert {cell_of(study, family) for family in ("prior", "waveform", "spectrogram")} == {
        folder for folder in (study.out / "cells").iterdir() if folder.suffix == ""
    }


def test_a_loss_that_one_process_loses_ends_the_cell_in_all_and_no_other(
    together: tuple[StudyOnDisk, subprocess.CompletedProcess[str]],
) -> None:
    _, done = together
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if "training loss is nan at step 5 of 12" in line]
    assert lines[0].startswith("lost · 18 · seed 0: ")
    assert lines[0].count("t0") == 6  # the tracks of the whole batch
    assert lines[1].startswith("tagbench: 1 things failed; the first: lost")


def test_what_is_divided_is_put_together_again(tmp_path: Path) -> None:
    done = torchrun("-m", "tests.together", "parts", str(write_small_corpus(tmp_path, tracks=5)))
    assert done.returncode == 0, done.stderr


def test_processes_end_together_and_go_on_to_the_same_weights(
    alone: StudyOnDisk, together: tuple[StudyOnDisk, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    study = made(tmp_path / "study", START + WAVEFORM)
    cell = cell_of(together[0], "waveform")
    told = torchrun("-m", "tests.together", "SIGTERM", "1", "5", "tagbench", *study.arguments, mlflow=alone)
    assert told.returncode != 0
    assert told.stderr.count("tagbench: terminated; run the same command again to continue") == 1, told.stderr
    (kept,) = (study.out / "cells").iterdir()
    assert kept.name == f"{cell.name}.training"

    killed = torchrun("-m", "tests.together", "SIGKILL", "1", "3", "tagbench", *study.arguments, mlflow=alone)
    assert killed.returncode != 0
    assert list((study.out / "cells").iterdir()) == [kept]

    done = torchrun(TAGBENCH, *study.arguments, mlflow=alone)
    assert done.returncode == 0, done.stderr
    for name in ("curves.parquet", "predictions.parquet", "model/weights.safetensors"):
        assert (kept.with_name(cell.name) / name).read_bytes() == (cell / name).read_bytes()


def test_a_batch_that_cannot_be_divided_is_refused_in_one_line_before_any_work(tmp_path: Path) -> None:
    study = made(tmp_path / "study", START + WAVEFORM.replace("batch_size = 6", "batch_size = 7"))
    done = torchrun(TAGBENCH, *study.arguments)
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if line.startswith("tagbench: ")]
    assert len(told) == 1
    assert "families.waveform: waveform: batch_size = 7 cannot be divided among 2 processes" in told[0]
    assert not study.out.exists()
