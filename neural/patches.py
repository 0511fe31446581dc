"""Where to listen: random patches for training, evenly placed windows for validation and prediction.

Every read is a slice of the prepared audio; nothing is decoded here. What lasts shorter than a patch is repeated until
it fills one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.corpus import Corpus, Float32Array, IntArray
from bench.digest import unit_hashes
from bench.processes import own_share
from bench.store import FULL_SCALE, Int16Array, Store


@dataclass(frozen=True, eq=False)
class TrainingPatches:
    """The patches of a training run: batch `update` is a function of seed, corpus, patch length and batch size alone.

    Tracks come in rounds, each track once a round, in an order drawn for the round; a batch may reach over the end of
    one. Within a round a track's patch starts at a place drawn from seed, round and track id. Nothing depends on the
    network, so that two networks see the same patches, and nothing on the batches before.
    """

    corpus: Corpus
    store: Store
    samples: int
    batch_size: int
    seed: int

    def batch(self, update: int) -> tuple[Int16Array, Float32Array]:
        """Return the audio, shape (batch, samples), and targets, shape (batch, tags), of an update counted from 0.

        Where several processes train together, these are this process's share of the batch.
        """
        return self._drawn(own_share(self.places(update)))

    def places(self, update: int) -> range:
        """Return the places of an update's patches among all of the training run, counted from 0."""
        return range(update * self.batch_size, (update + 1) * self.batch_size)

    def track_ids(self, update: int) -> list[str]:
        """Return the tracks of an update's patches."""
        return [str(self.corpus.ids[row]) for _, row in self._turns_and_rows(self.places(update))]

    def first_round(self, most_tracks: int) -> Iterator[Int16Array]:
        """Give, batch by batch, one patch of each track, of the first `most_tracks` in the first round's order."""
        n_tracks = min(len(self.corpus), most_tracks)
        for first in range(0, n_tracks, self.batch_size):
            yield self._drawn(range(first, min(first + self.batch_size, n_tracks)))[0]

    def _drawn(self, places: range) -> tuple[Int16Array, Float32Array]:
        drawn = self._turns_and_rows(places)
        audio = [self._patch(turn, row) for turn, row in drawn]
        return np.stack(audio), self.corpus.targets[[row for _, row in drawn]]

    def _turns_and_rows(self, places: range) -> list[tuple[int, int]]:
        drawn = [divmod(place, len(self.corpus)) for place in places]
        return [(turn, int(_order(self.seed, turn, len(self.corpus))[place])) for turn, place in drawn]

    def _patch(self, turn: int, row: int) -> Int16Array:
        track_id = str(self.corpus.ids[row])
        places = max(0, self.store.length(track_id) - self.samples) + 1
        where = float(unit_hashes([track_id], f"patch {self.seed} {turn}")[0])
        return read_patch(self.store, track_id, int(where * places), self.samples)


@lru_cache(maxsize=4)
def _order(seed: int, turn: int, n_tracks: int) -> NDArray[np.intp]:
    return np.random.default_rng([seed, turn]).permutation(n_tracks)


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of a corpus, track after track: window i begins at sample `starts[i]` of the track in row `rows[i]`.

    All are `samples` long.
    """

    corpus: Corpus
    store: Store
    samples: int
    rows: IntArray
    starts: IntArray

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, size: int) -> "list[Windows]":
        """Return them in parts of `size` and a rest, in order."""
        firsts = range(0, len(self), size)
        return [replace(self, rows=self.rows[n : n + size], starts=self.starts[n : n + size]) for n in firsts]

    def read(self) -> Int16Array:
        """Return their audio, shape (windows, samples)."""
        places = zip(self.rows, self.starts, strict=True)
        return np.stack(
            [read_patch(self.store, str(self.corpus.ids[row]), int(start), self.samples) for row, start in places]
        )


def moving_windows(corpus: Corpus, store: Store, samples: int) -> Windows:
    """Return windows moved by half their length over every track, the last flush with the track's end."""
    return _windows(corpus, store, samples, [moving_starts(n, samples) for n in _lengths(corpus, store)])


def spread_windows(corpus: Corpus, store: Store, samples: int, count: int) -> Windows:
    """Return up to `count` windows of every track, evenly spread over it."""
    return _windows(corpus, store, samples, [spread_starts(n, samples, count) for n in _lengths(corpus, store)])


def moving_starts(length: int, samples: int) -> IntArray:
    """Return where windows of `samples` begin that cover `length` samples; 0 alone where the track is no longer."""
    last = max(0, length - samples)
    return np.append(np.arange(0, last, max(1, samples // 2), dtype=np.intp), np.intp(last))


def spread_starts(length: int, samples: int, count: int) -> IntArray:
    """Return at most `count` beginnings, each window in the middle of its equal share of the room there is."""
    room = max(0, length - samples)
    middles = (np.arange(count) + 0.5) / count
    return np.unique(np.floor(middles * (room + 1)).astype(np.intp))


def read_patch(store: Store, track_id: str, start: int, samples: int) -> Int16Array:
    """Return `samples` samples of a track from `start`; a track that ends before is repeated from there."""
    patch = store.samples(track_id, start, start + samples)
    return patch if len(patch) == samples else np.resize(patch, samples)


def to_audio(patches: Int16Array, device: torch.device) -> Tensor:
    """Return patches on the device in [-1, 1), float32, of the same shape; only 16 bits a sample travel there."""
    return scaled(torch.from_numpy(patches).to(device))


def scaled(patches: Tensor) -> Tensor:
    """Return patches of int16 in [-1, 1), float32, of the same shape."""
    return patches.float() / FULL_SCALE


def _windows(corpus: Corpus, store: Store, samples: int, starts: list[IntArray]) -> Windows:
    rows = np.repeat(np.arange(len(starts)), np.array([len(of_track) for of_track in starts], np.intp))
    return Windows(corpus, store, samples, rows, np.concatenate(starts) if starts else np.empty(0, np.intp))


def _lengths(corpus: Corpus, store: Store) -> list[int]:
    return [store.length(track_id) for track_id in corpus.ids.tolist()]
