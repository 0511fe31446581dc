"""What several tests share: a study over a small corpus, run once."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from bench.run import Machine, run_study
from bench.study import Study, read_study
from reports.report import write_report
from tests.small_corpus import write_small_corpus

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is loaded
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it starts in the background ignore it

settings.register_profile("tagbench", deadline=None)  # a busy machine is no failure
settings.load_profile("tagbench")

TAGBENCH = str(Path(sys.executable).with_name("tagbench"))

STUDY = """
note = "Tones against noise."
sizes = [6, 12]
seeds = [0]
threads = 1

[corpus]
name = "manifest"

[split]
valid = 0.25
test = 0.35

[scoring]
min_positives = 2
min_negatives = 2

[[families]]
family = "prior"

[[families]]
family = "linear"
"""


class StudyOnDisk:
    """A study file with its corpus, output folder and cache."""

    def __init__(self, folder: Path, text: str = STUDY) -> None:
        self.file = folder / "small.toml"
        self.root = folder / "data"
        self.out = folder / "out"
        self.cache = folder / "cache"
        self.file.write_text(text)
        if not self.root.exists():
            write_small_corpus(self.root)

    @property
    def study(self) -> Study:
        return read_study(str(self.file))

    @property
    def arguments(self) -> list[str]:
        """The command line that runs it."""
        flags = ["--out", str(self.out), "--root", str(self.root), "--cache", str(self.cache), "--workers", "1"]
        return ["run", str(self.file), *flags, "--device", "cpu"]

    def run(self) -> list[str]:
        """Run the study in this process, write its report, and return its faults."""
        outcome = run_study(self.study, out=self.out, root=self.root, machine=Machine("cpu", 1, self.cache))
        write_report(self.out)
        outcome.tracking.log_report(failed=bool(outcome.faults))
        return outcome.faults


@pytest.fixture
def small_study(tmp_path: Path) -> StudyOnDisk:
    """A study that has not been run."""
    return StudyOnDisk(tmp_path)


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    """A study that has been run; tests must leave it as it is."""
    study = StudyOnDisk(tmp_path_factory.mktemp("finished"))
    assert study.run() == []
    return study
