"""The committed expectation of `smoke`: green on a run of it, red for each planted fault. It takes some minutes."""

from pathlib import Path

import pytest

from bench.cli import exit_code
from bench.run import Machine
from bench.study import read_study
from tests.planted import (
    Fault,
    dropout_left_on,
    labels_shifted,
    log_mel_without_normalisation,
    planted,
    tracks_of_the_test_in_training,
    trained_again,
)
from tests.test_gate_faults import SMOKE, failures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of `smoke`, with its cache beside it."""
    folder = tmp_path_factory.mktemp("smoke")
    where = ["--out", str(folder / "out"), "--cache", str(folder / "cache"), "--device", "cpu"]
    assert exit_code(["run", "smoke", *where]) == 0
    return folder


def gate(folder: Path, junit: Path) -> int:
    return exit_code(["gate", str(folder), "--expected", str(SMOKE), "--junit", str(junit)])


def test_the_gate_is_green_on_smoke(smoke: Path, tmp_path: Path) -> None:
    assert gate(smoke / "out", tmp_path / "gate.xml") == 0
    assert failures(tmp_path / "gate.xml") == {}


@pytest.mark.parametrize(
    ("fault", "code", "verdict"), [(labels_shifted, 1, "worse"), (tracks_of_the_test_in_training, 3, "better")]
)
def test_a_fault_of_training_turns_it_red(fault: Fault, code: int, verdict: str, smoke: Path, tmp_path: Path) -> None:
    machine = Machine("cpu", 2, smoke / "cache")
    faulty = trained_again(read_study("smoke"), smoke / "out", tmp_path / "out", fault, machine, None)
    assert gate(faulty, tmp_path / "gate.xml") == code
    found = failures(tmp_path / "gate.xml")
    assert set(found.values()) == {verdict}
    for model in ("linear", "gbt"):
        for size in (40, 120):
            assert any(name.startswith(f"{model} · {size} · ") for name in found)


@pytest.mark.parametrize("fault", [log_mel_without_normalisation, dropout_left_on])
def test_a_fault_of_prediction_turns_it_red(fault: Fault, smoke: Path, tmp_path: Path) -> None:
    with planted(fault):
        assert gate(smoke / "out", tmp_path / "gate.xml") == 1
    assert "scores of frozen spectrogram" in failures(tmp_path / "gate.xml")
