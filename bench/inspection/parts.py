"""The parts of a divided corpus side by side: each tag's targets, tracks without a tag, groups, and their overlap."""

import itertools
from dataclasses import dataclass

import numpy as np

from bench.corpus import Corpus, IntArray
from bench.metrics import scored_tags
from bench.splits import Split
from bench.study import Scoring


@dataclass(frozen=True)
class InPart:
    """A tag's targets in one part: positives (None: a regression tag), their mean, and whether they can be scored.

    The mean of a classification tag's is its prevalence; nan in a part without tracks. They can be scored where the
    study's scoring finds enough positives and negatives.
    """

    positives: int | None
    mean: float
    scored: bool


@dataclass(frozen=True)
class PartCounts:
    """The tracks and groups of a part; `untagged` tracks are positive for no classification tag."""

    tracks: int
    groups: int
    untagged: int


@dataclass(frozen=True)
class Overlap:
    """How many groups two parts have in common, and how many tracks of either part are by these groups."""

    first: str
    second: str
    groups: int
    first_tracks: int
    second_tracks: int


def by_name(parts: Split) -> dict[str, Corpus]:
    """Return the three parts by what they are for."""
    return {"training": parts.train, "validation": parts.valid, "test": parts.test}


def tags_in_part(part: Corpus, scoring: Scoring) -> list[InPart]:
    """Return what each tag has in a part, in the order of the tags."""
    kinds = [tag.kind for tag in part.tags]
    enough = {"min_positives": scoring.min_positives, "min_negatives": scoring.min_negatives}
    scored = scored_tags(part.targets, kinds, **enough).tolist()
    means = part.targets.mean(axis=0, dtype=np.float64).tolist() if len(part) else [float("nan")] * len(kinds)
    return [InPart(*facts) for facts in zip(positives(part), means, scored, strict=True)]


def positives(part: Corpus) -> list[int | None]:
    """Return how many tracks of a part are positive for each tag; None for a regression tag."""
    counts = np.count_nonzero(part.targets, axis=0).tolist()
    return [count if tag.kind == "classification" else None for tag, count in zip(part.tags, counts, strict=True)]


def tags_per_track(part: Corpus) -> IntArray:
    """Return how many classification tags each track has, shape (tracks,)."""
    return np.asarray(np.count_nonzero(part.targets[:, part.tag_rows("classification")], axis=1), dtype=np.intp)


def count_part(part: Corpus) -> PartCounts:
    """Return the counts of one part."""
    untagged = int(np.count_nonzero(tags_per_track(part) == 0))
    return PartCounts(len(part), len(np.unique(part.groups)), untagged)


def overlaps(parts: Split) -> list[Overlap]:
    """Return what each two parts have in common."""
    found = []
    for (first, one), (second, other) in itertools.combinations(by_name(parts).items(), 2):
        common = np.intersect1d(one.groups, other.groups)
        tracks = [int(np.isin(part.groups, common).sum()) for part in (one, other)]
        found.append(Overlap(first, second, len(common), *tracks))
    return found
