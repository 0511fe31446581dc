"""Prepared audio: every track decoded once, as int16 in memory-mapped shards that are complete or absent.

A shard is two files named by the digest of what it was made from: `<digest>.i16`, the samples of its tracks one after
another, and `<digest>.json`, their ids, lengths and sample rates, the facts of their files, what was rejected, and the
size and SHA-256 of the samples. The JSON is written last: a shard without it, or whose samples differ from it, does
not exist.

Samples are at int16's full scale: what a float file holds outside [-1, 1) is clipped.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from bench.audio import DECODER_VERSION, AudioSettings
from bench.corpus import Corpus, Float32Array, IntArray
from bench.decoding import FULL_SCALE as FULL_SCALE
from bench.decoding import Decoder, Source
from bench.digest import file_sha256, json_digest, unit_hashes
from bench.facts import FileFacts, RejectedTrackError
from bench.isolation import share_out
from bench.m4a import NEEDS_ESSENTIA, has_essentia
from bench.progress import advance, progress_bar
from bench.sound_file import can_be_read

Int16Array = NDArray[np.int16]

TRACKS_PER_SHARD = 64  # on average at most, and at least half as many where there is more than one shard
SAMPLE_BYTES = 2
MANIFEST_VERSION = 3  # raise it whenever the manifest says something else than it did


@dataclass(frozen=True)
class StoredTrack:
    """Where one track's samples lie: a shard file, the first sample and the number of samples; their `rate` in Hz."""

    shard: Path
    start: int
    length: int
    rate: int


@dataclass(frozen=True)
class Store:
    """The prepared audio of a corpus at one `AudioSettings`.

    By track id, `rejected` gives the reason for each that was refused, `facts` tell of the file of each other.
    """

    settings: AudioSettings
    tracks: dict[str, StoredTrack]
    rejected: dict[str, str]
    facts: dict[str, FileFacts] = field(default_factory=dict)

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


class _Samples(BaseModel):
    length: int
    rate: int
    facts: FileFacts


class _Manifest(BaseModel):
    """What is known of a shard; the tracks are in the order of their samples."""

    tracks: dict[str, _Samples]
    rejected: dict[str, str]
    bytes: int
    sha256: str


@lru_cache(maxsize=256)  # each keeps a file open, of which a process may often have 1,024 alone
def _mapped(shard: Path) -> Int16Array:
    return np.memmap(shard, dtype="<i2", mode="r") if shard.stat().st_size else np.empty(0, np.int16)


def prepare_store(corpus: Corpus, settings: AudioSettings, *, cache: Path, workers: int) -> Store:
    """Decode what is not yet in the store under `cache`, or damaged there, and return the store of the whole corpus."""
    folder = cache / "stores"
    folder.mkdir(parents=True, exist_ok=True)
    shards = list(_shards(corpus))
    manifests = [folder / f"{_shard_digest(shard, settings)}.json" for shard in shards]
    whole = joblib.Parallel(n_jobs=workers, prefer="threads")(joblib.delayed(_is_whole)(file) for file in manifests)
    missing = np.flatnonzero(~np.array(whole, bool)).tolist()
    _write_shards([(shards[row], manifests[row]) for row in missing], settings, workers)
    _mapped.cache_clear()  # a shard made again is another file under the same name
    return _open_store(settings, manifests)


def shard_numbers(ids: Iterable[str]) -> IntArray:
    """Return the shard of each track, shape (tracks,): by the hash of its id, so that tracks come and go alone.

    The number of shards is a power of two, so that it changes only where a corpus doubles.
    """
    hashes = unit_hashes(ids, "shard")
    count = 2 ** ((len(hashes) - 1) // TRACKS_PER_SHARD).bit_length()
    numbers: IntArray = (hashes * count).astype(np.intp)
    return numbers


def _shards(corpus: Corpus) -> Iterator[Corpus]:
    order = np.argsort(corpus.ids)
    numbers = shard_numbers(corpus.ids[order].tolist())
    for number in np.unique(numbers):
        yield corpus.take(order[numbers == number])


def _shard_digest(shard: Corpus, settings: AudioSettings) -> str:
    """Name a shard by its tracks, their files as they are on disk and should be, and what is made of them and how."""
    files = [shard.root / name for name in shard.files]
    states = [(f.stat().st_size, f.stat().st_mtime_ns) if can_be_read(f) else None for f in files]
    tracks = [shard.ids.tolist(), str(shard.root.absolute()), shard.files.tolist(), _checksums(shard), states]
    return json_digest([DECODER_VERSION, MANIFEST_VERSION, tracks, settings.model_dump()])


def _checksums(shard: Corpus) -> list[str]:
    return [""] * len(shard) if shard.checksums is None else shard.checksums.tolist()


def _is_whole(manifest: Path) -> bool:
    """Tell whether a shard is there as it was written.

    Hashing costs 0.7 s a GB and thread (SHA-256 in hardware), which is 9 hours of audio at 16 kHz.
    """
    samples_file = manifest.with_suffix(".i16")
    try:
        content = _Manifest.model_validate_json(manifest.read_bytes())
        if samples_file.stat().st_size != content.bytes:
            return False
        if NEEDS_ESSENTIA in content.rejected.values() and has_essentia():  # of a machine that had none
            return False
        return file_sha256(samples_file) == content.sha256
    except (FileNotFoundError, ValidationError):
        return False


def _write_shards(missing: list[tuple[Corpus, Path]], settings: AudioSettings, workers: int) -> None:
    """Write shards side by side: a thread a shard, each with a child process that decodes its tracks."""
    if not missing:
        return
    workers = min(workers, len(missing))
    with progress_bar(sum(len(shard) for shard, _ in missing), "decoding", "track") as bar:
        work = partial(_write_shard, heard=partial(advance, bar))
        share_out(work, missing, partial(Decoder, settings), workers=workers)


def _write_shard(missing: tuple[Corpus, Path], decoder: Decoder, heard: Callable[[], None]) -> None:
    shard, manifest = missing
    tracks: dict[str, _Samples] = {}
    rejected: dict[str, str] = {}
    size = 0
    with written_aside(manifest.with_suffix(".i16")) as aside:
        aside.touch()
        for track_id, file, sha256 in zip(shard.ids.tolist(), shard.files.tolist(), _checksums(shard), strict=True):
            try:
                written = decoder.decode(Source(shard.root, file, sha256), aside, size)
            except RejectedTrackError as reason:
                rejected[track_id] = str(reason)
            else:
                tracks[track_id] = _Samples(length=written.length, rate=written.rate, facts=written.facts)
                size += written.length * SAMPLE_BYTES
            heard()
        os.truncate(aside, size)  # a decoder may have died while it wrote
        samples_sha256 = file_sha256(aside)
    content = _Manifest(tracks=tracks, rejected=rejected, bytes=size, sha256=samples_sha256)
    with written_aside(manifest) as aside:
        aside.write_text(content.model_dump_json(), encoding="utf-8")


@contextmanager
def written_aside(file: Path) -> Iterator[Path]:
    """Name a file to write, which takes the name of `file` once it is complete, and is removed if it never is."""
    aside = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        yield aside
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def _open_store(settings: AudioSettings, manifests: list[Path]) -> Store:
    tracks: dict[str, StoredTrack] = {}
    rejected: dict[str, str] = {}
    facts: dict[str, FileFacts] = {}
    for manifest in manifests:
        content = _Manifest.model_validate_json(manifest.read_bytes())
        rejected.update(content.rejected)
        start = 0
        for track_id, track in content.tracks.items():
            tracks[track_id] = StoredTrack(manifest.with_suffix(".i16"), start, track.length, track.rate)
            facts[track_id] = track.facts
            start += track.length
    return Store(settings, tracks, rejected, facts)
