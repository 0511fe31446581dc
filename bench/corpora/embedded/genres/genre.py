"""A genre: what an arranger would note down about it, as a table of chances.

Beats per minute, energy and the like are ranges and centres; instruments, patterns and voices are weighted choices.
The names of grooves, bass lines, comping patterns and progressions are those of `patterns` and `harmony`.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Genre:
    """How the songs of a genre are likely to be made.

    `cards` is the number of artists of this genre in a deck. `tempo` is in beats per minute. `drums`
    weighs drum kits, "" being none; `voices` weighs singers, "" being instrumental. `swing`, `triple` (3/4 time),
    `minor`, `sevenths` and `vintage` (an old recording) are chances; `energy` and `reverb` are centres in [0, 1].
    `guests` are the genres that it likes to borrow from.
    """

    name: str
    cards: int
    tempo: tuple[float, float]
    energy: float
    drums: Mapping[str, float]
    grooves: Mapping[str, float]
    basses: Mapping[str, float]
    bass_lines: Mapping[str, float]
    chords: Mapping[str, float]
    comping: Mapping[str, float]
    solos: Mapping[str, float]
    voices: Mapping[str, float]
    progressions: Mapping[str, float]
    swing: float
    triple: float
    minor: float
    sevenths: float
    vintage: float
    reverb: float
    guests: tuple[str, ...]
    family: str = ""
    exclusive_group: str = ""
