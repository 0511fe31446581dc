"""The same study gives the same bytes: in whatever process, order and memory its tracks are heard and described."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from baselines.features import extractor, music_extractor
from baselines.isolation import Describer
from bench.store import FULL_SCALE, StoredTrack
from tests.conftest import TAGBENCH, StudyOnDisk
from tests.random_clicks import RATE, random_clicks
from tests.small_corpus import write_small_corpus
from tests.songs import song
from tests.test_distributed import PRIOR, SPECTROGRAM, START, WAVEFORM

SETS = {"groups": extractor, "music_extractor": music_extractor}
OF_THE_CLOCK = ("timings.csv", "mlflow.db", "mlartifacts", "mlflow_id", ".locks")
AMBIGUOUS = 73  # of these clicks, essentia's beats depend on the noise that breaks ties
FAMILIES = PRIOR + '\n[[families]]\nfamily = "linear"\n\n[[families]]\nfamily = "gbt"\n' + WAVEFORM + SPECTROGRAM
MEMORY = (  # what a process finds in memory that it has not written to, and where its memory lies
    {"MALLOC_PERTURB_": "85", "PYTHONHASHSEED": "1"},
    {"MALLOC_PERTURB_": "170", "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4096", "PYTHONHASHSEED": "2"},
    {"MALLOC_PERTURB_": "255", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "ODD": "x" * 3001},
)


@pytest.mark.parametrize("descriptor_set", SETS)
def test_the_beats_of_a_track_do_not_depend_on_how_many_came_before(descriptor_set: str) -> None:
    clicks = random_clicks(AMBIGUOUS)
    assert len({SETS[descriptor_set].describe(clicks, RATE).tobytes() for _ in range(4)}) == 1


@pytest.mark.parametrize("descriptor_set", ["groups", pytest.param("music_extractor", marks=pytest.mark.slow)])
def test_descriptors_are_the_same_in_whatever_order_and_memory(
    descriptor_set: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = [random_clicks(AMBIGUOUS), song(0, RATE), song(1, RATE)[: 5 * RATE + 1], song(2, RATE)]
    shard = tmp_path / "shard.i16"
    np.rint(np.concatenate(sounds) * (FULL_SCALE - 1)).astype("<i2").tofile(shard)
    lengths = [len(sound) for sound in sounds]
    starts = np.cumsum([0, *lengths]).tolist()
    tracks = [StoredTrack(shard, start, length, RATE) for start, length in zip(starts, lengths, strict=False)]
    found = set()
    for order, memory in zip(((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)), MEMORY, strict=True):
        with monkeypatch.context() as environment, Describer(descriptor_set, 60) as describer:
            for name, value in memory.items():
                environment.setenv(name, value)
            described = {number: describer.describe(tracks[number]) for number in order}
        assert all(description.descriptors for description in described.values())
        found.add(json.dumps([described[number].descriptors for number in range(len(tracks))]))
    assert len(found) == 1


def run_in_a_process(study: StudyOnDisk, workers: int, memory: dict[str, str]) -> None:
    command = [TAGBENCH, *study.arguments, "--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | memory, timeout=300)
    assert done.returncode == 0, done.stderr


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file but those of seconds, of who was at work and of MLflow, by its path; records without seconds."""
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        name = str(file.relative_to(folder))
        if name.split("/")[0] not in OF_THE_CLOCK:
            yield name, without_seconds(file)


def without_seconds(file: Path) -> bytes:
    """Return a file's bytes; of a record none of its seconds, of a list of checksums not the record's."""
    content = file.read_bytes()
    if file.name == "record.json":
        return json.dumps({key: value for key, value in json.loads(content).items() if "_seconds" not in key}).encode()
    if file.name == "files.sha256":
        return b"".join(line for line in content.splitlines() if not line.endswith(b"record.json"))
    return content


@pytest.mark.slow
def test_a_study_gives_the_same_bytes_by_whatever_processes_and_workers(tmp_path: Path) -> None:
    root, found = write_small_corpus(tmp_path / "data"), []
    for number, (workers, memory) in enumerate(zip((1, 2), MEMORY, strict=False)):
        folder = tmp_path / str(number)
        folder.mkdir()
        study = StudyOnDisk(folder, START + FAMILIES)
        study.root = root
        run_in_a_process(study, workers, memory)
        found.append(dict(contents(study.out)) | dict(contents(study.cache)))
    first, other = found
    assert {"table1.csv", "differences.csv", "claims.json", "report.html", "figures/gains_gbt.svg"} <= first.keys()
    assert {name.split("/")[0] for name in first} >= {"stores", "fingerprints", "descriptors", "matrices", "cells"}
    assert {Path(name).name for name in first} >= {"weights.safetensors", "curves.parquet", "predictions.parquet"}
    assert other.keys() == first.keys()
    assert [name for name in first if other[name] != first[name]] == []
