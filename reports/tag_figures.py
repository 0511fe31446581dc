"""Draws the tags of a study: how graded targets lie, the prevalence of the others by part, and which stand together."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from bench.corpus import IntArray
from bench.inspection import Inspection, TagFacts
from bench.inspection.distributions import BINS
from bench.inspection.pairs import CoOccurrence
from bench.inspection.parts import InPart
from reports.figures import in_our_style, svg
from reports.tag_names import LONGEST_NAME, drawn_name

HEAT_MAP = "co_occurrence.svg"
TAGS_PER_TRACK = "tags_per_track.svg"
FIGURES = ("distributions_*.svg", "prevalence_*.svg", HEAT_MAP, TAGS_PER_TRACK)

PANELS = 24  # of a figure of distributions
ROWS = 100  # of a figure of prevalence
MOST_TAGS_OF_A_MAP = 200

_PANELS_ACROSS = 4
_PANEL_NAME = 28  # characters above a panel
_ROW_INCHES = 0.17
# Marker and place in the row tell the parts apart without colour.
_PARTS: dict[str, dict[str, Any]] = {
    "training": {"color": "#0072B2", "marker": "o"},
    "validation": {"color": "#E69F00", "marker": "D"},
    "test": {"color": "#D55E00", "marker": "s"},
}
_PLACES = {"training": -0.22, "validation": 0.0, "test": 0.22}  # in rows
_USUAL, _OTHERWISE = "#0072B2", "#D55E00"
_LIMIT_LOOK: dict[str, Any] = {"color": "0.35", "linestyle": (0, (3, 2)), "linewidth": 1}
_PALEST = 0.3  # phi that the strongest colour stands for at least: weaker pairs are to look weak
_COLOURED = 0.99  # share of the pairs of a map that the colours tell apart; the strongest have one colour
_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.4g} %")


def tag_figures(found: Inspection) -> dict[str, bytes]:
    """Return SVG files by name; what there is nothing to draw of has none. The same tags give the same bytes."""
    graded = [facts for facts in found.tags if facts.given.graded or facts.tag.kind == "regression"]
    binary = sorted(
        (facts for facts in found.tags if facts.tag.kind == "classification"), key=lambda facts: -facts.positives
    )
    figures = _pages("distributions", graded, PANELS, draw_distributions)
    figures |= _pages("prevalence", binary, ROWS, partial(draw_prevalence, found))
    if binary:
        figures[TAGS_PER_TRACK] = svg(draw_tags_per_track(found.tags_per_track))
    drawn = mapped(found.together)
    if 2 <= len(drawn) <= MOST_TAGS_OF_A_MAP:
        figures[HEAT_MAP] = svg(draw_heat_map(found.together, _names(found)))
    return figures


def _pages(
    name: str, tags: Sequence[TagFacts], size: int, draw: Callable[[Sequence[TagFacts]], Figure]
) -> dict[str, bytes]:
    starts = range(0, len(tags), size)
    return {f"{name}_{page}.svg": svg(draw(tags[start : start + size])) for page, start in enumerate(starts, 1)}


def _names(found: Inspection) -> dict[str, str]:
    return {facts.tag.name: drawn_name(facts.number, facts.tag.name, LONGEST_NAME) for facts in found.tags}


@in_our_style
def draw_distributions(tags: Sequence[TagFacts]) -> Figure:
    """Return a figure with a histogram of each tag's targets, in another colour where it looks like the other kind.

    A scale of few steps has a bar a step.
    """
    across = min(_PANELS_ACROSS, len(tags))
    down = math.ceil(len(tags) / across)
    width, height = 0.5 + 2.2 * across, 0.5 + 1.3 * down
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(
        left=0.75 / width, right=1 - 0.25 / width, bottom=0.6 / height, top=1 - 0.3 / height, wspace=0.32, hspace=0.6
    )
    panels = figure.subplots(down, across, squeeze=False).ravel().tolist()
    for panel, facts in zip(panels, tags, strict=False):
        _draw_histogram(panel, facts)
    for panel in panels[len(tags) :]:
        panel.set_axis_off()
    figure.text(0.5, 0.12 / height, "target", ha="center")
    figure.text(0.1 / width, 0.5, "share of the tracks", va="center", rotation=90)
    return figure


def _draw_histogram(panel: Axes, facts: TagFacts) -> None:
    given = facts.given
    places = list(given.levels) or ((np.arange(BINS) + 0.5) / BINS).tolist()
    counts = np.array(list(given.levels.values()) or given.histogram, dtype=np.float64)
    shares = counts / max(counts.sum(), 1)
    highest = float(shares.max(initial=0.01))
    panel.bar(places, shares, width=0.9 / BINS, color=_OTHERWISE if facts.looks_otherwise else _USUAL)
    if facts.choice.positive_above is not None:
        panel.axvline(facts.choice.positive_above, ymax=0.8, **_LIMIT_LOOK)
    panel.set_title(drawn_name(facts.number, facts.tag.name, _PANEL_NAME), fontsize="small")
    panel.text(0.5, 0.97, given.looks_like.shape, transform=panel.transAxes, ha="center", va="top", fontsize="x-small")
    panel.yaxis.set_major_locator(MaxNLocator(2))
    panel.yaxis.set_major_formatter(_PERCENT)
    panel.set(xlim=(-0.03, 1.03), ylim=(0, 1.3 * highest))
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.tick_params(labelsize="x-small")


@in_our_style
def draw_prevalence(found: Inspection, tags: Sequence[TagFacts]) -> Figure:
    """Return a figure with a row for each classification tag: its share of positives in each part, on a log axis.

    A hollow mark is that of a tag with too few to be scored in a part; a tag without any stands at the left edge.
    """
    shares = [facts.parts[part].mean for facts in tags for part in _PARTS if facts.parts[part].positives]
    none, right = (min(shares) / 1.5, min(1.0, 1.3 * max(shares))) if shares else (0.01, 1.0)
    figure = Figure(figsize=(7.0, 1.3 + _ROW_INCHES * len(tags)), layout="constrained")
    panel = figure.subplots()
    for part, look in _PARTS.items():
        _draw_part(panel, look, _PLACES[part], [facts.parts[part] for facts in tags], none)
    panel.set(xscale="log", xlim=(none / 1.1, right * 1.1), ylim=(len(tags) - 0.4, -0.6))
    _draw_limit(panel, found)
    names = [drawn_name(facts.number, facts.tag.name, LONGEST_NAME) for facts in tags]
    panel.set_yticks(range(len(tags)), names, fontsize="small")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(_PERCENT)
    panel.set_xlabel("share of positives (log scale; at the left edge: none)")
    panel.tick_params("y", length=0)
    panel.tick_params("x", labeltop=True)
    panel.grid(axis="both", color="0.9")
    figure.legend(handles=_prevalence_legend(found), loc="outside upper center", ncols=3, frameon=False)
    return figure


def _draw_part(panel: Axes, look: dict[str, Any], place: float, tags: Sequence[InPart], none: float) -> None:
    """Draw the marks of one part; `none` is where a share of 0 stands, for which a log axis has no place."""
    rows = np.arange(len(tags)) + place
    shares = np.array([facts.mean if facts.positives else none for facts in tags])
    rare = np.array([not facts.scored for facts in tags]) & (look is not _PARTS["training"])
    for chosen, fill in ((~rare, look["color"]), (rare, "white")):
        panel.plot(shares[chosen], rows[chosen], linestyle="", markersize=4, markerfacecolor=fill, **look)


def _draw_limit(panel: Axes, found: Inspection) -> None:
    """Draw the share of the test tracks below which a tag is not scored, where it is in the picture."""
    left, right = panel.get_xlim()
    limit = found.scoring.min_positives / max(found.parts["test"].tracks, 1)
    if left < limit < right:
        panel.axvline(limit, **_LIMIT_LOOK)


def _prevalence_legend(found: Inspection) -> list[Line2D]:
    marks = [Line2D([], [], linestyle="", markersize=4, label=part, **look) for part, look in _PARTS.items()]
    hollow = Line2D([], [], linestyle="", marker="s", markersize=4, color="0.3", markerfacecolor="white")
    hollow.set_label("too few to be scored there")
    limit = Line2D([], [], **_LIMIT_LOOK, label=f"{found.scoring.min_positives} positives in test")
    return [marks[0], hollow, marks[1], limit, marks[2]]  # a legend is filled column by column


@in_our_style
def draw_tags_per_track(counts: Sequence[int]) -> Figure:
    """Return a figure of how many tracks have how many classification tags; `counts` as in `Inspection`."""
    figure = Figure(figsize=(6.0, 2.4), layout="constrained")
    panel = figure.subplots()
    panel.bar(range(len(counts)), np.array(counts) / max(sum(counts), 1), color=_USUAL, width=0.8)
    panel.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    panel.yaxis.set_major_formatter(_PERCENT)
    panel.set(xlabel="classification tags of a track", ylabel="share of the tracks")
    return figure


def mapped(together: CoOccurrence) -> IntArray:
    """Return the numbers of the tags that have a place in a map: those that some tracks have and others have not."""
    return np.flatnonzero(np.isfinite(np.diagonal(together.phi)))


def map_order(together: CoOccurrence) -> IntArray:
    """Return the numbers of the tags of a map in an order that brings together what stands together.

    Tags are clustered by average linkage over 1 - phi, and the leaves of the tree turned so that neighbours are alike.
    """
    chosen = mapped(together)
    distances = np.clip(1 - together.phi[np.ix_(chosen, chosen)], 0, 2)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform((distances + distances.T) / 2), method="average", optimal_ordering=True)
    return chosen[leaves_list(tree)]


@in_our_style
def draw_heat_map(together: CoOccurrence, names: Mapping[str, str]) -> Figure:
    """Return a map of every two tags' phi, red where they stand together more than by chance, blue where less.

    `names` says how each tag is called in a figure.
    """
    order = map_order(together)
    phi = together.phi[np.ix_(order, order)].copy()
    np.fill_diagonal(phi, np.nan)  # always 1, and nothing to see
    strengths = np.abs(phi[np.isfinite(phi)])
    limit = math.ceil(10 * max(float(np.quantile(strengths, _COLOURED)), _PALEST)) / 10
    side = 2.6 + (0.16 if len(order) <= 80 else 0.11) * len(order)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    panel = figure.subplots()
    panel.set_facecolor("0.85")
    image = panel.pcolormesh(phi, cmap="RdBu_r", vmin=-limit, vmax=limit, rasterized=True)
    bar = figure.colorbar(image, ax=panel, shrink=min(1.0, 3 / side), aspect=12, pad=0.01, extend="both")
    bar.set_label("phi: 0 is chance")
    labels = [names[together.names[number]] for number in order]
    size = 7 if len(order) <= 80 else 5.5
    panel.set_yticks(np.arange(len(order)) + 0.5, labels, fontsize=size)
    panel.set_xticks(np.arange(len(order)) + 0.5, labels, fontsize=size, rotation=90)
    panel.set(xlim=(0, len(order)), ylim=(len(order), 0), aspect="equal")
    panel.tick_params(length=0)
    panel.grid(visible=False)
    return figure
