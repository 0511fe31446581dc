"""Draws each measure against the number of training tracks, one line a model, to be read in black and white too."""

import io
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from reports.rows import MEASURES, Measure, Row
from reports.table import track_count

_STYLE = {
    "svg.hashsalt": "tagbench",  # otherwise element names are random and the bytes differ from run to run
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "0.9",
    "axes.axisbelow": True,
}
# Marker, dash and fill tell the lines apart without colour; the colours (Okabe and Ito) differ for the colour-blind.
_LINES: tuple[dict[str, Any], ...] = (
    {"color": "#999999", "marker": "x", "linestyle": (0, (1, 2))},
    {"color": "#56B4E9", "marker": "^", "linestyle": (0, (1, 1)), "markerfacecolor": "white"},
    {"color": "#009E73", "marker": "D", "linestyle": (0, (6, 2)), "markerfacecolor": "white"},
    {"color": "#D55E00", "marker": "s", "linestyle": (0, (4, 1, 1, 1))},
    {"color": "#0072B2", "marker": "o", "linestyle": "solid"},
    {"color": "#CC79A7", "marker": "v", "linestyle": (0, (8, 3)), "markerfacecolor": "white"},
    {"color": "#E69F00", "marker": "P", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
    {"color": "#000000", "marker": "*", "linestyle": "solid", "markerfacecolor": "white"},
)


def figures(rows: Sequence[Row]) -> dict[str, bytes]:
    """Return SVG files by name: one for each measure, and `table1.svg` with all three side by side.

    The same rows give the same bytes, whatever the user's matplotlib settings.
    """
    drawn = {f"{measure.field}.svg": _svg(rows, [measure]) for measure in MEASURES}
    return drawn | {"table1.svg": _svg(rows, MEASURES)}


def _svg(rows: Sequence[Row], measures: Sequence[Measure]) -> bytes:
    with matplotlib.style.context(["default", _STYLE]):
        figure = draw(rows, measures)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def draw(rows: Sequence[Row], measures: Sequence[Measure]) -> Figure:
    """Return a figure with one panel for each measure and a legend above them, models in the order of the rows."""
    labels = list(dict.fromkeys(row.label for row in rows))
    columns = min(len(labels), 2 if len(measures) == 1 else 5)
    legend_lines = -(-len(labels) // columns)
    figure = Figure(figsize=(1.0 + 2.9 * len(measures), 2.7 + 0.22 * legend_lines), layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for panel, measure in zip(panels, measures, strict=True):
        _draw_panel(panel, rows, measure)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=columns, frameon=False, handlelength=4)
    return figure


def _draw_panel(panel: Axes, rows: Sequence[Row], measure: Measure) -> None:
    sizes = sorted({row.n_train for row in rows})
    labels = list(dict.fromkeys(row.label for row in rows))
    for label, look in zip(labels, cycle(_LINES), strict=False):
        _draw_model(panel, [row for row in rows if row.label == label], measure, look)
    if all(measure.of(row.metrics) is None for row in rows):
        panel.text(0.5, 0.5, "no tag of this kind is scored", transform=panel.transAxes, ha="center", color="0.4")
        panel.set_yticks([])
    panel.set_xscale("log")
    panel.set_xlim(sizes[0] / 1.4, sizes[-1] * 1.4)
    panel.xaxis.set_major_locator(FixedLocator(sizes))
    panel.xaxis.set_major_formatter(FixedFormatter([track_count(size) for size in sizes]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("training tracks (log scale)")
    better = "higher" if measure.higher_is_better else "lower"
    panel.set_title(f"{f'{measure.title} {measure.unit}'.strip()}, {better} is better", fontsize="medium")


def _draw_model(panel: Axes, rows: Iterable[Row], measure: Measure, look: dict[str, Any]) -> None:
    """Draw the means as a line, and where there are several seeds, each of them as a dot."""
    by_size = sorted(rows, key=lambda row: row.n_train)
    means = [(row.n_train, value) for row in by_size if (value := measure.of(row.metrics)) is not None]
    panel.plot(
        [size for size, _ in means],
        [value * measure.scale for _, value in means],
        label=by_size[0].label,
        linewidth=1.4,
        markersize=5,
        **look,
    )
    for row in by_size:
        values = [value * measure.scale for one in row.per_seed if (value := measure.of(one)) is not None]
        if len(row.per_seed) > 1:
            panel.scatter([row.n_train] * len(values), values, s=5, color=look["color"], alpha=0.6, linewidths=0)
