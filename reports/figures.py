"""Draws each measure against the number of training tracks, one line a model, to be read in black and white too."""

import io
import math
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bench.bootstrap import Interval
from reports.estimates import Line
from reports.rows import ADDED_FAMILY, MEASURES, Measure
from reports.table import track_count
from reports.tag_names import legend_name

FIGURES_FOLDER = "figures"
COMBINED_FIGURE = "table1.svg"
SINGLE_FIGURES = {measure.field: f"{measure.field}.svg" for measure in MEASURES}

_FONT_POINTS = 9
_HANDLE_EMS = 4  # long enough to show a dash pattern
_TICK_ROOM = 0.09  # share of the axis that the name of a size takes
_STYLE = {
    "svg.hashsalt": "tagbench",  # otherwise element names are random and the bytes differ from run to run
    "font.size": _FONT_POINTS,
    "text.parse_math": False,  # a label may hold a dollar sign
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "0.9",
    "axes.axisbelow": True,
}
in_our_style = matplotlib.style.context(["default", _STYLE])
# Marker, dash and fill tell the lines apart without colour; the colours (Okabe and Ito, then Tol) differ for the
# colour-blind, too.
_LINES: tuple[dict[str, Any], ...] = (
    {"color": "#999999", "marker": "x", "linestyle": (0, (1, 2))},
    {"color": "#56B4E9", "marker": "^", "linestyle": (0, (1, 1)), "markerfacecolor": "white"},
    {"color": "#009E73", "marker": "D", "linestyle": (0, (6, 2)), "markerfacecolor": "white"},
    {"color": "#D55E00", "marker": "s", "linestyle": (0, (4, 1, 1, 1))},
    {"color": "#0072B2", "marker": "o", "linestyle": "solid"},
    {"color": "#CC79A7", "marker": "v", "linestyle": (0, (8, 3)), "markerfacecolor": "white"},
    {"color": "#E69F00", "marker": "P", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
    {"color": "#000000", "marker": "*", "linestyle": "solid", "markerfacecolor": "white"},
    {"color": "#882255", "marker": "<", "linestyle": "solid"},
    {"color": "#44AA99", "marker": ">", "linestyle": (0, (4, 2)), "markerfacecolor": "white"},
    {"color": "#332288", "marker": "h", "linestyle": (0, (7, 1, 1, 1))},
    {"color": "#999933", "marker": "p", "linestyle": (0, (2, 1)), "markerfacecolor": "white"},
)


def looks(labels: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return how the line of each model looks, by its label; the same in all figures of a study."""
    return dict(zip(dict.fromkeys(labels), cycle(_LINES), strict=False))


def figures(lines: Sequence[Line]) -> dict[str, bytes]:
    """Return SVG files by name: one for each measure, and `COMBINED_FIGURE` with all side by side.

    The same lines give the same bytes, whatever the user's matplotlib settings. Lines of one size have nothing to show
    against it that a table does not show better: no file.
    """
    if not has_sizes(lines):
        return {}
    drawn = {SINGLE_FIGURES[measure.field]: svg(draw(lines, [measure])) for measure in MEASURES}
    return drawn | {COMBINED_FIGURE: svg(draw(lines, MEASURES))}


def has_sizes(lines: Sequence[Line]) -> bool:
    """Tell whether there is a training size to set a measure against."""
    return len({line.row.n_train for line in lines}) > 1


@in_our_style
def svg(figure: Figure) -> bytes:
    """Return a figure as an SVG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


@in_our_style
def draw(lines: Sequence[Line], measures: Sequence[Measure]) -> Figure:
    """Return a figure with one panel for each measure and a legend above them, models in the order of the lines."""
    names = list(map(legend_name, _labels(lines)))
    width = 1.0 + 2.9 * len(measures)
    columns = _legend_columns(names, width)
    figure = Figure(figsize=(width, 3.0 + 0.2 * math.ceil(len(names) / columns)), layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for panel, measure in zip(panels, measures, strict=True):
        _draw_panel(panel, lines, measure)
    legend_above(figure, panels[0], names)
    return figure


def legend_above(figure: Figure, panel: Axes, names: Sequence[str]) -> None:
    """Put a legend of a panel's lines above all panels."""
    columns = _legend_columns(names, figure.get_figwidth())
    figure.legend(
        panel.lines, names, loc="outside upper center", ncols=columns, frameon=False, handlelength=_HANDLE_EMS
    )


def _legend_columns(names: Sequence[str], width: float) -> int:
    """Return how many names fit side by side in `width` inches, counting each as long as the longest."""
    em = _FONT_POINTS / 72  # inches
    column = em * (_HANDLE_EMS + 3 + 0.65 * max(map(len, names)))  # a letter is about 0.6 em wide in this font
    return max(1, min(len(names), int(width / column)))


def _labels(lines: Sequence[Line]) -> list[str]:
    """Return the models in the order of the lines, added ones last: a study's own look the same without them."""
    own_first = sorted(lines, key=lambda line: line.row.family == ADDED_FAMILY)
    return list(dict.fromkeys(line.row.label for line in own_first))


def _draw_panel(panel: Axes, lines: Sequence[Line], measure: Measure) -> None:
    for label, look in looks(_labels(lines)).items():
        _draw_model(panel, [line for line in lines if line.row.label == label], measure, look)
    if all(measure.field not in line.values for line in lines):
        panel.text(0.5, 0.5, "no tag of this kind is scored", transform=panel.transAxes, ha="center", color="0.4")
        panel.set_yticks([])
    _set_size_axis(panel, sorted({line.row.n_train for line in lines}))
    better = "higher" if measure.higher_is_better else "lower"
    panel.set_title(f"{measure.heading}, {better} is better", fontsize="medium")


def _draw_model(panel: Axes, lines: Iterable[Line], measure: Measure, look: dict[str, Any]) -> None:
    """Draw the means as a line in the band of their intervals, and where there are several seeds, each as a dot."""
    by_size = sorted(lines, key=lambda line: line.row.n_train)
    known = {line.row.n_train: line.values[measure.field] for line in by_size if measure.field in line.values}
    panel.plot(list(known), [one.value * measure.scale for one in known.values()], **look)
    _draw_band(panel, {size: one.interval for size, one in known.items() if one.interval}, measure.scale, look)
    for row in (line.row for line in by_size):
        values = [value * measure.scale for one in row.per_seed if (value := measure.of(one)) is not None]
        if len(row.per_seed) > 1:
            panel.scatter([row.n_train] * len(values), values, s=7, color=look["color"], linewidths=0)


def _draw_band(panel: Axes, intervals: dict[int, Interval], scale: float, look: dict[str, Any]) -> None:
    """Draw a band with an edge of the line's own dashes, which tells it from those that it lies over."""
    if intervals:
        panel.fill_between(
            list(intervals),
            [one.low * scale for one in intervals.values()],
            [one.high * scale for one in intervals.values()],
            facecolor=(look["color"], 0.1),
            edgecolor=(look["color"], 0.8),
            linestyle=look["linestyle"],
            linewidth=0.7,
        )


def _set_size_axis(panel: Axes, sizes: Sequence[int]) -> None:
    """Make the x axis logarithmic with the study's own sizes as ticks, named where there is room."""
    left, right = sizes[0] / 1.4, sizes[-1] * 1.4
    panel.set_xscale("log")
    panel.set_xlim(left, right)
    panel.xaxis.set_major_locator(FixedLocator(sizes))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FixedFormatter(_tick_names(sizes, room=_TICK_ROOM * math.log(right / left))))
    panel.set_xlabel("training tracks (log scale)")


def _tick_names(sizes: Sequence[int], room: float) -> list[str]:
    """Return a name for each size, empty where a named larger one is nearer than `room` on the logarithmic axis."""
    names: list[str] = []
    named = math.inf
    for size in reversed(sizes):
        fits = math.log(named / size) >= room
        names.append(track_count(size) if fits else "")
        named = size if fits else named
    return names[::-1]
