"""Describe a track in a child process, and outlive it: a track that hangs or crashes essentia costs itself alone."""

import math
from dataclasses import dataclass

from bench.errors import StudyFailedError
from bench.isolation import Isolated, KilledError
from bench.store import StoredTrack


@dataclass(frozen=True)
class Description:
    """A track's `descriptors` in the order of the describer's names, or the `problem` why there are none."""

    descriptors: list[float] | None = None
    problem: str = ""


class Describer(Isolated):
    """A child process that describes tracks one after another, started again after a track that it did not survive.

    `descriptor_set` is one of `baselines.features.__main__`, `cpu_seconds` the limit a track. After `most_tracks`
    another child takes over, so that what essentia never frees does not add up. Use it in a `with` block, which ends
    the child.
    """

    def __init__(self, descriptor_set: str, cpu_seconds: float, most_tracks: float = math.inf) -> None:
        arguments = [descriptor_set, str(cpu_seconds)]
        super().__init__("baselines.features", arguments, name="descriptor", most_requests=most_tracks)
        self._cpu_seconds = cpu_seconds

    @property
    def names(self) -> tuple[str, ...]:
        """The descriptors, in order."""
        return tuple(self.greeting)

    def describe(self, track: StoredTrack, name: str = "a track") -> Description:
        """Return a track's description; a track whose child was killed is tried once more, in another child.

        Raises `StudyFailedError` when a child cannot start, or ended for a reason that is not the track's, as when the
        machine kills it each time; the error calls the track `name`.
        """
        place = {"file": str(track.shard), "start": track.start, "length": track.length}
        try:
            return Description(**self.ask(place | {"rate": track.rate}))
        except KilledError as killed:
            if killed.for_memory:
                raise StudyFailedError(killed.told(f"describing {name}", self._cpu_seconds)) from killed
            return Description(problem=killed.told("describing it", self._cpu_seconds))
