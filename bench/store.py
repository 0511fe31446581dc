"""Prepared audio: every track decoded once, as int16 in memory-mapped shards that are complete or absent.

A shard is two files named by the digest of what it was made from, and with essentia or without: `<digest>.i16`, the
samples of its tracks one after another, and `<digest>.json`, the lengths, sample rates and SHA-256 of their samples,
the facts of their files, what was rejected, and the key of each track (`bench.shards`). The JSON is written last: a
shard without it, or whose samples differ from it, does not exist.

Where tracks came, went or changed, a shard is another one. It takes over by their keys what any shard in the folder,
of whatever corpus, has of its tracks, and decodes the rest. Not taken over are tracks whose samples are damaged, and
refusals that may not be the file's fault: for want of essentia once it is there, and where the decoder did not survive.

All shards are kept, also those that a corpus has outgrown, as other studies may use them. The cache can be deleted at
any time: what is wanted is decoded again.

Samples are at int16's full scale: what a float file holds outside [-1, 1) is clipped.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.audio import DECODER_VERSION, AudioSettings
from bench.corpus import Corpus, Float32Array, IntArray
from bench.decoding import FULL_SCALE as FULL_SCALE
from bench.decoding import Decoder, DecoderDiedError, Source
from bench.digest import json_digest, unit_hashes
from bench.facts import FileFacts, RejectedTrackError
from bench.locks import making
from bench.parallel import in_tasks
from bench.progress import progress_bar
from bench.shards import (
    SAMPLE_BYTES,
    Manifest,
    Place,
    Rejection,
    Samples,
    bytes_sha256,
    find_done,
    is_whole,
    shard_name,
)
from bench.sound_file import can_be_read
from bench.whole_file import none_left_aside, written_aside

Int16Array = NDArray[np.int16]

TRACKS_PER_SHARD = 64  # on average at most, and at least half as many where there is more than one shard
MANIFEST_VERSION = 4  # raise it whenever the manifest says something else than it did


@dataclass(frozen=True)
class StoredTrack:
    """Where one track's samples lie: a shard file, the first sample and the number of samples; their `rate` in Hz."""

    shard: Path
    start: int
    length: int
    rate: int

    def read(self) -> Int16Array:
        """Return its samples, shape (samples,), as they are on disk now."""
        return np.fromfile(self.shard, "<i2", self.length, offset=self.start * SAMPLE_BYTES)


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


@dataclass(frozen=True)
class _Shard:
    """The ids of a shard's tracks, sorted, their sources and keys, and the file of its manifest.

    `done` is what other shards have of its tracks, by key.
    """

    ids: list[str]
    sources: list[Source]
    keys: list[str]
    manifest: Path
    done: dict[str, Place | Rejection] = field(default_factory=dict)

    @property
    def samples_file(self) -> Path:
        return self.manifest.with_suffix(".i16")


@lru_cache(maxsize=256)  # each keeps a file open, of which a process may often have 1,024 alone
def _mapped(shard: Path) -> Int16Array:
    return np.memmap(shard, dtype="<i2", mode="r") if shard.stat().st_size else np.empty(0, np.int16)


def prepare_store(corpus: Corpus, settings: AudioSettings, *, cache: Path, workers: int) -> Store:
    """Decode what is not yet in the store under `cache`, or damaged there, and return the store of the whole corpus."""
    folder = cache.absolute() / "stores"
    folder.mkdir(parents=True, exist_ok=True)
    shards = list(_shards(corpus, settings, folder))
    if missing := _missing(shards, workers):
        with making(cache, ["stores", *(shard.manifest.name for shard in shards)]):
            _write_missing(_missing(missing, workers), settings, folder, workers)
    _mapped.cache_clear()  # a shard made again is another file under the same name
    return _open_store(settings, [shard.manifest for shard in shards])


def shard_numbers(ids: Iterable[str]) -> IntArray:
    """Return the shard of each track, shape (tracks,): by the hash of its id, so that tracks come and go alone.

    The number of shards is a power of two, so that it changes only where a corpus doubles.
    """
    hashes = unit_hashes(ids, "shard")
    numbers: IntArray = (hashes * shard_count(len(hashes))).astype(np.intp)
    return numbers


def shard_count(tracks: int) -> int:
    """Return the number of shards of so many tracks."""
    return 1 << ((tracks - 1) // TRACKS_PER_SHARD).bit_length()


def _shards(corpus: Corpus, settings: AudioSettings, folder: Path) -> Iterator[_Shard]:
    order = np.argsort(corpus.ids)
    numbers = shard_numbers(corpus.ids[order].tolist())
    for number in np.unique(numbers):
        tracks = corpus.take(order[numbers == number])
        ids, sources = tracks.ids.tolist(), _sources(tracks)
        keys = _keys(sources, settings)
        yield _Shard(ids, sources, keys, folder / f"{shard_name(ids, keys)}.json")


def _keys(sources: list[Source], settings: AudioSettings) -> list[str]:
    """Name each track by its file, as it is on disk and should be, and by what is made of it and how.

    The root counts for itself, not only as part of a path: a link may lead out of the one and not of the other.
    """
    made = [DECODER_VERSION, MANIFEST_VERSION, settings.model_dump()]
    return [json_digest([[*made, str(source.root)], source.file, source.sha256, _state(source)]) for source in sources]


def _state(source: Source) -> tuple[int, int] | None:
    file = source.root / source.file
    return (file.stat().st_size, file.stat().st_mtime_ns) if can_be_read(file) else None


def _sources(tracks: Corpus) -> list[Source]:
    root = tracks.root.absolute()
    checksums = [""] * len(tracks) if tracks.checksums is None else tracks.checksums.tolist()
    return [Source(root, file, sha256) for file, sha256 in zip(tracks.files.tolist(), checksums, strict=True)]


def _missing(shards: list[_Shard], workers: int) -> list[_Shard]:
    """Return the shards that are not there, or not as they were written."""
    looks = in_tasks("checking", _are_whole, [shard.manifest for shard in shards], workers=workers, in_threads=True)
    whole = dict(looks)
    return [shard for shard in shards if not whole[shard.manifest]]


def _are_whole(manifests: list[Path]) -> list[bool]:
    return [is_whole(manifest) for manifest in manifests]


def _write_missing(missing: list[_Shard], settings: AudioSettings, folder: Path, workers: int) -> None:
    """Write shards side by side, taking over what others in the folder have of their tracks."""
    if not missing:
        return
    done = find_done(folder, {key for shard in missing for key in shard.keys})
    missing = [replace(shard, done={key: done[key] for key in shard.keys if key in done}) for shard in missing]
    files = [file for shard in missing for file in (shard.samples_file, shard.manifest)]
    work = partial(_write_shards, settings)
    with none_left_aside(files), progress_bar(sum(len(shard.ids) for shard in missing), "preparing", "track") as bar:
        for shard, _ in in_tasks("preparing", work, missing, workers=workers):
            bar.update(len(shard.ids))


def _write_shards(settings: AudioSettings, shards: list[_Shard]) -> list[None]:
    """Write shards one after another, with a child process that decodes what cannot be taken over."""
    with Decoder(settings) as decoder:
        for shard in shards:
            if not is_whole(shard.manifest):
                _write_shard(shard, settings, decoder)
    return [None] * len(shards)


def _write_shard(shard: _Shard, settings: AudioSettings, decoder: Decoder) -> None:
    content = Manifest(tracks={}, rejected={})
    size = 0
    with written_aside(shard.samples_file) as aside:
        aside.touch()
        for track_id, source, key in zip(shard.ids, shard.sources, shard.keys, strict=True):
            track = _taken_over(shard.done.get(key), aside, size) or _decoded(source, key, decoder, aside, size)
            if isinstance(track, Samples):
                content.tracks[track_id] = track
                size += track.size
            else:
                _refuse_gone(source, key, settings)
                content.rejected[track_id] = track
        os.truncate(aside, size)  # a decoder may have died while it wrote
    with written_aside(shard.manifest) as aside:
        aside.write_bytes(content.to_bytes())


def _refuse_gone(source: Source, key: str, settings: AudioSettings) -> None:
    """Raise `FileNotFoundError` where a file was there when its track got this key, and is not now.

    Its refusal would hold good also when it is back.
    """
    file = source.root / source.file
    if not can_be_read(file) and _keys([source], settings) != [key]:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))


def _taken_over(track: Place | Rejection | None, aside: Path, start: int) -> Samples | Rejection | None:
    """Copy a track's samples to the byte `start` of a file; return what is known of it, or nothing where it is lost."""
    if not isinstance(track, Place):
        return track
    content = track.read()
    if content is None:
        return None
    with aside.open("r+b") as output:
        output.seek(start)
        output.write(content)
    return track.samples


def _decoded(source: Source, key: str, decoder: Decoder, aside: Path, start: int) -> Samples | Rejection:
    """Decode a track to the byte `start` of a file, and return what is known of it."""
    try:
        written = decoder.decode(source, aside, start)
    except DecoderDiedError as reason:
        return Rejection(reason=str(reason), key=None)
    except RejectedTrackError as reason:
        return Rejection(reason=str(reason), key=key)
    with aside.open("rb") as samples:
        samples.seek(start)
        sha256 = bytes_sha256(samples.read(written.length * SAMPLE_BYTES))
    return Samples(length=written.length, rate=written.rate, facts=written.facts, sha256=sha256, key=key)


def _open_store(settings: AudioSettings, manifests: list[Path]) -> Store:
    tracks: dict[str, StoredTrack] = {}
    rejected: dict[str, str] = {}
    facts: dict[str, FileFacts] = {}
    for manifest in manifests:
        content = Manifest.read(manifest)
        rejected |= {track_id: rejection.reason for track_id, rejection in content.rejected.items()}
        start = 0
        for track_id, track in content.tracks.items():
            tracks[track_id] = StoredTrack(manifest.with_suffix(".i16"), start, track.length, track.rate)
            facts[track_id] = track.facts
            start += track.length
    return Store(settings, tracks, rejected, facts)
