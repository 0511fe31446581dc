"""A machine that has torch and little else trains the networks of a study, and the whole study goes on from there."""

import subprocess
import sys
from pathlib import Path

from bench.output import CELLS_FOLDER
from bench.record import RECORD_FILE, RunRecord
from tests.conftest import STUDY, StudyOnDisk

NETWORKS = """
[[families]]
family = "waveform"
filters = [2, 2, 2]
backend_filters = 4
num_units = 4
patch_seconds = 0.5
max_updates = 2

[[families]]
family = "spectrogram"
num_filt = 1
n_mels = 20
backend_filters = 4
num_units = 4
patch_seconds = 0.5
max_updates = 2
"""
LACKING = (
    "mlflow",
    "essentia",
    "xgboost",
    "click",
    "soxr",
    "psutil",
    "matplotlib",
    "tomli_w",
    "platformdirs",
    "librosa",
)
BARE = f"""
import runpy, sys
for name in {LACKING!r}:
    sys.modules[name] = None  # what is None here cannot be imported
sys.argv = ["neural", *sys.argv[1:]]
runpy.run_module("neural", run_name="__main__")
"""


def run_bare(study: StudyOnDisk, *flags: str) -> "subprocess.CompletedProcess[str]":
    arguments = [str(study.file), "--out", str(study.out), "--root", str(study.root), "--cache", str(study.cache)]
    command = [sys.executable, "-c", BARE, *arguments, "--workers", "1", "--device", "cpu", *flags]
    repository = Path(__file__).parents[1]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=repository)


def test_networks_are_trained_and_the_whole_study_finds_them_finished(tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path, STUDY + NETWORKS)
    done = run_bare(study)
    assert done.returncode == 0, done.stderr
    records = [RunRecord.load(file.parent) for file in (study.out / CELLS_FOLDER).glob(f"*/{RECORD_FILE}")]
    trained = sorted((record.family, record.n_train) for record in records)
    assert trained == [("spectrogram", 6), ("spectrogram", 12), ("waveform", 6), ("waveform", 12)]
    times = {record.digest: record.train_seconds for record in records}
    assert study.run() == []
    after = [RunRecord.load(file.parent) for file in (study.out / CELLS_FOLDER).glob(f"*/{RECORD_FILE}")]
    assert len(after) == 4 * 2
    assert {record.digest: record.train_seconds for record in after if record.digest in times} == times


def test_a_study_without_networks_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run_bare(StudyOnDisk(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["tagbench: " + done.stderr.strip().removeprefix("tagbench: ")]
    assert "no entry is of the families waveform, spectrogram" in done.stderr
