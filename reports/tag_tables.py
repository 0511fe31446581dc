"""The tables of a study's tags: in Markdown for the page, and as CSV with all there is."""

import math
from collections.abc import Iterable, Sequence

from bench.csv_text import csv_text
from bench.inspection import Inspection, TagFacts
from bench.inspection.distributions import BINS, QUANTILES
from bench.inspection.exclusive import Contradiction
from bench.inspection.pairs import CoOccurrence, Pair
from reports.table import NO_VALUE, aligned, escape
from reports.tag_names import shortened

LONGEST_NAME = 60  # columns of a name in a table
TOO_FEW = "!"

_LOOKS = ("classification", "regression", None)


def parts_table(found: Inspection) -> str:
    """Return the parts with their tracks and groups."""
    body = [
        [name, f"{part.tracks:,}", f"{part.groups:,}", f"{part.untagged:,}" if found.together.names else NO_VALUE]
        for name, part in found.parts.items()
    ]
    return aligned(["Part", "Tracks", "Groups", "Tracks without a classification tag"], body)


def overlap_table(found: Inspection) -> str:
    """Return what each two parts have in common."""
    body = [
        [
            f"{one.first} and {one.second}",
            f"{one.groups:,}",
            f"{one.first_tracks:,} of {found.parts[one.first].tracks:,}",
            f"{one.second_tracks:,} of {found.parts[one.second].tracks:,}",
        ]
        for one in found.overlaps
    ]
    return aligned(["Parts", "Groups in both", "Tracks by these in the first", "Tracks by these in the second"], body)


def kinds_table(found: Inspection) -> str:
    """Return how many tags of each kind look like which."""
    body = []
    for kind in ("classification", "regression"):
        tags = [facts for facts in found.tags if facts.tag.kind == kind]
        looks = [sum(facts.given.looks_like.kind == look for facts in tags) for look in _LOOKS]
        body.append([kind, *map(str, [len(tags), *looks])])
    return aligned(["Kind", "Tags", *(f"look like {look or 'neither'}" for look in _LOOKS)], body)


def appearance_table(tags: Iterable[TagFacts]) -> str:
    """Return what tags look like and why."""
    body = [
        [str(one.number), _name(one), kind_said(one), one.given.looks_like.shape, one.given.looks_like.why]
        for one in tags
    ]
    return aligned(["#", "Tag", "Is", "Looks", "Why"], body, text=range(5))


def kind_said(facts: TagFacts) -> str:
    """Return which kind a tag is, and who says so."""
    if facts.choice.positive_above is not None:
        return f"classification, positive above {facts.choice.positive_above:g} (study)"
    return f"{facts.tag.kind} (study)" if facts.kind_is_of_study else facts.tag.kind


def prevalence_table(found: Inspection) -> str:
    """Return the positives of each classification tag by part, most first."""
    tags = [facts for facts in found.tags if facts.tag.kind == "classification"]
    body = [
        [
            str(facts.number),
            _name(facts),
            escape(facts.tag.category),
            *(_positives(facts, part) for part in found.parts),
            f"{facts.at_smallest:,}",
        ]
        for facts in sorted(tags, key=lambda facts: -facts.positives)
    ]
    parts = [f"Positives in {part}" for part in found.parts]
    return aligned(["#", "Tag", "Category", *parts, f"Among {found.smallest:,}"], body, text=range(3))


def _positives(facts: TagFacts, part: str) -> str:
    one = facts.parts[part]
    few = f" {TOO_FEW}" if part != "training" and not one.scored else ""
    return f"{one.positives:,} ({share(one.mean)}){few}"


def regression_table(found: Inspection) -> str:
    """Return how the targets of each regression tag lie, and their mean by part."""
    body = []
    for facts in found.tags:
        if facts.tag.kind == "regression":
            values = [facts.given.mean, facts.given.deviation, *facts.given.quantiles]
            values += [part.mean for part in facts.parts.values()]
            body.append([str(facts.number), _name(facts), escape(facts.tag.category), *map(decimal, values)])
    header = ["#", "Tag", "Category", "Mean", "Deviation", *map(_quantile, QUANTILES)]
    return aligned([*header, *(f"Mean in {part}" for part in found.parts)], body, text=range(3))


def _quantile(level: float) -> str:
    return {0.0: "Least", 0.5: "Median", 1.0: "Most"}.get(level, f"{100 * level:g} %")


def pairs_table(pairs: Iterable[Pair]) -> str:
    """Return pairs of tags with how they stand together."""
    body = [
        [
            _short(pair.first),
            _short(pair.second),
            f"{pair.both:,}",
            f"{pair.n_first:,}",
            f"{pair.n_second:,}",
            share(pair.both / pair.n_first),
            share(pair.both / pair.n_second),
            f"{pair.lift:,.1f}",
            f"{pair.phi:.2f}",
        ]
        for pair in pairs
    ]
    header = ["A", "B", "With both", "With A", "With B", "B where A", "A where B", "Lift", "Phi"]
    return aligned(header, body, text=range(2))


def contradictions_table(found: Sequence[Contradiction]) -> str:
    """Return the pairs of exclusive tags that stand together."""
    body = [
        [
            escape(one.group),
            _short(one.pair.first),
            _short(one.pair.second),
            ", ".join(escape(track) for track in one.tracks) + (", …" if one.pair.both > len(one.tracks) else ""),
            f"{one.pair.both:,}",
            share(one.pair.both / one.pair.either),
        ]
        for one in found
    ]
    return aligned(["Group", "A", "B", "Such as", "With both", "Of those with either"], body, text=range(4))


def never_table(pairs: Iterable[Pair]) -> str:
    """Return pairs of tags that never stand together, with how often chance would have them do so."""
    body = [
        [_short(pair.first), _short(pair.second), f"{pair.n_first:,}", f"{pair.n_second:,}", f"{pair.expected:.1f}"]
        for pair in pairs
    ]
    return aligned(["A", "B", "With A", "With B", "With both by chance"], body, text=range(2))


def implied_table(pairs: Iterable[Pair]) -> str:
    """Return pairs whose first never stands without the second."""
    body = [
        [
            _short(pair.first),
            _short(pair.second),
            f"{pair.n_first:,}",
            f"{pair.n_second:,}",
            f"{pair.expected_alone:.1f}",
        ]
        for pair in pairs
    ]
    return aligned(["A", "never without B", "With A", "With B", "With A alone by chance"], body, text=range(2))


def share(value: float) -> str:
    """Return a share as a percentage."""
    return NO_VALUE if math.isnan(value) else f"{100 * value:.1f} %" if value >= 0.001 or not value else "< 0.1 %"


def decimal(value: float) -> str:
    """Return a target."""
    return NO_VALUE if math.isnan(value) else f"{value:.3f}"


def _name(facts: TagFacts) -> str:
    return _short(facts.tag.name)


def _short(name: str) -> str:
    return escape(shortened(name, LONGEST_NAME))


def tags_csv(found: Inspection) -> str:
    """Return `tags.csv`: one line a tag, at full precision, empty where there is no value."""
    lines = []
    for facts in found.tags:
        given = facts.given
        line: dict[str, object] = {
            "number": facts.number,
            "tag": facts.tag.name,
            "kind": facts.tag.kind,
            "kind_said_by": "study" if facts.kind_is_of_study else "data set",
            "positive_above": facts.choice.positive_above,
            "category": facts.tag.category,
            "exclusive_group": facts.tag.exclusive_group,
            "looks_like": given.looks_like.kind or "",
            "shape": given.looks_like.shape,
            "why": given.looks_like.why,
        }
        for name, part in facts.parts.items():
            line |= {f"{name}_positives": part.positives, f"{name}_mean": _number(part.mean)}
            line |= {f"{name}_scored": part.scored} if name != "training" else {}
        line |= {"smallest_size_positives": facts.at_smallest}
        line |= {"mean": _number(given.mean), "deviation": _number(given.deviation)}
        line |= {f"quantile_{q:g}": _number(value) for q, value in zip(QUANTILES, given.quantiles, strict=True)}
        line |= {f"from_{place / BINS:g}": tracks for place, tracks in enumerate(given.histogram)}
        lines.append(line)
    return csv_text([list(lines[0]), *(line.values() for line in lines)])


def co_occurrence_csv(together: CoOccurrence) -> str:
    """Return `co_occurrence.csv`: how many tracks have both tags; a tag's own tracks stand on the diagonal."""
    counts = together.both.tolist()
    rows = ([name, *row] for name, row in zip(together.names, counts, strict=True))
    return csv_text([["tag", *together.names], *rows])


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
