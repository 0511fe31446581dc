"""What essentia tells of a track under one name, as numbers with names of their own.

That is the same in the pool that its MusicExtractor returns and in the JSON that is written of it. An array is told by
index, a symmetric matrix by its upper triangle, a key as twelve zeros and ones, a scale as one.
What is left out is `rhythm.beats_position`, which is as long as the track has beats.
"""

import numpy as np
from numpy.typing import NDArray

from baselines.features.series import numbered

SECTIONS = ("lowlevel", "rhythm", "tonal")
OF_VARYING_LENGTH = "rhythm.beats_position"
BEATS_COUNT = "rhythm.beats_count"
OF_BEATS = ("rhythm.bpm", "rhythm.beats_loudness")
KEYS = ("A", "Bb", "B", "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab")  # as essentia spells them
OTHER_SPELLINGS = {"A#": "Bb", "D#": "Eb", "G#": "Ab"}  # by its releases before 2019, of which AcousticBrainz is


def numbers(name: str, value: float | str | NDArray[np.floating]) -> dict[str, float]:
    """Return what essentia says under one name as numbers; nothing of a text that is no key and no scale."""
    if isinstance(value, str):
        return _of_text(name, value)
    array = np.asarray(value, np.float64)
    if array.ndim == 0:
        return {name: float(array)}
    if array.ndim == 1:
        return dict(zip(numbered(name, len(array)), array.tolist(), strict=True))
    rows, columns = np.triu_indices(len(array))
    pairs = zip(rows.tolist(), columns.tolist(), array[rows, columns].tolist(), strict=True)
    return {f"{name}.{row:02d}.{column:02d}": number for row, column, number in pairs}


def _of_text(name: str, text: str) -> dict[str, float]:
    if name.endswith("scale"):
        return {f"{name}.major": float(text == "major")}
    key = OTHER_SPELLINGS.get(text, text)
    if name.endswith("key") and key in KEYS:
        return {f"{name}.{each}": float(key == each) for each in KEYS}
    return {}


def without_tempo_of_no_beats(values: dict[str, float]) -> dict[str, float]:
    """Return a track's numbers without what essentia says of beats where it found none: it calls their tempo 0."""
    if values.get(BEATS_COUNT, 1):
        return values
    return {name: value for name, value in values.items() if not name.startswith(OF_BEATS)}
