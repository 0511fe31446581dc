"""Decoding in child processes: a file that crashes its decoder, never ends or is not what it should be costs itself."""

import hashlib
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.audio import AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus
from bench.errors import StudyFailedError
from bench.store import Store, prepare_store
from tests.conftest import TAGBENCH, StudyOnDisk
from tests.processes import gone
from tests.small_corpus import write_small_corpus

CRASH = "ctypes.string_at(0)"

FAULTY_CHILD = """
import ctypes, os, signal
from pathlib import Path
import bench.audio

decoder = bench.audio.open_sound

def open_sound(path, max_seconds):
    if path.stem == "{stem}":
        {fault}
    return decoder(path, max_seconds)

bench.audio.open_sound = open_sound
"""

FaultAt = Callable[[str, str], None]


@pytest.fixture
def fault_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaultAt:
    """Let what decodes in a child process come to a fault, a line of Python, at the file of a name."""

    def install(stem: str, fault: str) -> None:
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(FAULTY_CHILD.format(stem=stem, fault=fault))
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)

    return install


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return manifest.load(write_small_corpus(tmp_path / "data", tracks=6))


def stored(corpus: Corpus, cache: Path) -> Store:
    return prepare_store(corpus, AudioSettings(), cache=cache, workers=1)


def check_stored(store: Store, corpus: Corpus, *, refused: dict[str, str]) -> None:
    assert store.rejected == refused
    for track_id, file in zip(corpus.ids.tolist(), corpus.files.tolist(), strict=True):
        if track_id not in refused:
            samples, _ = soundfile.read(corpus.root / file, dtype="int16")
            np.testing.assert_array_equal(store.samples(track_id), samples)
    (shard,) = {track.shard for track in store.tracks.values()}
    assert shard.stat().st_size == 2 * sum(track.length for track in store.tracks.values())


def test_a_file_that_crashes_its_decoder_is_refused_and_the_rest_goes_on(
    corpus: Corpus, tmp_path: Path, fault_at: FaultAt
) -> None:
    fault_at("003", CRASH)
    refused = {"t003": "the process decoding it crashed (signal 11)"}
    check_stored(stored(corpus, tmp_path / "cache"), corpus, refused=refused)


def test_a_file_that_crashed_its_decoder_is_not_decoded_again(
    corpus: Corpus, tmp_path: Path, fault_at: FaultAt
) -> None:
    fault_at("003", CRASH)
    first = stored(corpus, tmp_path / "cache")
    (shard,) = {track.shard for track in first.tracks.values()}
    written = shard.stat().st_mtime_ns
    assert stored(corpus, tmp_path / "cache") == first
    assert shard.stat().st_mtime_ns == written


def test_a_file_that_never_ends_is_refused_and_the_rest_goes_on(
    corpus: Corpus, tmp_path: Path, fault_at: FaultAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.decoding.TRACK_CPU_SECONDS", 0.3)
    fault_at("000", "while True: pass")
    refused = {"t000": "decoding it took more than 0.3 s of CPU time"}
    check_stored(stored(corpus, tmp_path / "cache"), corpus, refused=refused)


@pytest.mark.parametrize("track", ["000", "003", "005"])
def test_what_a_crash_left_half_written_is_cut_off(
    corpus: Corpus, tmp_path: Path, fault_at: FaultAt, track: str
) -> None:
    stores = tmp_path / "cache" / "stores"
    fault_at(track, f"[file.open('ab').write(b'half') for file in Path('{stores}').glob('*.partial')]; {CRASH}")
    refused = {f"t{track}": "the process decoding it crashed (signal 11)"}
    check_stored(stored(corpus, tmp_path / "cache"), corpus, refused=refused)


def test_a_file_whose_decoder_is_killed_once_is_decoded_by_another(
    corpus: Corpus, tmp_path: Path, fault_at: FaultAt
) -> None:
    once = tmp_path / "once"
    once.touch()
    fault_at("003", f"Path('{once}').exists() and (os.remove('{once}'), os.kill(os.getpid(), signal.SIGKILL))")
    check_stored(stored(corpus, tmp_path / "cache"), corpus, refused={})
    assert not once.exists()


def test_a_decoder_that_the_machine_kills_each_time_refuses_no_file(
    corpus: Corpus, tmp_path: Path, fault_at: FaultAt
) -> None:
    full = tmp_path / "full"
    full.touch()
    fault_at("003", f"Path('{full}').exists() and os.kill(os.getpid(), signal.SIGKILL)")
    told = (
        r"003\.wav: the process decoding it was killed \(signal 9\), perhaps for want of memory: use fewer --workers; "
    )
    with pytest.raises(StudyFailedError, match=told):
        stored(corpus, tmp_path / "cache")
    full.unlink()
    check_stored(stored(corpus, tmp_path / "cache"), corpus, refused={})


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("raise MemoryError('Unable to allocate')", StudyFailedError, "the decoding process ended: .*to allocate"),
        ("raise OSError(5, 'Input/output error', str(path))", OSError, "Input/output error: .*/003.wav"),
    ],
)
def test_a_fault_of_the_machine_refuses_no_track(
    corpus: Corpus, tmp_path: Path, fault_at: FaultAt, fault: str, error: type[Exception], said: str
) -> None:
    fault_at("003", fault)
    with pytest.raises(error, match=said):
        stored(corpus, tmp_path / "cache")
    assert list((tmp_path / "cache" / "stores").iterdir()) == []


def link_out(corpus: Corpus, outside: Path, row: int) -> None:
    """Let a track's file be a link to where it lies now."""
    file = corpus.root / corpus.files[row]
    outside.mkdir(exist_ok=True)
    file.rename(outside / file.name)
    file.symlink_to(outside / file.name)


def test_a_link_out_of_the_data_set_is_refused_and_one_within_is_not(corpus: Corpus, tmp_path: Path) -> None:
    link_out(corpus, tmp_path / "outside", 0)
    link_out(corpus, corpus.root / "inside", 1)
    link_out(corpus, tmp_path / "data_beside", 2)  # whose name begins as the root's
    reason = "is a link that leads out of the data set's folder; put the file itself there"
    assert stored(corpus, tmp_path / "cache").rejected == {"t000": reason, "t002": reason}


def test_a_folder_that_is_a_link_out_of_the_data_set_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    (corpus.root / "audio").rename(tmp_path / "elsewhere")
    (corpus.root / "audio").symlink_to(tmp_path / "elsewhere")
    assert stored(corpus, tmp_path / "cache").rejected.keys() == set(corpus.ids)


def test_the_folder_of_a_data_set_may_be_a_link_itself(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(corpus.root)
    linked = replace(corpus, root=tmp_path / "link")
    assert stored(linked, tmp_path / "cache").rejected == {}


def test_a_file_is_that_which_the_data_set_publishes_or_refused(corpus: Corpus, tmp_path: Path) -> None:
    sums = [hashlib.sha256((corpus.root / file).read_bytes()).hexdigest() for file in corpus.files]
    sums[1], sums[2], sums[3] = sums[0], "", sums[3].upper()
    known = replace(corpus, checksums=np.array(sums))
    reason = "is not the file that the data set publishes (its SHA-256 differs); download it again"
    assert stored(known, tmp_path / "cache").rejected == {"t001": reason}


def test_a_checksum_that_becomes_known_is_checked(corpus: Corpus, tmp_path: Path) -> None:
    assert stored(corpus, tmp_path / "cache").rejected == {}
    wrong = np.array(["0" * 64, *[""] * (len(corpus) - 1)])
    assert stored(replace(corpus, checksums=wrong), tmp_path / "cache").rejected.keys() == {"t000"}


def test_a_missing_file_is_missing_whatever_its_checksum(corpus: Corpus, tmp_path: Path) -> None:
    (corpus.root / corpus.files[0]).unlink()
    known = replace(corpus, checksums=np.full(len(corpus), "0" * 64))
    assert stored(known, tmp_path / "cache").rejected["t000"] == "file is missing"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupt_ends_a_decoder_at_once_and_leaves_nothing_half_written(
    small_study: StudyOnDisk, tmp_path: Path, fault_at: FaultAt, workers: str
) -> None:
    write_small_corpus(small_study.root, tracks=70)  # of two shards
    stuck = tmp_path / "stuck"
    os.mkfifo(stuck)
    fault_at("003", f"Path('{stuck}').write_text(str(os.getpid()))\n        while True: pass")
    command = [TAGBENCH, *small_study.arguments, "--workers", workers]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        decoder = int(stuck.read_text())
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "tagbench: interrupted; run the same command again to continue"
    assert gone(decoder)
    left = sorted(file.suffix for file in (small_study.cache / "stores").iterdir())
    assert left == [] or (workers == "2" and left == [".i16", ".json"])  # another worker's shard may be whole by then
