"""Which classification tags stand together: how often, how far from chance, which never, and which say the same."""

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.corpus import BoolArray, Corpus, IntArray

Float64Array = NDArray[np.float64]

NEVER_DESPITE = 10.0  # tracks expected by chance; where tracks are independent, none is then seen once in 22,000 times


@dataclass(frozen=True)
class Pair:
    """Two tags, the numbers of tracks that have the first, the second and both, and the number of all tracks."""

    first: str
    second: str
    n_first: int
    n_second: int
    both: int
    n_tracks: int

    @property
    def either(self) -> int:
        """The number of tracks that have at least one of the two."""
        return self.n_first + self.n_second - self.both

    @property
    def expected(self) -> float:
        """The number of tracks that would have both by chance, if neither tag told anything of the other."""
        return self.n_first * self.n_second / self.n_tracks

    @property
    def expected_alone(self) -> float:
        """The number of tracks that would by chance have the first without the second."""
        return self.n_first - self.expected

    @property
    def lift(self) -> float:
        """How many times as often as by chance the two stand together; nan where a tag stands on no track."""
        return self.both / self.expected if self.expected else math.nan

    @property
    def phi(self) -> float:
        """The correlation of the two as 0 and 1: 1 always together, 0 as by chance, -1 always one without the other.

        nan where a tag stands on no track or on all.
        """
        spread = self.n_first * self.n_second * (self.n_tracks - self.n_first) * (self.n_tracks - self.n_second)
        return (self.n_tracks * self.both - self.n_first * self.n_second) / math.sqrt(spread) if spread else math.nan


@dataclass(frozen=True, eq=False)
class CoOccurrence:
    """How many tracks have both of two tags: `both`, shape (tags, tags), with a tag's own tracks on the diagonal."""

    names: tuple[str, ...]
    both: IntArray
    n_tracks: int

    def pair(self, first: int, second: int) -> Pair:
        """Return two tags by their numbers."""
        own = int(self.both[first, first]), int(self.both[second, second])
        return Pair(self.names[first], self.names[second], *own, int(self.both[first, second]), self.n_tracks)

    @cached_property
    def phi(self) -> Float64Array:
        """Each pair's `Pair.phi`, shape (tags, tags); nan where it is not defined."""
        own, n_tracks = self._own, float(self.n_tracks)
        deviations = np.sqrt(own * (n_tracks - own))
        with np.errstate(invalid="ignore"):
            return np.asarray((n_tracks * self.both - np.outer(own, own)) / np.outer(deviations, deviations))

    def strongest(self, number: int) -> list[Pair]:
        """Return the pairs of the largest phi among those that some track has, the largest first."""
        first, second = np.nonzero(np.triu((self.both > 0) & np.isfinite(self.phi), k=1))
        order = np.argsort(-self.phi[first, second], kind="stable")[:number]
        return [self.pair(int(first[place]), int(second[place])) for place in order]

    def never(self) -> list[Pair]:
        """Return the pairs that no track has, where chance would give `NEVER_DESPITE` tracks or more, most first."""
        expected = np.outer(self._own, self._own) / max(self.n_tracks, 1)
        pairs = self._pairs(np.triu((self.both == 0) & (expected >= NEVER_DESPITE), k=1))
        return sorted(pairs, key=lambda pair: -pair.expected)

    def implied(self) -> list[Pair]:
        """Return the pairs whose first never stands without the second, which stands elsewhere too, widest first.

        Told only where chance would have the first stand alone on `NEVER_DESPITE` tracks or more.
        """
        own = self._own
        expected_alone = own[:, None] * (1 - own[None, :] / max(self.n_tracks, 1))
        inside = (self.both == own[:, None]) & (own[:, None] < own[None, :])
        return sorted(self._pairs(inside & (expected_alone >= NEVER_DESPITE)), key=lambda pair: -pair.n_first)

    @property
    def _own(self) -> Float64Array:
        return np.diagonal(self.both).astype(np.float64)

    def _pairs(self, chosen: BoolArray) -> list[Pair]:
        return [self.pair(int(first), int(second)) for first, second in np.argwhere(chosen)]


def co_occurrence(corpus: Corpus) -> CoOccurrence:
    """Return how often the classification tags of a corpus stand together."""
    columns = corpus.tag_rows("classification")
    targets = corpus.targets[:, columns]
    both = np.rint(targets.T @ targets).astype(np.intp)  # float32 counts exactly up to 16 million tracks
    return CoOccurrence(tuple(corpus.tags[column].name for column in columns), both, len(corpus))


def identical_tags(corpus: Corpus) -> list[tuple[str, ...]]:
    """Return the sets of tags, of either kind, that have the same targets on every track; constant ones left out."""
    same: dict[bytes, list[str]] = defaultdict(list)
    for tag, targets in zip(corpus.tags, corpus.targets.T, strict=True):
        if len(targets) and targets.min() < targets.max():
            same[np.ascontiguousarray(targets).tobytes()].append(tag.name)
    return [tuple(names) for names in same.values() if len(names) > 1]
