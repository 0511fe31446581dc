"""Random choices that are the same on every machine: a stream for each named thing, and plain arithmetic on it.

A stream is named by integers (corpus seed, kind of thing, number), so that what is drawn for track 17 does not depend
on how many tracks there are. Only additions and multiplications touch the drawn numbers, never a transcendental
function, whose last bit differs between machines.
"""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")

DEALING, ARTIST, TRACK, SOUND, ANNOTATOR, HABIT = range(6)  # the kinds of thing that have a stream of their own


def generator(*name: int) -> np.random.Generator:
    """Return the NumPy generator of one named thing, for noise in audio."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(name)))


class Draws:
    """The stream of choices for one named thing."""

    def __init__(self, *name: int) -> None:
        self.unit = generator(*name).random

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high), all equally likely."""
        return low + (high - low) * self.unit()

    def bell(self, mean: float, deviation: float) -> float:
        """Return a bell-shaped number: three uniform ones added, within three standard deviations of the mean."""
        return mean + deviation * (2 * (self.unit() + self.unit() + self.unit()) - 3)

    def near(self, value: float, deviation: float) -> float:
        """Return a bell-shaped number around `value`, kept in [0, 1]."""
        return min(1.0, max(0.0, self.bell(value, deviation)))

    def chance(self, probability: float) -> bool:
        """Return true with the given probability."""
        return self.unit() < probability

    def integer(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, options: Sequence[Choice]) -> Choice:
        """Return one of the options, all equally likely."""
        return options[self.integer(0, len(options) - 1)]

    def weighted(self, weights: Mapping[Choice, float]) -> Choice:
        """Return one of the keys, in proportion to its weight."""
        position = self.unit() * fsum(weights.values())
        for option, weight in weights.items():
            position -= weight
            if position < 0:
                return option
        return list(weights)[-1]

    def shuffled(self, items: Sequence[Choice]) -> list[Choice]:
        """Return the items in a random order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.integer(0, last)
            order[last], order[other] = order[other], order[last]
        return order
