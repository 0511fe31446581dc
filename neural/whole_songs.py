"""The other way to predict: a network hears a whole song at once, as it can, since it pools over any length."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bench.corpus import Corpus, Float32Array, IntArray
from bench.store import Store
from neural.patches import Windows
from neural.precision import Precision
from neural.prediction import mean_scores

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

    def by_length(self) -> Iterator[tuple[IntArray, Windows]]:
        """Yield the rows of the songs of which as much is heard at once, and their parts as windows, short ones first.

        In the windows' corpus are these songs alone.
        """
        lengths = np.array([self.store.length(track_id) for track_id in self.corpus.ids.tolist()], dtype=np.intp)
        parts = np.maximum(1, -(-lengths // self.longest))
        heard = np.where(lengths < self.shortest, self.patch, -(-lengths // parts))
        for samples in np.unique(heard).tolist():
            rows = np.flatnonzero(heard == samples)
            starts = [np.linspace(0, max(0, lengths[row] - samples), parts[row]).astype(np.intp) for row in rows]
            of_song = np.repeat(np.arange(len(rows)), parts[rows])
            songs = self.corpus.take(rows)
            yield rows, Windows(songs, self.store, samples, of_song, np.concatenate(starts))


def whole_song_scores(
    model: nn.Module,
    songs: WholeSongs,
    *,
    batch_size: int,
    device: torch.device,
    precision: Precision = "float32",
    bar: "tqdm[Any] | None" = None,
) -> Float32Array:
    """Return shape (tracks, tags) in the corpus's order; `bar` counts songs.

    Songs of equal length share a batch, which holds no more audio than `batch_size` patches, or a single song.
    """
    scores = np.empty(songs.corpus.targets.shape, np.float32)
    for rows, windows in songs.by_length():
        together = max(1, batch_size * songs.patch // windows.samples)
        scores[rows] = mean_scores(model, windows, batch_size=together, device=device, precision=precision)
        if bar is not None:
            bar.update(len(rows))
    return scores
