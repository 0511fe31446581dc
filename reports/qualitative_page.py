"""Writes what is to be looked at rather than ranked: `qualitative.md`, its figure, and its tables as CSV."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.bootstrap import Draws, Interval
from bench.csv_text import frame_csv
from reports.estimates import Estimate
from reports.exclusive_pairs import ExclusivePair, PairFinding, mean_of, pair_findings
from reports.figures import FIGURES_FOLDER, svg
from reports.popularity import (
    BINS,
    LEAST_TAGS,
    PrevalenceBin,
    Ratio,
    popularity_bias,
    prevalence_bins,
    prevalence_ratios,
)
from reports.popularity_figure import POPULARITY_FIGURE, draw_popularity
from reports.qualitative import Stories, tell_stories
from reports.resampled import BETWEEN_0_AND_1, ResampledStudy
from reports.rows import RowKey, in_paper_order
from reports.table import NO_VALUE, aligned, escape, track_count
from reports.track_sections import track_sections

PAGE_FILE = "qualitative.md"
LIFTS_FILE = "popularity.csv"
RATIOS_FILE = "popularity_by_prevalence.csv"
PAIRS_FILE = "exclusive_pairs.csv"
PRECISION_FILE = "tracks_scored.csv"
MOST_PAIRS = 8  # on the page: those that most tracks have

Findings = Mapping[RowKey, Sequence[PairFinding]]
Lifts = Mapping[RowKey, Draws | None]
Ratios = Mapping[RowKey, Sequence[Ratio]]


@dataclass(frozen=True, eq=False)
class Look:
    """What is looked at: tags, as Markdown, and tracks; with tables and drawings by the names of their files."""

    tags: tuple[str, ...]
    stories: Stories
    tables: dict[str, bytes]
    drawings: dict[str, bytes]


def look_closer(study: ResampledStudy, chosen: Collection[str] = ()) -> Look:
    """Look at a study's models and at some of its test tracks, the `chosen` first; the same study, the same bytes.

    Raises `InputError` where what was predicted cannot be read, or a chosen track is no test track.
    """
    rows = {row.key: study.rows[row.key] for row in in_paper_order(study.study.rows)}
    bins = prevalence_bins(study)
    findings = {key: pair_findings(study, row) for key, row in rows.items()}
    lifts = {key: popularity_bias(study, row) for key, row in rows.items()}
    ratios = {key: prevalence_ratios(study, row, bins) for key, row in rows.items()}
    stories = tell_stories(study.study, study.test, study.folder, chosen)
    drawings = {POPULARITY_FIGURE: svg(draw_popularity(study, bins, ratios))} if len(bins) > 1 else {}
    tables = {
        PAIRS_FILE: _pairs_table(study, findings),
        LIFTS_FILE: _lifts_table(study, lifts),
        RATIOS_FILE: _ratios_table(bins, ratios),
        PRECISION_FILE: _precision_table(stories),
    }
    return Look(
        tags=(*_pair_sections(study, findings), *_popularity_sections(study, lifts, drawings)),
        stories=stories,
        tables={name: frame_csv(table).encode() for name, table in tables.items()},
        drawings=drawings,
    )


def qualitative_files(look: Look) -> dict[str, bytes]:
    """Return `qualitative.md`, its tables and its figure by their names in the study's folder."""
    title = "# Tags that rule each other out, popular tags, and some tracks"
    page = "\n\n".join([title, *look.tags, *track_sections(look.stories)]) + "\n"
    drawings = {f"{FIGURES_FOLDER}/{name}": drawing for name, drawing in look.drawings.items()}
    return {PAGE_FILE: page.encode(), **look.tables, **drawings}


def _pair_sections(study: ResampledStudy, findings: Findings) -> Iterator[str]:
    yield "## Tags that rule each other out"
    all_pairs = next(iter(findings.values()))
    if not all_pairs:
        yield "No two scored classification tags of this corpus are declared to rule each other out."
        return
    yield (
        "*At once* is how often a track would get both tags of such a pair, were each drawn by its score, beyond the "
        "share of tracks to which the annotators gave both. *Chance* is what it is where the scores of one tag have "
        "nothing to do with those of the other: the product of their means. A model that hears what both tags have in "
        "common, but not which of them it is, lies above. *Within the pair* is the ROC-AUC over the tracks that have "
        "just one of the two, by one score's share in the sum of both; 50 is chance. ± is half the width of a 95 % "
        "interval, as in Table 1. Means over all pairs:"
    )
    header = ["At once, %", "Chance, %", "ROC-AUC within the pair, %"]
    body = [[*_name(key), *_values(study, found)] for key, found in findings.items()]
    yield aligned(["Model", "Training tracks", *header], body)
    shown = [one.pair for one in sorted(all_pairs, key=lambda one: -one.tracks)[:MOST_PAIRS]]
    told = f"The {len(shown)} of {len(all_pairs)} pairs" if len(shown) < len(all_pairs) else "The pairs"
    yield f"{told} that most tracks have one of, and the models of the largest size; {escape(PAIRS_FILE)} has all:"
    yield aligned(["Tags", "Tracks", "Model", *header], list(_pair_lines(study, findings, shown)), text=(0, 2))


def _pair_lines(study: ResampledStudy, findings: Findings, pairs: Sequence[ExclusivePair]) -> Iterator[list[str]]:
    for pair in pairs:
        names = " / ".join(escape(study.test.tags[tag].name) for tag in (pair.first, pair.second))
        for (label, n_train), found in findings.items():
            if n_train == study.study.largest_size:
                one = next(one for one in found if one.pair == pair)
                yield [names, f"{one.tracks:,}", escape(label), *_values(study, [one])]


def _values(study: ResampledStudy, found: Sequence[PairFinding]) -> list[str]:
    """Return the means of some pairs as they are printed: excess, chance, ROC-AUC within."""
    within = [one.within for one in found if one.within is not None]
    return [
        _percent(study, mean_of([one.excess for one in found])),
        f"{100 * np.mean([one.chance.value for one in found]):.2f}",
        _percent(study, mean_of(within) if within else None, limits=BETWEEN_0_AND_1),
    ]


def _popularity_sections(study: ResampledStudy, lifts: Lifts, drawings: Mapping[str, bytes]) -> Iterator[str]:
    yield "## Popular tags"
    if not any(lifts.values()):
        yield "Too few classification tags are scored, or none is ever given, to tell popular tags from rare ones."
        return
    yield (
        "*Popularity lift* is by how much a tag is more popular in the mean that a model gives, by its scores, than in "
        "the mean that the annotators give. Above 0, popular tags get more than their share; below, the scores are "
        "spread more evenly than the tags are. A predictor of the prevalences alone has 0 but for chance, which is "
        "large where few artists are tested: the prior shows how large."
    )
    body = [[*_name(key), _percent(study, lift, sign="+")] for key, lift in lifts.items()]
    yield aligned(["Model", "Training tracks", "Popularity lift, %"], body)
    for figure in drawings:
        yield (
            "![The mean predicted over the true prevalence of tags, by how many test tracks have them, one line a "
            f"model in the band of its 95 % interval]({FIGURES_FOLDER}/{figure})"
        )
        yield (
            f"The scored classification tags in the order of their prevalence, in {BINS} bins, or fewer so that each "
            f"holds {LEAST_TAGS}; the models of the largest size. At 1, tags are given as often as the annotators did."
        )


def _name(key: RowKey) -> list[str]:
    return [escape(key[0]), track_count(key[1])]


def _percent(study: ResampledStudy, draws: Draws | None, *, sign: str = "", limits: Interval | None = None) -> str:
    if draws is None:
        return NO_VALUE
    half_width = Estimate(draws.value, study.interval(draws, limits)).half_width
    value = f"{100 * draws.value:{sign}.2f}"
    return value if half_width is None else f"{value} ± {100 * half_width:.2f}"


def _pairs_table(study: ResampledStudy, findings: Findings) -> pd.DataFrame:
    """Return a line for each model, size and exclusive pair."""
    named = ["model", "n_train", "exclusive_group", "first", "second", "n_tracks", "chance"]
    lines = []
    for key, found in findings.items():
        for one in found:
            names = [study.test.tags[tag].name for tag in (one.pair.first, one.pair.second)]
            values = [*key, one.pair.group, *names, one.tracks, one.chance.value]
            lines.append([*values, *_spread(study, one.excess), *_spread(study, one.within, BETWEEN_0_AND_1)])
    return pd.DataFrame(lines, columns=[*named, *_columns("joint_excess"), *_columns("roc_auc_within")])


def _lifts_table(study: ResampledStudy, lifts: Lifts) -> pd.DataFrame:
    """Return a line for each model and size."""
    lines = [[*key, *_spread(study, lift)] for key, lift in lifts.items()]
    return pd.DataFrame(lines, columns=["model", "n_train", *_columns("popularity_lift")])


def _ratios_table(bins: Sequence[PrevalenceBin], ratios: Ratios) -> pd.DataFrame:
    """Return a line for each model, size and bin of tags, from the rarest."""
    named = ["model", "n_train", "n_tags", "lowest_prevalence", "highest_prevalence", "mean_prevalence"]
    lines = [
        [*key, len(one.tags), one.lowest, one.highest, one.mean, ratio.value, *_ends(ratio.interval)]
        for key, of_row in ratios.items()
        for one, ratio in zip(bins, of_row, strict=True)
    ]
    return pd.DataFrame(lines, columns=[*named, *_columns("predicted_over_true")])


def _columns(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"]


def _spread(study: ResampledStudy, draws: Draws | None, limits: Interval | None = None) -> list[float | None]:
    """Return a quantity and the ends of its interval."""
    return [None, *_ends(None)] if draws is None else [draws.value, *_ends(study.interval(draws, limits))]


def _ends(interval: Interval | None) -> list[float | None]:
    return [None, None] if interval is None else [interval.low, interval.high]


def _precision_table(stories: Stories) -> pd.DataFrame:
    """Return how well each test track is tagged by the models that tell of it."""
    test = stories.test
    given = (test.targets[:, test.tag_rows("classification")] > 0).sum(axis=1)
    told = {"network": stories.network, "baseline": stories.baseline}
    precision = {f"{name}_average_precision": one.precision for name, one in told.items() if one is not None}
    return pd.DataFrame({"id": test.ids, "path": test.files, "n_tags": given} | precision)
