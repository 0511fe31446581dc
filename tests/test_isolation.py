"""The child process that describes: a bad track costs itself alone, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest

from baselines.extraction import DescriptorSettings, descriptors
from baselines.features.extractor import descriptor_names
from baselines.isolation import Describer
from baselines.shipped import ID
from bench.errors import StudyFailedError
from bench.store import StoredTrack
from tests.pulses import RATE, context_for, write_corpus

DEADLY_CHILD = """
import os, signal
import numpy

read = numpy.fromfile

def fromfile(file, *arguments, **named):
    if file.endswith("deadly.i16"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(file, *arguments, **named)

numpy.fromfile = fromfile
"""


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> StoredTrack:
    folder = tmp_path_factory.mktemp("track")
    return context_for(write_corpus(folder / "audio", [1.0]), folder / "cache").audio.tracks["000"]


def test_a_track_that_the_extractor_cannot_take_says_why(track: StoredTrack) -> None:
    with Describer("groups", 60) as describer:
        before = describer.describe(track)
        assert (
            describer.describe(replace(track, rate=0)).problem
            == "OverflowError: cannot convert float infinity to integer"
        )
        assert describer.describe(track) == before


def test_a_machine_without_memory_is_no_fault_of_the_track(track: StoredTrack) -> None:
    with Describer("groups", 60) as describer, pytest.raises(StudyFailedError, match="Unable to allocate"):
        describer.describe(replace(track, length=2**50))


@pytest.mark.parametrize("cause", [signal.SIGKILL, signal.SIGSEGV])
def test_a_track_whose_child_is_killed_once_is_tried_again(track: StoredTrack, cause: signal.Signals) -> None:
    with Describer("groups", 60) as describer:
        before = describer.describe(track)
        os.kill(describer.process_id, cause)
        os.waitid(os.P_PID, describer.process_id, os.WEXITED | os.WNOWAIT)
        assert describer.describe(track) == before


def test_another_child_takes_over_after_the_most_tracks(track: StoredTrack) -> None:
    with Describer("groups", 60, most_tracks=2) as describer:
        first, *same = [(describer.process_id, describer.describe(track)) for _ in range(2)]
        other, description = describer.process_id, describer.describe(track)
        assert same == [first]
        assert other != first[0]
        assert description == first[1]
        with pytest.raises(ProcessLookupError):
            os.kill(first[0], 0)


def test_what_a_child_wrote_to_temporary_files_goes_with_it() -> None:
    with Describer("music_extractor", 60) as describer:
        folder = Path(psutil.Process(describer.process_id).environ()["TMPDIR"])
        (folder / "left").touch()
    assert not folder.exists()


def test_a_machine_that_kills_each_child_is_no_fault_of_the_track_which_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(tmp_path / "audio", [1.0, 1.0])
    context = context_for(corpus, tmp_path / "cache")
    whole = context.audio.tracks
    deadly = {**whole, "001": replace(whole["001"], shard=tmp_path / "deadly.i16")}
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(DEADLY_CHILD)
    killed = r"^the process describing 001 was killed \(signal 9\).*use fewer --workers"
    with pytest.raises(StudyFailedError, match=killed):
        descriptors(corpus, replace(context, audio=replace(context.audio, tracks=deadly)), DescriptorSettings())
    tables = map(pd.read_parquet, (tmp_path / "cache" / "descriptors").glob("*.parquet"))
    assert "001" not in [track_id for table in tables for track_id in table[ID]]
    with Describer("groups", 60) as describer:
        with pytest.raises(StudyFailedError, match="describing a track was killed"):
            describer.describe(deadly["001"])
        assert describer.describe(whole["000"]).problem == ""


def test_audio_that_cannot_be_read_is_no_fault_of_the_track() -> None:
    gone = StoredTrack(Path("/nowhere/shard.i16"), 0, 1, RATE)
    with (
        Describer("groups", 60) as describer,
        pytest.raises(FileNotFoundError, match=r"/nowhere/shard"),
    ):
        describer.describe(gone)


def test_a_child_that_cannot_start_says_why() -> None:
    with (
        Describer("melody", 60) as describer,
        pytest.raises(StudyFailedError, match="did not start: KeyError: 'melody'"),
    ):
        _ = describer.names


def test_a_child_takes_no_module_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "baselines").mkdir()
    for shadow in ("baselines/__init__.py", "json.py"):
        (tmp_path / shadow).write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(tmp_path)
    with Describer("groups", 60) as describer:
        assert describer.names == descriptor_names()


def test_an_interrupt_at_the_terminal_does_not_reach_the_child() -> None:
    with Describer("groups", 60) as describer:
        assert os.getpgid(describer.process_id) != os.getpgrp()


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "baselines.features", "groups", "60"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_child_ends_when_nobody_asks_any_more(child: "subprocess.Popen[str]") -> None:
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=30) == 0


def test_a_child_ends_quietly_when_its_parent_died_during_a_track(
    child: "subprocess.Popen[str]", track: StoredTrack
) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    child.stdin.write(json.dumps({"file": str(track.shard), "start": 0, "length": track.length, "rate": RATE}) + "\n")
    child.stdin.close()
    child.wait(timeout=30)
    assert child.stderr.read() == ""


def test_a_describer_takes_its_child_with_it(track: StoredTrack) -> None:
    with Describer("groups", 60) as describer:
        describer.describe(track)
        child = describer.process_id
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_closed_describer_starts_no_child(track: StoredTrack) -> None:
    with Describer("groups", 60) as describer:
        pass
    with pytest.raises(StudyFailedError, match="stopped"):
        describer.describe(track)
