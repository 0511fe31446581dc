"""Extraction: real audio files, real child processes; nothing is described twice and a bad track costs itself alone."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from baselines.extraction import DescriptorSettings, DescriptorTable, descriptors
from baselines.features.extractor import Extractor
from baselines.gbt import GBT
from baselines.isolation import Describer
from bench.audio import AudioSettings
from bench.corpus import Corpus, Tag
from bench.errors import StudyFailedError
from bench.store import TRACKS_PER_SHARD, StoredTrack, prepare_store, shard_numbers
from bench.tagger import Context

RATE = 16000
SETTINGS = DescriptorSettings()


def write_corpus(root: Path, lengths: list[float]) -> Corpus:
    """Write a track of pulsed noise for each length in seconds."""
    draw = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for number, length in enumerate(lengths):
        time = np.arange(round(length * RATE)) / RATE
        samples = 0.2 * draw.standard_normal(len(time)) * np.exp(-(time * 2 % 1) * 10)
        soundfile.write(root / f"{number:03d}.wav", samples.clip(-1, 1), RATE, subtype="PCM_16")
    ids = np.array([f"{number:03d}" for number in range(len(lengths))])
    files = np.array([f"{track_id}.wav" for track_id in ids.tolist()])
    targets = np.zeros((len(ids), 1), np.float32)
    return Corpus("pulses", "1", root, (Tag("tag", "classification"),), ids, ids, files, targets)


def context_for(corpus: Corpus, cache: Path, *, workers: int = 1, sample_rate: int = RATE) -> Context:
    store = prepare_store(corpus, AudioSettings(sample_rate=sample_rate), cache=cache, workers=1)
    return Context(store, 0, "cpu", workers, cache)


def without_audio(context: Context) -> Context:
    """Return the context of the same store with every sample gone."""
    tracks = {
        track_id: replace(track, shard=Path("/nowhere") / track.shard.name)
        for track_id, track in context.audio.tracks.items()
    }
    return replace(context, audio=replace(context.audio, tracks=tracks))


@dataclass(frozen=True)
class Described:
    """Three tracks, out of order, with their descriptors cached."""

    corpus: Corpus
    context: Context
    table: DescriptorTable


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    folder = tmp_path_factory.mktemp("described")
    corpus = write_corpus(folder / "audio", [1.0, 1.5, 2.0]).take(np.array([2, 0, 1]))
    context = context_for(corpus, folder / "cache")
    return Described(corpus, context, descriptors(corpus, context, SETTINGS))


def test_each_track_has_the_descriptors_of_its_own_audio_in_the_order_of_the_corpus(described: Described) -> None:
    extractor, audio = Extractor(RATE), described.context.audio
    assert described.table.names == extractor.names
    expected = [extractor.describe(audio.audio(track_id)) for track_id in described.corpus.ids.tolist()]
    np.testing.assert_allclose(described.table.matrix, expected, rtol=1e-3, atol=1e-4)  # threads round differently
    assert described.table.problems == {}


def test_finished_tracks_are_not_heard_again_by_a_part_of_the_corpus(described: Described) -> None:
    part = descriptors(described.corpus.take(np.array([2, 0])), without_audio(described.context), SETTINGS)
    np.testing.assert_array_equal(part.matrix, described.table.matrix[[2, 0]])


def test_groups_choose_columns_and_share_one_extraction(described: Described) -> None:
    settings = DescriptorSettings(groups=("rhythm",))
    rhythm, whole = descriptors(described.corpus, without_audio(described.context), settings), described.table
    assert rhythm.names == tuple(name for name in whole.names if name.startswith("rhythm."))
    chosen = [whole.names.index(name) for name in rhythm.names]
    np.testing.assert_array_equal(rhythm.matrix, whole.matrix[:, chosen])


def test_another_time_limit_is_another_extraction(described: Described) -> None:
    with pytest.raises(StudyFailedError, match="/nowhere/"):
        descriptors(described.corpus, without_audio(described.context), DescriptorSettings(track_cpu_seconds=61))


def test_no_track_gives_an_empty_table(described: Described) -> None:
    nothing = described.corpus.take(np.array([], np.intp))
    assert len(descriptors(nothing, without_audio(described.context), SETTINGS).matrix) == 0


def test_another_sample_rate_has_descriptors_of_its_own(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "audio", [1.0])
    table = descriptors(corpus, context_for(corpus, tmp_path / "cache", sample_rate=44100), SETTINGS)
    assert table.names == Extractor(44100).names


def test_tracks_of_other_shards_add_to_what_is_there(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "audio", [1.0] * (TRACKS_PER_SHARD + 2))
    context = context_for(corpus, tmp_path / "cache", workers=2)
    last = corpus.take(shard_numbers(corpus.ids.tolist()) == 1)
    descriptors(last, context, SETTINGS)
    (first,) = (tmp_path / "cache" / "descriptors").iterdir()
    written = first.stat().st_mtime_ns
    whole = descriptors(corpus, context, SETTINGS)
    assert first.stat().st_mtime_ns == written
    assert len(list(first.parent.iterdir())) == 2
    levels = whole.matrix[:, whole.names.index("timbre.rms.mean")]
    assert np.isfinite(levels).all()


def test_a_stopped_extraction_leaves_nothing_that_looks_finished(
    tmp_path: Path, described: Described, capfd: pytest.CaptureFixture[str]
) -> None:
    context = replace(described.context, cache=tmp_path)
    (finished,) = (described.context.cache / "descriptors").iterdir()
    partial = tmp_path / "descriptors" / f"{finished.name}.1.partial"
    partial.parent.mkdir()
    partial.write_bytes(finished.read_bytes()[:1000])
    again = descriptors(described.corpus, context, SETTINGS)
    np.testing.assert_array_equal(again.matrix, described.table.matrix)
    assert capfd.readouterr() == ("", "")  # and nothing was printed


def cut(content: bytes) -> bytes:
    return content[:-1]


def empty(content: bytes) -> bytes:
    return content[:0]


def garble(content: bytes) -> bytes:
    return content.replace(b"001", b"0?1", 1)


@pytest.mark.parametrize("harm", [cut, empty, garble])
def test_damaged_descriptors_are_made_again(
    tmp_path: Path, described: Described, harm: Callable[[bytes], bytes]
) -> None:
    context = replace(described.context, cache=tmp_path)
    (whole,) = (described.context.cache / "descriptors").iterdir()
    damaged = tmp_path / "descriptors" / whole.name
    damaged.parent.mkdir()
    damaged.write_bytes(harm(whole.read_bytes()))
    np.testing.assert_array_equal(descriptors(described.corpus, context, SETTINGS).matrix, described.table.matrix)
    pd.testing.assert_frame_equal(pd.read_parquet(damaged), pd.read_parquet(whole))


def test_a_track_over_its_time_is_stopped_and_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "audio", [1.0, 240.0, 1.0])
    context = context_for(corpus, tmp_path / "cache")
    settings = DescriptorSettings(track_cpu_seconds=0.25)
    table = descriptors(corpus, context, settings)
    assert table.problems == {"001": "took more than 0.25 s of CPU time"}
    np.testing.assert_array_equal(np.isfinite(table.matrix).any(axis=1), [True, False, True])
    notes = GBT(descriptors=settings).prepare(corpus, context)
    assert notes == {"001": "no descriptors: took more than 0.25 s of CPU time"}
    (file,) = (tmp_path / "cache" / "descriptors").iterdir()
    assert pd.read_parquet(file)["problem"].tolist() == ["", "took more than 0.25 s of CPU time", ""]


def test_a_track_that_the_extractor_cannot_take_says_why(described: Described) -> None:
    track = described.context.audio.tracks["000"]
    with Describer(RATE, 60) as describer:
        before = describer.describe(track)
        problem = describer.describe(replace(track, length=2**50)).problem
        assert problem.startswith("MemoryError: Unable to allocate")
        assert describer.describe(track) == before


@pytest.mark.parametrize("cause", [signal.SIGKILL, signal.SIGSEGV])
def test_a_track_whose_child_is_killed_once_is_tried_again(described: Described, cause: signal.Signals) -> None:
    track = described.context.audio.tracks["000"]
    with Describer(RATE, 60) as describer:
        before = describer.describe(track)
        os.kill(describer.process_id, cause)
        assert describer.describe(track) == before


def test_a_track_whose_child_is_killed_twice_is_given_up(described: Described, tmp_path: Path) -> None:
    waiting = tmp_path / "pipe"
    os.mkfifo(waiting)

    def kill_twice() -> None:
        for _ in range(2):
            with waiting.open("wb", buffering=0) as pipe, suppress(BrokenPipeError):  # once the child has opened it
                os.kill(describer.process_id, signal.SIGKILL)
                while True:  # until the child is gone
                    pipe.write(bytes(4096))

    with Describer(RATE, 60) as describer:
        threading.Thread(target=kill_twice, daemon=True).start()
        given_up = describer.describe(StoredTrack(waiting, 0, 1, RATE))
        assert given_up.problem == "the process that described it was killed (signal 9)"
        assert describer.describe(described.context.audio.tracks["000"]).problem == ""


def test_audio_that_cannot_be_read_is_no_fault_of_the_track() -> None:
    gone = StoredTrack(Path("/nowhere/shard.i16"), 0, 1, RATE)
    with (
        Describer(RATE, 60) as describer,
        pytest.raises(StudyFailedError, match=r"FileNotFoundError: .*/nowhere/shard"),
    ):
        describer.describe(gone)


def test_a_child_that_cannot_start_says_why() -> None:
    with Describer(0, 60) as describer, pytest.raises(StudyFailedError, match="did not start: OverflowError: cannot"):
        _ = describer.names


def test_a_child_takes_no_module_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "baselines").mkdir()
    for shadow in ("baselines/__init__.py", "json.py"):
        (tmp_path / shadow).write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(tmp_path)
    with Describer(RATE, 60) as describer:
        assert describer.names == Extractor(RATE).names


def test_an_interrupt_at_the_terminal_does_not_reach_the_child() -> None:
    with Describer(RATE, 60) as describer:
        assert os.getpgid(describer.process_id) != os.getpgrp()


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "baselines.features", str(RATE), "60"]
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
    child: "subprocess.Popen[str]", described: Described
) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    track = described.context.audio.tracks["000"]
    child.stdout.close()
    child.stdin.write(json.dumps({"file": str(track.shard), "start": 0, "length": track.length}) + "\n")
    child.stdin.close()
    child.wait(timeout=30)
    assert child.stderr.read() == ""


def test_a_describer_takes_its_child_with_it(described: Described) -> None:
    with Describer(RATE, 60) as describer:
        describer.describe(described.context.audio.tracks["000"])
        child = describer.process_id
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_closed_describer_starts_no_child(described: Described) -> None:
    with Describer(RATE, 60) as describer:
        pass
    with pytest.raises(StudyFailedError, match="stopped"):
        describer.describe(described.context.audio.tracks["000"])
