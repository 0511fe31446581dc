"""Splits that never divide a group, and nested training subsets; both by hash, so that a new track moves no other."""

from dataclasses import dataclass

import numpy as np

from bench.corpus import PARTS, Corpus
from bench.digest import unit_hashes
from bench.errors import InputError


@dataclass(frozen=True)
class Split:
    """The three parts of a corpus."""

    train: Corpus
    valid: Corpus
    test: Corpus

    def named(self) -> dict[str, Corpus]:
        """Return the parts by their names in `PARTS`."""
        return dict(zip(PARTS, (self.train, self.valid, self.test), strict=True))


def split(corpus: Corpus, *, valid: float, test: float, seed: int) -> Split:
    """Divide by group: about a share `test` of the groups to test, `valid` to validation, the rest to training.

    A group's part depends on its name and `seed` alone.
    """
    position = unit_hashes(corpus.groups.tolist(), f"split {seed}")
    in_test = position < test
    in_valid = ~in_test & (position < test + valid)
    return Split(corpus.take(~in_test & ~in_valid), corpus.take(in_valid), corpus.take(in_test))


def official_split(corpus: Corpus) -> Split:
    """Divide by the data set's own parts; tracks of no part are left out.

    Raises `InputError` when the corpus has none.
    """
    if corpus.parts is None:
        raise InputError(f"corpus {corpus.name} has no official split; set split.kind = 'hash' in the study")
    train, valid, test = (corpus.take(corpus.parts == part) for part in PARTS)
    return Split(train, valid, test)


def subset(corpus: Corpus, size: int, *, seed: int) -> Corpus:
    """Return `size` tracks: the first in an order by hash of track id and `seed`, so a smaller lies in a larger one.

    Raises `InputError` when the corpus has fewer tracks.
    """
    if size > len(corpus):
        raise InputError(f"study asks for {size} training tracks; the training part of {corpus.name} has {len(corpus)}")
    order = np.argsort(unit_hashes(corpus.ids.tolist(), f"subset {seed}"), kind="stable")
    return corpus.take(order[:size])
