"""Which tracks of a corpus are the same recording, by what they sound like: a hash of the samples, and fingerprints.

The threshold of `bench.matching` was chosen on the 1,000 songs of the embedded corpus, whose artists repeat grooves,
sounds and phrases. Of all 499,500 pairs, at every lag at which they share 6.1 s, no two songs agree in more than 71.7 %
of their bits, and half the pairs nowhere in more than 56.1 %; none of those is called a copy, which takes 75 %. Each of
172 songs was then looked for among the 1,000 by a copy of its first 30 s:

    copy                                                    found    least agreement
    MP3 of 16 kHz at 16, 32 and 57 kbps                     all      0.820, 0.851, 0.972
    MP3 of 44.1 kHz at 32, 48 and 112 kbps                  all      0.881, 0.889, 0.996
    the same at 56 kbps, 37 ms late, 8 dB softer            all      0.880
    Ogg Vorbis of 44.1 kHz at libsndfile's leanest          all      0.921
    MP3 in stereo, one side softer and delayed              all      0.937
    through 8 kHz; 30 dB softer; in 8 bits                  all      0.999, 0.988, 0.908
    37, 64 and 500 ms later                                 all      0.883, 0.865, 0.940
    without the first 0.96, 1.3 and 10 s                    all      0.868, 0.909, 0.926
    0.2 % faster, and with it higher                        all      0.903
    with noise 20 dB below the music                        99.4 %
    12 dB too loud, clipped                                 97.7 %

No song was taken for another. Of excerpts of 10 s as MP3 at 32 kbps, 92 to 99 % were found. No recording of real music
was at hand.

What is not found: covers and other takes, excerpts that share less than 6.1 s of the first 30 s, another key or tempo
(of copies 1 % faster 98 % were found, of 2 % faster hardly any), and near copies of what lasts less than 6.1 s.

A fingerprint takes 2.8 ms of CPU time for 30 s at 16 kHz. Matching took 2.6 s of it for 25,000 tracks and 138 s for 1.2
million, at a peak of 1.1 GB, where words were random and copies few; where every word stood in 25 tracks, 43 s for
25,000. `find_duplicates` holds the words once more, 452 bytes a track.
"""

import hashlib
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bench.corpus import Corpus
from bench.digest import json_digest
from bench.fingerprint import FINGERPRINT_VERSION, MOST_WORDS, WordArray, fingerprint
from bench.locks import making
from bench.matching import Matches, find_matches
from bench.parallel import in_tasks
from bench.progress import progress_bar
from bench.store import Store, StoredTrack
from bench.whole_file import written_aside

RECORD = np.dtype([("sha256", "S32"), ("words", "<u2", (MOST_WORDS,))])
CHECKSUM_BYTES = 32
LEAST_SECONDS = 6.1  # of audio that near copies share, as `bench.matching` wants it

RecordArray = NDArray[Any]
HashArray = NDArray[np.bytes_]


@dataclass(frozen=True)
class Duplicate:
    """A `track` that is a copy of another, `copy_of`, whose id comes before its own.

    "exact" copies have the same samples; of "near" ones, the share `similarity` of the fingerprints' bits agrees, at
    least `bench.matching.SIMILAR`.
    """

    track: str
    copy_of: str
    kind: Literal["exact", "near"]
    similarity: float


@dataclass(frozen=True)
class _Shard:
    """Tracks of one shard of the store in the order of their samples, and the file of their fingerprints."""

    tracks: dict[str, StoredTrack]
    file: Path


def find_duplicates(corpus: Corpus, store: Store, *, cache: Path, workers: int) -> list[Duplicate]:
    """Return the copies among those tracks of a corpus that the store holds, in the order of their ids.

    Of tracks with the same samples, each is listed as an exact copy of the first, which alone is compared further. Of
    tracks that near copies tie to one another, each is listed as one of the first, with the similarity of the two, or
    where they were not found alike, as when an excerpt ties them, of its most similar copy. So every track is listed
    once at most, however many copies there are. Fingerprints are kept under `cache`, and only missing ones are made.
    """
    ids = sorted(track_id for track_id in corpus.ids.tolist() if track_id in store.tracks)
    shards = _shards_of(ids, store, cache)
    complete = all(shard.file.exists() for shard in shards)
    with nullcontext() if complete else making(cache, ["fingerprints", *(shard.file.name for shard in shards)]):
        hashes, words = _heard(ids, shards, workers)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    same_as = first[inverse]
    distinct = np.unique(same_as)
    near = _nearest(find_matches(words[distinct], workers=workers), len(distinct))
    found = [
        Duplicate(ids[row], ids[other], "exact", 1.0) for row, other in enumerate(same_as.tolist()) if row != other
    ]
    found += [Duplicate(ids[distinct[row]], ids[distinct[other]], "near", alike) for row, other, alike in near]
    return sorted(found, key=lambda duplicate: duplicate.track)


def clusters(duplicates: Iterable[Duplicate]) -> list[tuple[str, ...]]:
    """Return the ids that are copies of one another, exact or near, a tuple of sorted ids for each recording."""
    copy_of = {duplicate.track: duplicate.copy_of for duplicate in duplicates}
    together: dict[str, set[str]] = {}
    for track, first in copy_of.items():
        while first in copy_of:
            first = copy_of[first]
        together.setdefault(first, {first}).add(track)
    return sorted(tuple(sorted(tracks)) for tracks in together.values())


def _nearest(matches: Matches, count: int) -> list[tuple[int, int, float]]:
    """Return each row, of `count`, that matches tie to an earlier one: the row, the first it is tied to, how similar.

    The first of many copies is not compared with each of them; the most similar of its copies then speaks for a row.
    """
    first, second, similarity = matches.first, matches.second, matches.similarity
    ties = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    labels = connected_components(ties, directed=False)[1]
    heads = np.unique(labels, return_index=True)[1][labels]
    nearest = np.zeros(count)
    np.maximum.at(nearest, first, similarity)
    np.maximum.at(nearest, second, similarity)
    direct = heads[second] == first
    nearest[second[direct]] = similarity[direct]
    rows = np.flatnonzero(heads != np.arange(count))
    return list(zip(rows.tolist(), heads[rows].tolist(), nearest[rows].tolist(), strict=True))


def _heard(ids: list[str], shards: list[_Shard], workers: int) -> tuple[HashArray, WordArray]:
    """Return the hash of each track's samples, shape (tracks,), and its fingerprint, shape (tracks, `MOST_WORDS`)."""
    row_of = {track_id: row for row, track_id in enumerate(ids)}
    hashes, words = np.zeros(len(ids), "S32"), np.zeros((len(ids), MOST_WORDS), np.uint16)
    done = sum(len(shard.tracks) for shard in shards if shard.file.exists())
    with progress_bar(sum(len(shard.tracks) for shard in shards), "fingerprinting", "track", done=done) as bar:
        for shard, (found, made) in in_tasks("fingerprinting", _all_found, shards, workers=workers, in_threads=True):
            wanted = [(row_of[track_id], row) for row, track_id in enumerate(shard.tracks) if track_id in row_of]
            rows, of_shard = np.array(wanted, np.intp).T
            hashes[rows], words[rows] = found["sha256"][of_shard], found["words"][of_shard]
            bar.update(len(shard.tracks) * made)
    return hashes, words


def _shards_of(ids: list[str], store: Store, cache: Path) -> list[_Shard]:
    """Return the store's shards that hold these tracks, each with all of its tracks."""
    wanted = {store.tracks[track_id].shard for track_id in ids}
    by_shard: dict[Path, dict[str, StoredTrack]] = {shard: {} for shard in sorted(wanted)}
    for track_id, track in sorted(store.tracks.items(), key=lambda item: item[1].start):
        if track.shard in wanted:
            by_shard[track.shard][track_id] = track
    folder = cache.absolute() / "fingerprints"
    folder.mkdir(parents=True, exist_ok=True)
    return [_Shard(tracks, folder / f"{_digest(shard, tracks)}.bin") for shard, tracks in by_shard.items()]


def _digest(shard: Path, tracks: dict[str, StoredTrack]) -> str:
    places = [[track.start, track.length, track.rate] for track in tracks.values()]
    return json_digest([FINGERPRINT_VERSION, shard.name, places])


def _all_found(shards: list[_Shard]) -> list[tuple[RecordArray, bool]]:
    return [_found(shard) for shard in shards]


def _found(shard: _Shard) -> tuple[RecordArray, bool]:
    """Return a record for each track of a shard, and whether they had to be made: a damaged file is made again."""
    records = _read(shard)
    if records is not None:
        return records, False
    records = np.zeros(len(shard.tracks), RECORD)
    for row, track in enumerate(shard.tracks.values()):
        samples = track.read()
        words = fingerprint(samples, track.rate)
        records[row]["sha256"] = hashlib.sha256(track.rate.to_bytes(4, "little") + samples.tobytes()).digest()
        records[row]["words"][: len(words)] = words
    _write(shard, records)
    return records, True


def _read(shard: _Shard) -> RecordArray | None:
    """Return what a file holds, a checksum and then the records; nothing where it is missing or damaged."""
    if not shard.file.exists():
        return None
    content = shard.file.read_bytes()
    checksum, records = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
    return np.frombuffer(records, RECORD) if hashlib.sha256(records).digest() == checksum else None


def _write(shard: _Shard, records: RecordArray) -> None:
    content = records.tobytes()
    with written_aside(shard.file) as aside:
        aside.write_bytes(hashlib.sha256(content).digest() + content)
