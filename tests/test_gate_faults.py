"""The gate turns red for each planted fault: of training where models are trained anew, else in frozen models."""

import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.cli import exit_code
from bench.corpus import Tag
from bench.metrics import roc_auc
from bench.run import Machine
from bench.splits import subset
from reports.gate.exact import check_exact
from reports.gate.expectation import frozen_file, read_expectation
from reports.gate.frozen import check_frozen, unpack
from reports.gate.update import SEEDS_FOLDER
from tests.conftest import STUDY, StudyOnDisk
from tests.planted import (
    Fault,
    dropout_left_on,
    labels_shifted,
    log_mel_without_normalisation,
    planted,
    tracks_of_the_test_in_training,
    trained_again,
)
from tests.small_corpus import write_small_corpus

SMOKE = Path(__file__).parent.parent / "reports" / "expected" / "smoke.toml"
NETWORK = """
backend_filters = 4
num_units = 4
patch_seconds = 0.5
max_updates = 4
validate_every = 2
"""
TEXT = (
    STUDY.replace("sizes = [6, 12]", "sizes = [24]")
    + '[[families]]\nfamily = "gbt"\nmax_rounds = 40\nfixed_rounds = 20\npatience = 10\ncolsample_bytree = 1.0\n'
    + f'[[families]]\nfamily = "waveform"\nfilters = [4, 4, 4]\n{NETWORK}'
    + f'[[families]]\nfamily = "spectrogram"\nnum_filt = 1\nn_mels = 20\n{NETWORK}'
)


class Gated:
    """A study with its expectation; what it was made from is itself a finished study, of two seeds."""

    def __init__(self, folder: Path) -> None:
        write_small_corpus(folder / "data", tracks=72, seconds=1.0)
        self.study = StudyOnDisk(folder, TEXT)
        self.study.out.mkdir()
        shutil.copy(self.study.file, self.study.out / "study.toml")
        self.expected = folder / "expected.toml"
        where = ["--root", str(self.study.root), "--cache", str(self.study.cache), "--workers", "1", "--device", "cpu"]
        command = ["gate", str(self.study.out), "--expected", str(self.expected), "--update", "--seeds", "2"]
        self.update = [*command, *where]
        assert exit_code(self.update) == 0
        self.finished = self.study.out / SEEDS_FOLDER

    def gate(self, folder: Path, *more: str) -> int:
        return exit_code(["gate", str(folder), "--expected", str(self.expected), "--seed", "0", *more])

    def trained_again(self, folder: Path, fault: Fault) -> Path:
        """Return a copy of the study in which a fault was planted while the classical models were trained."""
        machine = Machine("cpu", 1, self.study.cache)
        return trained_again(self.study.study, self.finished, folder, fault, machine, self.study.root)


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Gated:
    return Gated(tmp_path_factory.mktemp("gated"))


def failures(junit: Path) -> dict[str, str]:
    """Return the names and verdicts of the cases that are not well."""
    cases = ET.parse(junit).getroot().iter("testcase")  # noqa: S314 - our own
    return {case.attrib["name"]: outcome.attrib["type"] for case in cases for outcome in case}


def test_the_same_study_passes_and_is_told_to_people_and_to_ci(
    gated: Gated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--markdown", str(tmp_path / "gate.md"), "--junit", str(tmp_path / "gate.xml")]
    assert gated.gate(gated.finished, *files) == 0
    told = capsys.readouterr().out
    assert told.startswith("## Gate: passed\n")
    assert (tmp_path / "gate.md").read_text(encoding="utf-8") == told[:-1]
    assert failures(tmp_path / "gate.xml") == {}


def test_an_update_does_nothing_twice_and_gives_the_same_files(gated: Gated) -> None:
    files = [gated.expected.with_suffix(suffix) for suffix in (".toml", ".parquet", ".zip")]
    before = [file.read_bytes() for file in files]
    records = sorted((gated.finished / "cells").glob("*/record.json"))
    trained = [file.stat().st_mtime_ns for file in records]
    assert exit_code(gated.update) == 0
    assert [file.read_bytes() for file in files] == before
    assert [file.stat().st_mtime_ns for file in records] == trained
    assert len(trained) == 2 * 5


def test_labels_that_are_shifted_by_a_row_in_training_make_the_gate_red(gated: Gated, tmp_path: Path) -> None:
    folder = gated.trained_again(tmp_path / "out", labels_shifted)
    assert gated.gate(folder, "--junit", str(tmp_path / "gate.xml")) == 1
    found = failures(tmp_path / "gate.xml")
    assert set(found.values()) == {"worse"}
    assert {name.split(" · ")[0] for name in found} >= {"linear"}


def test_test_tracks_in_training_make_the_gate_red(gated: Gated, tmp_path: Path) -> None:
    folder = gated.trained_again(tmp_path / "out", tracks_of_the_test_in_training)
    assert gated.gate(folder, "--junit", str(tmp_path / "gate.xml")) == 3
    found = failures(tmp_path / "gate.xml")
    assert set(found.values()) == {"better"}
    assert {name.split(" · ")[0] for name in found} >= {"linear"}


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (log_mel_without_normalisation, {"scores of frozen spectrogram"}),
        (dropout_left_on, {"scores of frozen spectrogram", "scores of frozen waveform"}),
    ],
)
def test_a_fault_of_prediction_makes_the_gate_red(fault: Fault, seen: set[str], gated: Gated, tmp_path: Path) -> None:
    with planted(fault):
        assert gated.gate(gated.finished, "--junit", str(tmp_path / "gate.xml")) == 1
    assert failures(tmp_path / "gate.xml") == dict.fromkeys(seen, "failed")


def test_another_study_cannot_be_compared(
    gated: Gated, finished_study: StudyOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert gated.gate(finished_study.out, "--junit", str(tmp_path / "gate.xml")) == 2
    assert set(failures(tmp_path / "gate.xml").values()) == {"not comparable"}
    said = capsys.readouterr()
    assert "| test tracks" in said.out
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["no/such/folder", "--expected", "{expected}"], ["no/such/folder"]),
        (["{out}", "--expected", "no/such.toml"], ["no/such.toml", "--update"]),
        (["{out}"], ["--expected"]),
        (["{out}", "--expected", "{expected}", "--seeds", "5"], ["--seeds", "--update"]),
        (["{out}", "--expected", "{expected}", "--seed", "7"], ["no seed 7", "0, 1"]),
        (["{out}", "--expected", "{expected}", "--update", "--junit", "x.xml"], ["--junit", "--update"]),
        (["{out}", "--expected", "{expected}", "--junit", "no/such/x.xml"], ["--junit", "no/such"]),
        (["{out}", "--expected", "no/such/x.toml", "--update"], ["--expected", "no/such"]),
        (["no/such/folder", "--expected", "{expected}", "--update"], ["no/such/folder"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], names: list[str], gated: Gated, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [word.format(out=gated.finished, expected=gated.expected) for word in arguments]
    capsys.readouterr()
    assert exit_code(["gate", *filled]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    for name in names:
        assert name in said.err


def committed(folder: Path, labels: set[str]) -> dict[str, str]:
    """Return what the committed frozen models of these labels are like, by name of the check."""
    expectation = read_expectation(SMOKE)
    chosen = {label: digest for label, digest in expectation.frozen.items() if label in labels}
    unpack(frozen_file(SMOKE), folder / "frozen")
    tags = tuple(Tag(name, kind) for name, kind in expectation.tags.items())
    checks = [*check_exact(tags, folder / "frozen")]
    checks += check_frozen(expectation.model_copy(update={"frozen": chosen}), folder / "frozen", folder / "cache")
    return {check.name: check.verdict for check in checks}


def test_the_committed_models_of_smoke_give_what_they_gave(tmp_path: Path) -> None:
    found = committed(tmp_path, {"prior", "linear", "gbt", "waveform", "spectrogram"})
    assert set(found.values()) == {"passed"}
    assert len(found) == 2 + 5 + 2  # exact parts, scores of five models, descriptors of two


def test_a_fault_of_prediction_is_seen_in_the_committed_networks(tmp_path: Path) -> None:
    with planted(log_mel_without_normalisation):
        found = committed(tmp_path / "one", {"waveform", "spectrogram"})
    assert found["scores of frozen spectrogram"] == "failed"
    assert found["scores of frozen waveform"] == "passed"
    with planted(dropout_left_on):
        found = committed(tmp_path / "two", {"waveform", "spectrogram"})
    assert found["scores of frozen spectrogram"] == found["scores of frozen waveform"] == "failed"


def test_a_fault_of_a_subset_or_a_measure_is_seen(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.gate.exact.subset", lambda corpus, size, *, seed: subset(corpus, size, seed=seed + 1))
        found = committed(tmp_path / "one", set())
    assert found == {"split of made-up tracks: subset of 20": "failed", "measures of committed scores": "passed"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.measure.pr_auc", roc_auc)
        found = committed(tmp_path / "two", set())
    assert found == {"splits of made-up tracks": "passed", "measures of committed scores": "failed"}
