"""Prepared audio: every track decoded once, as int16 in memory-mapped shards that are complete or absent.

A shard is two files named by the digest of what it was made from: `<digest>.i16`, the samples of its tracks one after
another, and `<digest>.json`, their ids and lengths and what was rejected. The JSON is written last: a shard without
it does not exist.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray

from bench.audio import AudioSettings, RejectedTrackError, decode
from bench.corpus import Corpus, Float32Array
from bench.digest import json_digest
from bench.progress import progress_bar

Int16Array = NDArray[np.int16]

TRACKS_PER_SHARD = 64
FULL_SCALE = 32768.0


@dataclass(frozen=True)
class StoredTrack:
    """Where one track's samples lie: a shard file, the first sample and the number of samples."""

    shard: Path
    start: int
    length: int


@dataclass(frozen=True)
class Store:
    """The prepared audio of a corpus at one `AudioSettings`; `rejected` gives the reason for each refused track id."""

    settings: AudioSettings
    tracks: dict[str, StoredTrack]
    rejected: dict[str, str]

    def length(self, track_id: str) -> int:
        """Return the number of samples of a track."""
        return self.tracks[track_id].length

    def samples(self, track_id: str, start: int = 0, stop: int | None = None) -> Int16Array:
        """Return samples `start` to `stop` of a track as a read-only view, shape (samples,)."""
        track = self.tracks[track_id]
        end = track.length if stop is None else min(stop, track.length)
        return _mapped(track.shard)[track.start + start : track.start + end]

    def audio(self, track_id: str) -> Float32Array:
        """Return a whole track, shape (samples,), in [-1, 1)."""
        return self.samples(track_id).astype(np.float32) / np.float32(FULL_SCALE)


@lru_cache(maxsize=4096)
def _mapped(shard: Path) -> Int16Array:
    return np.memmap(shard, dtype="<i2", mode="r") if shard.stat().st_size else np.empty(0, np.int16)


def prepare_store(corpus: Corpus, settings: AudioSettings, *, cache: Path, workers: int) -> Store:
    """Decode what is not yet in the store under `cache` and return the store of the whole corpus."""
    folder = cache / "stores"
    folder.mkdir(parents=True, exist_ok=True)
    shards = list(_shards(corpus))
    manifests = [folder / f"{_shard_digest(shard, settings)}.json" for shard in shards]
    missing = [row for row, manifest in enumerate(manifests) if not manifest.exists()]
    with progress_bar(sum(len(shards[row]) for row in missing), "decoding", "track") as bar:
        tasks = (joblib.delayed(_write_shard)(shards[row], settings, manifests[row]) for row in missing)
        for done in joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(tasks):
            bar.update(done)
    return _open_store(settings, manifests)


def _shards(corpus: Corpus) -> Iterator[Corpus]:
    order = np.argsort(corpus.ids)
    for first in range(0, len(order), TRACKS_PER_SHARD):
        yield corpus.take(order[first : first + TRACKS_PER_SHARD])


def _shard_digest(shard: Corpus, settings: AudioSettings) -> str:
    """Name a shard by its tracks, their files as they are on disk, and the audio settings."""
    files = [shard.root / name for name in shard.files]
    states = [(f.stat().st_size, f.stat().st_mtime_ns) if f.is_file() else None for f in files]
    names = [str(file.absolute()) for file in files]
    return json_digest([shard.ids.tolist(), names, states, settings.model_dump()])


def _write_shard(shard: Corpus, settings: AudioSettings, manifest: Path) -> int:
    lengths: dict[str, int] = {}
    rejected: dict[str, str] = {}
    samples_file = manifest.with_suffix(".i16")
    with _written_aside(samples_file).open("wb") as output:
        for track_id, file in zip(shard.ids.tolist(), shard.files.tolist(), strict=True):
            try:
                samples = decode(shard.root / file, settings)
            except RejectedTrackError as reason:
                rejected[track_id] = str(reason)
                continue
            output.write(_to_int16(samples).tobytes())
            lengths[track_id] = len(samples)
    _written_aside(samples_file).replace(samples_file)
    _written_aside(manifest).write_text(json.dumps({"lengths": lengths, "rejected": rejected}))
    _written_aside(manifest).replace(manifest)
    return len(shard)


def _written_aside(file: Path) -> Path:
    return file.with_name(f"{file.name}.{os.getpid()}.partial")


def _to_int16(samples: Float32Array) -> Int16Array:
    integers: Int16Array = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
    return integers


def _open_store(settings: AudioSettings, manifests: list[Path]) -> Store:
    tracks: dict[str, StoredTrack] = {}
    rejected: dict[str, str] = {}
    for manifest in manifests:
        content = json.loads(manifest.read_text())
        rejected.update(content["rejected"])
        start = 0
        for track_id, length in content["lengths"].items():
            tracks[track_id] = StoredTrack(manifest.with_suffix(".i16"), start, length)
            start += length
    return Store(settings, tracks, rejected)
