"""What a plan is of: how many tracks and tags a study has, and how long its songs are, told or assumed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.corpora import place_of
from bench.corpus import Corpus
from bench.errors import InputError
from bench.plan.stages import Extent, is_made
from bench.study import Study
from bench.study_data import sized_to

PAPER_TAGS = 139
SONG_SECONDS = 240.0
OFFICIAL_SHARE = 0.1  # of validation and test each, of an official split that is not at hand


@dataclass(frozen=True)
class Scope:
    """A study with its training sizes as numbers of tracks, its extent, the seconds of a song; what was `assumed`."""

    study: Study
    extent: Extent
    seconds: float
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What somebody says of a corpus, each None where nothing is said."""

    tracks: int | None = None
    tags: int | None = None
    seconds: float | None = None


def scope_of(study: Study, told: Told, *, root: Path | None, cache: Path) -> Scope:
    """Return what is to be planned: of the corpus, whose metadata alone are read, or of so many tracks as are told.

    Raises `InputError` where the corpus is not found or has too few tracks, where its songs are too short to be heard,
    and where more is told of songs that the project makes than their number.
    """
    if is_made(study) and (told.tags, told.seconds) != (None, None):
        raise InputError(f"study {study.name} makes its songs itself: what --tags and --seconds say, its [corpus] says")
    if told.tracks is None:
        scope = _of_corpus(study, told, root=root, cache=cache)
    else:
        scope = _of_so_many(study, told, told.tracks, cache)
    shortest = max((entry.audio.min_seconds for entry in study.entries() if entry.audio), default=0.0)
    if scope.seconds < shortest:
        raise InputError(
            f"study {study.name} refuses tracks shorter than [audio] min_seconds = {shortest:g}, as all songs of "
            f"{scope.seconds:g} s would be; plan with longer ones (--seconds), or lower min_seconds"
        )
    return scope


def _of_so_many(study: Study, told: Told, tracks: int, cache: Path) -> Scope:
    valid, test = _shares(study)
    parts = [round(tracks * share) for share in (valid, test)]
    n_train = tracks - sum(parts)
    sized = study.sized(n_train)
    if max(sized.sizes) > n_train:
        raise InputError(
            f"study {study.name} asks for {max(sized.sizes)} training tracks; of {tracks} tracks, about {n_train} "
            "would be its training part; give more with --tracks"
        )
    assumed = [] if study.split.kind == "hash" else ["a tenth of the tracks for validation, and another for the test"]
    tags = _value(
        told.tags, _tags_made(study, cache), PAPER_TAGS, f"{PAPER_TAGS} tags, as the paper has (--tags)", assumed
    )
    seconds = _seconds(study, told, None, assumed)
    return Scope(sized, Extent(tracks, int(tags), tuple(sized.sizes), *parts), seconds, tuple(assumed))


def _of_corpus(study: Study, told: Told, *, root: Path | None, cache: Path) -> Scope:
    tracks, n_tags = _tracks_and_tags(study, root, cache)
    parts = study.split.divide(tracks)
    sized = sized_to(study, parts, "")
    assumed: list[str] = []
    seconds = _seconds(study, told, tracks, assumed)
    extent = Extent(len(tracks), told.tags or n_tags, tuple(sized.sizes), len(parts.valid), len(parts.test))
    return Scope(sized, extent, seconds, tuple(assumed))


def _tracks_and_tags(study: Study, root: Path | None, cache: Path) -> tuple[Corpus, int]:
    """Return the tracks that a study uses, and how many tags they have; the targets, most of a corpus, are let go."""
    try:
        outline = place_of(study.corpus.name, study.corpus.settings, root=root, cache=cache).outline()
    except InputError as error:
        raise InputError(f"{error}; or say with --tracks how many tracks it will have") from error
    return study.split.used(outline.without_tags()), len(outline.tags)


def _tags_made(study: Study, cache: Path) -> int | None:
    """Return how many tags a corpus has that the project makes, with however many tracks."""
    if not is_made(study):
        return None
    return len(
        place_of(study.corpus.name, study.corpus.settings | {"tracks": 1}, root=None, cache=cache).outline().tags
    )


def _shares(study: Study) -> tuple[float, float]:
    if study.split.kind == "hash":
        return study.split.valid, study.split.test
    return OFFICIAL_SHARE, OFFICIAL_SHARE


def _seconds(study: Study, told: Told, tracks: Corpus | None, assumed: list[str]) -> float:
    """Return the length of a song: what is told, what the data set says of most, what it makes, or a guess."""
    known: Any = study.corpus.settings.get("seconds")
    if tracks is not None and tracks.durations is not None and np.isfinite(tracks.durations).any():
        known = float(np.nanmean(tracks.durations))
    return _value(told.seconds, known, SONG_SECONDS, f"songs of {SONG_SECONDS:g} s (--seconds)", assumed)


def _value(told: float | None, known: float | None, default: float, saying: str, assumed: list[str]) -> float:
    for value in (told, known):
        if value is not None:
            return value
    assumed.append(saying)
    return default
