"""Which of many fingerprints tell of the same audio: found by equal words, confirmed by the bits around and over all.

Two words four steps apart make a key of 32 bits. The keys of all tracks are sorted; places with the same key are
candidates, at the lag between them. The 4 s around a candidate have to agree, then all that two tracks share at that
lag. No key is compared all against all, however many tracks hold it: each of its places, one a track, meets the next
few alone. So the work is linear in the number of words, and any number of copies are tied to one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.corpus import BoolArray, IntArray
from bench.fingerprint import MOST_WORDS, NOTHING, WORD_BITS, WordArray
from bench.parallel import in_threads_here

KEY_STEPS = 4  # between the two words of a key, whose frames share little
NEIGHBOURS = 8  # places of the same key that each place is compared with
AROUND = np.arange(-14, 18)  # the words around a candidate: 4 s, with the key in the middle
LEAST_AROUND = 16  # of them have to lie in both tracks
SIMILAR_AROUND = 0.7  # the share of their bits that has to agree for the whole to be compared
LEAST_WORDS = 40  # that copies share: 6.1 s of audio, from the first frame's beginning to the last one's end
SIMILAR = 0.75  # the share of all bits that agree between copies; `bench.duplicates` tells what it was chosen by
WORDS_PER_PASS = 1 << 22
TRACKS_PER_BLOCK = 1 << 14
CANDIDATES_PER_BLOCK = 1 << 14
LOW_32 = np.uint64(0xFFFFFFFF)

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.int64]
KeyArray = NDArray[np.uint32]
PlaceArray = NDArray[np.uint64]


@dataclass(frozen=True)
class Matches:
    """Pairs of tracks, `first` < `second`, each once, and the share of bits that agree; each of shape (pairs,)."""

    first: IntArray
    second: IntArray
    similarity: FloatArray


@dataclass(frozen=True)
class _Candidates:
    """Word `time` of track `first` may be word `time + lag` of track `second`; each of shape (candidates,)."""

    first: IntArray
    second: IntArray
    time: IntArray
    lag: IntArray

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: BoolArray | slice) -> "_Candidates":
        return _Candidates(self.first[rows], self.second[rows], self.time[rows], self.lag[rows])

    def blocks(self) -> Iterator["_Candidates"]:
        for begin in range(0, len(self), CANDIDATES_PER_BLOCK):
            yield self.take(slice(begin, begin + CANDIDATES_PER_BLOCK))


def find_matches(words: WordArray, *, workers: int) -> Matches:
    """Return which tracks are copies of one another, from their fingerprints, shape (tracks, `MOST_WORDS`).

    Shorter fingerprints are filled up with `NOTHING`. `first` and `second` are rows of `words`.
    """
    passes = max(workers, -(-words.size // WORDS_PER_PASS))
    alike = np.concatenate(in_threads_here(partial(_alike_around, words, passes), range(passes), workers=workers))
    candidates = _decoded(np.unique(alike), len(words))
    whole = np.arange(MOST_WORDS)
    blocks = [_similarity(words, block, whole, LEAST_WORDS) for block in candidates.blocks()]
    similarity = np.concatenate([np.empty(0), *blocks])
    similar = similarity >= SIMILAR
    return _best_of_each_pair(candidates.take(similar), similarity[similar])


def _alike_around(words: WordArray, passes: int, number: int) -> CodeArray:
    """Return the candidates of one pass that agree around their key: tracks and lags, each once, as codes."""
    found = [np.empty(0, np.int64)]
    for candidates in _candidates(_places(words, number, passes)):
        for block in candidates.blocks():
            around = block.time[:, np.newaxis] + AROUND
            agree = _similarity(words, block, around, LEAST_AROUND) >= SIMILAR_AROUND
            found.append(np.unique(_coded(block.take(agree), len(words))))
    return np.unique(np.concatenate(found))


def _places(words: WordArray, number: int, passes: int) -> PlaceArray:
    """Return, sorted, every key of this pass with the first place at which each track holds it.

    The key is the upper half of the number; the lower is the place, counted over the words of all tracks.
    """
    blocks = [np.empty(0, np.uint64)]
    for begin in range(0, len(words), TRACKS_PER_BLOCK):
        block = words[begin : begin + TRACKS_PER_BLOCK]
        early, late = block[:, :-KEY_STEPS], block[:, KEY_STEPS:]
        keys = early.astype(np.uint32) | late.astype(np.uint32) << np.uint32(WORD_BITS)
        track, time = np.nonzero((early != NOTHING) & (late != NOTHING) & (_pass_of(keys, passes) == number))
        place = ((track + begin) * MOST_WORDS + time).astype(np.uint64)
        blocks.append(keys[track, time].astype(np.uint64) << np.uint64(32) | place)
    places = np.sort(np.concatenate(blocks))
    holder = (places >> np.uint64(32), (places & LOW_32) // np.uint64(MOST_WORDS))
    repeated = np.all([values[1:] == values[:-1] for values in holder], axis=0)
    return np.delete(places, np.flatnonzero(repeated) + 1)


def _pass_of(keys: KeyArray, passes: int) -> KeyArray:
    mixed = keys * np.uint32(2654435761)  # Knuth's multiplier: neighbouring keys part
    return (mixed >> np.uint32(16)) % np.uint32(passes)


def _candidates(places: PlaceArray) -> Iterator[_Candidates]:
    """Yield each place with the next place of the same key, then with the one after it, and so on."""
    keys = places >> np.uint64(32)
    track, time = np.divmod((places & LOW_32).astype(np.intp), MOST_WORDS)
    for distance in range(1, NEIGHBOURS + 1):
        here = np.flatnonzero(keys[distance:] == keys[:-distance])
        there = here + distance
        yield _Candidates(track[here], track[there], time[here], time[there] - time[here])


def _similarity(words: WordArray, candidates: _Candidates, times: IntArray, least: int) -> FloatArray:
    """Return the share of bits that agree at `times` of the first tracks, shape (candidates,); 0 where too few do.

    `times` has shape (times,), or (candidates, times). What lies outside a track counts as little as `NOTHING`.
    """
    first = _heard(words, candidates.first, times)
    second = _heard(words, candidates.second, times + candidates.lag[:, np.newaxis])
    shared = (first != NOTHING) & (second != NOTHING)
    differing = np.where(shared, np.bitwise_count(first ^ second), 0).sum(axis=1)
    count = shared.sum(axis=1)
    return np.where(count >= least, 1 - differing / (WORD_BITS * np.maximum(count, 1)), 0.0)


def _heard(words: WordArray, tracks: IntArray, times: IntArray) -> WordArray:
    inside = (times >= 0) & (times < MOST_WORDS)
    return np.where(inside, words[tracks[:, np.newaxis], np.clip(times, 0, MOST_WORDS - 1)], np.uint16(NOTHING))


def _coded(candidates: _Candidates, tracks: int) -> CodeArray:
    pairs = candidates.first.astype(np.int64) * tracks + candidates.second
    return pairs * (2 * MOST_WORDS) + candidates.lag + MOST_WORDS


def _decoded(codes: CodeArray, tracks: int) -> _Candidates:
    pairs, lag = np.divmod(codes, 2 * MOST_WORDS)
    first, second = np.divmod(pairs, max(tracks, 1))
    return _Candidates(first, second, np.zeros_like(first), lag - MOST_WORDS)


def _best_of_each_pair(candidates: _Candidates, similarity: FloatArray) -> Matches:
    order = np.lexsort((-similarity, candidates.second, candidates.first))
    first, second = candidates.first[order], candidates.second[order]
    best = np.ones(len(order), bool)
    best[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return Matches(first[best], second[best], similarity[order][best])
