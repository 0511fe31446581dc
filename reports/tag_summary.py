"""What the tags of a study are like, in lines for a terminal of 100 columns: one a tag, then what strikes the eye."""

import textwrap
from collections.abc import Iterator

import numpy as np

from bench.inspection import Inspection, TagFacts
from bench.inspection.distributions import Distribution
from reports.tag_findings import count, findings
from reports.tag_names import padded, shortened
from reports.tag_tables import TOO_FEW, decimal, share

WIDTH = 100
OTHERWISE = "(!)"
NOTHING = "nothing strikes the eye"

_NAME, _SHAPE, _BARS, _PART = 26, 25, 11, 10  # columns
_FINDING_NAME = 40
_BLOCKS = " ▁▂▃▄▅▆▇█"


def summary(found: Inspection) -> str:
    """Return the summary; no line is longer than `WIDTH` columns."""
    return "\n".join([*_head(found), "", *_tags(found), "", *_findings(found)])


def _head(found: Inspection) -> Iterator[str]:
    classification = len(found.together.names)
    yield shortened(f"{found.study}: {found.corpus}", WIDTH)
    regression = len(found.tags) - classification
    yield f"{count(classification, 'classification tag')}, {count(regression, 'regression tag')}"
    for name, part in found.parts.items():
        yield f"{name}: {count(part.tracks, 'track')}, {count(part.groups, 'group')}"


def _tags(found: Inspection) -> Iterator[str]:
    """Yield a line a tag: its name, what its targets look like, how they lie, and what it has in each part."""
    header = " ".join(f"{name:>{_PART}}" for name in found.parts)
    yield f"{'tag':<{_NAME}} {'looks':<{_SHAPE}} {'0':<{_BARS - 1}}1 {header}"
    for facts in found.tags:
        shape = facts.given.looks_like.shape + (f" {OTHERWISE}" if facts.looks_otherwise else "")
        parts = " ".join(f"{_in_part(facts, name):>{_PART}}" for name in found.parts)
        yield f"{padded(facts.tag.name, _NAME)} {shape:<{_SHAPE}} {_bars(facts.given)} {parts}".rstrip()
    yield "A share is that of the positives of a classification tag, a number the mean of a regression tag."
    yield f"{TOO_FEW} too few to be scored there   {OTHERWISE} looks like the other kind than it is"


def _in_part(facts: TagFacts, name: str) -> str:
    part = facts.parts[name]
    if facts.tag.kind == "regression":
        return f"{decimal(part.mean)}  "
    few = name != "training" and not part.scored
    return f"{share(part.mean)} {TOO_FEW if few else ' '}"


def _bars(given: Distribution) -> str:
    """Return how targets lie as a row of bars from 0 to 1, the highest as high as the line."""
    bars = np.zeros(_BARS)
    if given.levels:
        for value, tracks in given.levels.items():
            bars[round(value * (_BARS - 1))] += tracks
    else:
        bars[:-1] = np.reshape(given.histogram, (_BARS - 1, -1)).sum(axis=1)
    heights = np.ceil(bars / max(bars.max(), 1) * (len(_BLOCKS) - 1)).astype(int)
    return "".join(_BLOCKS[height] for height in heights)


def _findings(found: Inspection) -> Iterator[str]:
    lines = findings(found, lambda name: shortened(name, _FINDING_NAME))
    for line in lines or [NOTHING]:
        yield from textwrap.wrap(line, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
