"""The other way to predict: a network hears a whole song at once, as it can, since it pools over any length."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.corpus import Corpus
from bench.store import Store
from neural.patches import Windows

LONGEST_SECONDS = 600  # 2.4 GB of work for the waveform network at the paper's sizes, as a training batch of 16 patches


@dataclass(frozen=True, eq=False)
class WholeSongs:
    """The songs of a corpus, each in one piece, by the length of what is heard at once.

    A song longer than `longest` is heard in the fewest equal parts that are not, and its score is their mean: this
    bounds memory. One shorter than `shortest` is repeated until it fills `patch`. All lengths are in samples.
    """

    corpus: Corpus
    store: Store
    shortest: int
    patch: int
    longest: int

    def batches(self, size: int) -> list[Windows]:
        """Return the songs' parts, short ones first, in batches of one length.

        A batch holds no more audio than `size` patches, or a single part.
        """
        parts = self._by_length()
        return [batch for alike in parts for batch in alike.batches(max(1, size * self.patch // alike.samples))]

    def _by_length(self) -> Iterator[Windows]:
        """Yield the parts of the songs of which as much is heard at once."""
        lengths = np.array([self.store.length(track_id) for track_id in self.corpus.ids.tolist()], dtype=np.intp)
        parts = np.maximum(1, -(-lengths // self.longest))
        heard = np.where(lengths < self.shortest, self.patch, -(-lengths // parts))
        for samples in np.unique(heard).tolist():
            rows = np.flatnonzero(heard == samples)
            starts = [np.linspace(0, max(0, lengths[row] - samples), parts[row]).astype(np.intp) for row in rows]
            yield Windows(self.corpus, self.store, samples, np.repeat(rows, parts[rows]), np.concatenate(starts))
