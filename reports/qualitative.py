"""Some test tracks with the tags that the best network, the baseline and the annotators give them.

The tracks are those that a user chose, those that the network tags best and worst, those on which it and the baseline
differ most, and some at random. How well a track is tagged is its label-ranking average precision (Tsoumakas, Katakis
and Vlahavas, 2010, "Mining multi-label data"): the average precision of the ranking of all classification tags by their
score on it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from bench.corpus import BoolArray, Corpus, Float32Array, IntArray
from bench.digest import unit_hashes
from bench.excerpts import excerpt_file
from bench.metrics import Float64Array
from bench.output import CELLS_FOLDER
from bench.study import DELTA_FAMILIES
from bench.test_part import read_predictions, read_test_part, refuse_no_test_track
from reports.rows import ADDED_FAMILY, BASELINE, MEASURES, Row, best_rows
from reports.study_folder import Cell, StudyFolder, read_study_folder

TOP = 10  # tags of a list, as in the paper's demo
BEST, WORST, AHEAD, BEHIND, RANDOM = 2, 2, 2, 2, 4  # tracks of each kind
_, PR_AUC, RMSE = MEASURES

Why = Literal["chosen", "best", "worst", "disputed", "random"]


@dataclass(frozen=True)
class ScoredTag:
    """A tag as a model scores it; `given` says whether the annotators gave it."""

    name: str
    score: float
    given: bool


@dataclass(frozen=True)
class TagList:
    """The classification tags that a model scores highest, and the average precision of its ranking of all of them.

    `precision` is None where the annotators gave the track no tag.
    """

    tags: tuple[ScoredTag, ...]
    precision: float | None


@dataclass(frozen=True)
class Rating:
    """A regression tag of a track: what the annotators say of it, and the models where there are any."""

    name: str
    annotators: float
    network: float | None
    baseline: float | None


@dataclass(frozen=True)
class TrackStory:
    """A test track with its tags; `file` is relative to the corpus's root.

    `annotators` are the tags that they gave it; a list is None where the study has no such model. `ratings` are of the
    regression tags that they rated highest. `excerpt` is a file in the study's folder, None where there is none.
    """

    id: str
    file: str
    why: Why
    annotators: tuple[str, ...]
    network: TagList | None
    baseline: TagList | None
    ratings: tuple[Rating, ...]
    excerpt: str | None


@dataclass(frozen=True, eq=False)
class Teller:
    """A model that tags the tracks: the first seed's `cell` of a row, and its scores, shape (tracks, tags).

    `precision` is the average precision of each track, shape (tracks,), nan where the annotators gave it no tag.
    """

    row: Row
    cell: Cell
    scores: Float32Array
    precision: Float64Array


@dataclass(frozen=True, eq=False)
class Stories:
    """The told tracks of a test part, and the models that tag them, each None where the study has no such model."""

    test: Corpus
    network: Teller | None
    baseline: Teller | None
    tracks: tuple[TrackStory, ...]


def told_tracks(out: Path, chosen: Collection[str] = ()) -> list[str]:
    """Return the ids of the tracks that the report of the study in `out` will tell of, those that are `chosen` first.

    Raises `InputError` as `read_study_folder` and `read_test_part` do, and where one that is chosen is no test track.
    """
    study = read_study_folder(out)
    test = read_test_part(out, study.finished[0].record)
    return [story.id for story in tell_stories(study, test, out, chosen).tracks]


def tell_stories(study: StudyFolder, test: Corpus, out: Path, chosen: Collection[str] = ()) -> Stories:
    """Return the stories of a study's test tracks; the same records and predictions tell of the same tracks.

    First come those that are `chosen`, by their ids, in that order. Raises `InputError` where one is no test track.
    The network is that with the best PR-AUC (without classification tags, √MSE) at the largest size of any network; the
    baseline, of the same size, is the best of the trees, or where there are none, of whatever else is no network.
    """
    refuse_no_test_track(chosen, test)
    networks = _largest([row for row in study.rows if row.family in DELTA_FAMILIES])
    others = [row for row in study.rows if row.family not in {*DELTA_FAMILIES, ADDED_FAMILY}]
    at_size = [row for row in others if row.n_train == networks[0].n_train] if networks else _largest(others)
    trees = [row for row in at_size if row.family == BASELINE]
    network, baseline = (_teller(study, rows, test, out) for rows in (networks, trees or at_size))
    told = _told(test, chosen, network, baseline)
    return Stories(
        test, network, baseline, tuple(_story(test, track, why, network, baseline, out) for track, why in told)
    )


def _largest(rows: Sequence[Row]) -> list[Row]:
    size = max((row.n_train for row in rows), default=0)
    return [row for row in rows if row.n_train == size]


def _teller(study: StudyFolder, rows: Sequence[Row], test: Corpus, out: Path) -> Teller | None:
    """Return the best of the rows, with the scores of its first seed."""
    if not rows:
        return None
    best = best_rows(rows, PR_AUC) or best_rows(rows, RMSE)
    row = next(row for row in rows if row.key in best)
    cell = next(one.cell for one in study.finished if (one.cell.label, one.cell.n_train) == row.key)
    scores = read_predictions(out / CELLS_FOLDER / cell.digest, test)
    tags = test.tag_rows("classification")
    return Teller(row, cell, scores, ranking_precision(test.targets[:, tags] > 0, scores[:, tags]))


def ranking_precision(given: BoolArray, scores: Float32Array) -> Float64Array:
    """Return the average precision of each track's ranking of the tags, shape (tracks,); both are (tracks, tags).

    It is the mean, over the tags that are given, of the share of given ones among all that are scored as high or
    higher. nan where a track has none.
    """
    as_high = rankdata(-scores, "max", axis=1)
    given_as_high = rankdata(np.where(given, -scores, np.inf), "max", axis=1)
    precision = np.where(given, given_as_high / as_high, 0.0).sum(axis=1)
    count = given.sum(axis=1)
    mean: Float64Array = np.divide(precision, count, out=np.full(len(given), np.nan), where=count > 0)
    return mean


def _told(
    test: Corpus, chosen: Collection[str], network: Teller | None, baseline: Teller | None
) -> list[tuple[int, Why]]:
    """Return the rows of the told tracks, none twice, each with the reason why.

    Of one kind, no group comes twice, but as often as it was chosen.
    """
    row_of = {track: row for row, track in enumerate(test.ids.tolist())}
    told: dict[int, Why] = {row_of[track]: "chosen" for track in chosen}
    for why, order, count in _orders(test, network, baseline):
        groups: set[str] = set()
        for track in order.tolist():
            if len(groups) < count and track not in told and test.groups[track] not in groups:
                told[track] = why
                groups.add(test.groups[track])
    return list(told.items())


def _orders(test: Corpus, network: Teller | None, baseline: Teller | None) -> Iterator[tuple[Why, IntArray, int]]:
    """Yield the kinds of told tracks, each with the tracks in the order in which they are taken, and how many are.

    Where tracks are tagged as well as each other, those with more tags come first, then those with the lower hash.
    """
    by_hash = np.argsort(unit_hashes(test.ids.tolist(), "stories"), kind="stable")
    counts = (test.targets[:, test.tag_rows("classification")] > 0).sum(axis=1)
    tagged = by_hash[np.argsort(-counts[by_hash], kind="stable")][: (counts > 0).sum()]

    def rising(values: Float64Array) -> IntArray:
        order: IntArray = tagged[np.argsort(values[tagged], kind="stable")]
        return order

    judge = network or baseline
    if judge is not None:
        yield "best", rising(-judge.precision), BEST
        yield "worst", rising(judge.precision), WORST
    if network is not None and baseline is not None:
        lead = network.precision - baseline.precision
        yield "disputed", rising(-lead)[: (lead > 0).sum()], AHEAD
        yield "disputed", rising(lead)[: (lead < 0).sum()], BEHIND
    yield "random", by_hash, RANDOM


def _story(
    test: Corpus, track: int, why: Why, network: Teller | None, baseline: Teller | None, out: Path
) -> TrackStory:
    tags = test.tag_rows("classification")
    file = excerpt_file(str(test.ids[track]))
    return TrackStory(
        id=str(test.ids[track]),
        file=str(test.files[track]),
        why=why,
        annotators=tuple(test.tags[tag].name for tag in tags if test.targets[track, tag] > 0),
        network=None if network is None else _tag_list(test, track, tags, network),
        baseline=None if baseline is None else _tag_list(test, track, tags, baseline),
        ratings=tuple(_ratings(test, track, network, baseline)),
        excerpt=file if (out / file).is_file() else None,
    )


def _tag_list(test: Corpus, track: int, tags: IntArray, teller: Teller) -> TagList:
    highest = tags[np.argsort(-teller.scores[track, tags], kind="stable")][:TOP]
    precision = float(teller.precision[track])
    return TagList(
        tuple(
            ScoredTag(test.tags[tag].name, float(teller.scores[track, tag]), bool(test.targets[track, tag] > 0))
            for tag in highest
        ),
        None if np.isnan(precision) else precision,
    )


def _ratings(test: Corpus, track: int, network: Teller | None, baseline: Teller | None) -> Iterator[Rating]:
    tags = test.tag_rows("regression")
    for tag in tags[np.argsort(-test.targets[track, tags], kind="stable")][:TOP]:
        yield Rating(
            test.tags[tag].name,
            float(test.targets[track, tag]),
            *(None if teller is None else float(teller.scores[track, tag]) for teller in (network, baseline)),
        )
