"""Reads the descriptors that a data set ships of a track: JSON as essentia's extractor and AcousticBrainz write it.

Such a document has sections: `lowlevel`, `rhythm` and `tonal` hold the descriptors (Bogdanov et al., ISMIR 2013; units
and sources are those of essentia's documentation, `streaming_extractor_music`), and nothing else is looked at. What
`metadata` tells, artist, album, genre tags, file name, bit rate, a sum of the file's bytes, is no property of the sound
and would give the tags away; `highlevel`, where it stands, is what other models guessed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from baselines.features.pool import OF_VARYING_LENGTH, SECTIONS, numbers, without_tempo_of_no_beats

LARGEST = float(np.finfo(np.float32).max)
NO_NUMBERS = re.compile(r"(?<=[\s,:\[])[-+]?(?:nan|inf)(?=[\s,\]}])")  # essentia writes them as C++ does; JSON has none


class NoDescriptorsError(Exception):
    """A file has no descriptors; the message says why, in words that many files may share."""


def read_descriptors(file: Path) -> dict[str, float]:
    """Return the descriptors of a track by name, each a finite float32; which there are differs from track to track.

    What is neither number, list of numbers, square matrix, key nor scale is left out. Raises `NoDescriptorsError` where
    the file is no JSON or holds no descriptor, and `OSError` where it cannot be read.
    """
    text = file.read_bytes().decode("utf-8", errors="replace")  # a title may be in any encoding
    try:
        values = without_tempo_of_no_beats(dict(_numbers(_parsed(text))))
    except (ValueError, RecursionError) as error:
        raise NoDescriptorsError("the file is no JSON") from error
    finite = {name: value for name, value in values.items() if abs(value) <= LARGEST}  # nan is not
    if not finite:
        raise NoDescriptorsError("the file holds none")
    return finite


def _parsed(text: str) -> Any:  # noqa: ANN401 - whatever a file holds
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError:
        return json.loads(NO_NUMBERS.sub("NaN", text), strict=False)


def _numbers(content: Any) -> Iterator[tuple[str, float]]:  # noqa: ANN401 - likewise
    for section in SECTIONS:
        values = content.get(section) if isinstance(content, dict) else None
        if isinstance(values, dict):
            for name, value in _leaves(section, values):
                yield from _numbers_of(name, value).items()


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - likewise
    """Yield what stands under a name, each with the whole of its name: statistics are told under names of their own."""
    if not isinstance(value, dict):
        yield name, value
        return
    for part, inner in value.items():
        yield from _leaves(f"{name}.{part}", inner)


def _numbers_of(name: str, value: Any) -> dict[str, float]:  # noqa: ANN401 - likewise
    if name == OF_VARYING_LENGTH:
        return {}
    if isinstance(value, str):
        return numbers(name, value)
    try:
        array = np.asarray(value, np.float64)
    except (
        ValueError,
        TypeError,
        OverflowError,
    ):  # rows of unequal length, words in a list, an integer beyond all bounds
        return {}
    if array.ndim > 2 or (array.ndim == 2 and array.shape[0] != array.shape[1]):
        return {}
    return numbers(name, array)
