"""Draws the mean predicted over the true prevalence of tags against how frequent they are, one line a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench.metrics import Float64Array
from reports.figures import in_our_style, legend_above, looks
from reports.popularity import PrevalenceBin, Ratio
from reports.resampled import ResampledStudy
from reports.rows import RowKey
from reports.tag_names import legend_name

POPULARITY_FIGURE = "popularity.svg"
FARTHEST = 16.0  # times too many or too few; what lies beyond is drawn at the edge
_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.3g} %")
_TIMES = FuncFormatter(lambda times, _: f"{times:g}" if times >= 1 else f"1/{1 / times:g}")


@in_our_style
def draw_popularity(
    study: ResampledStudy, bins: Sequence[PrevalenceBin], ratios: Mapping[RowKey, Sequence[Ratio]]
) -> Figure:
    """Return the figure of the models at the largest size; `ratios` has those of each row, one a bin."""
    largest = study.study.largest_size
    lines = {label: of_row for (label, n_train), of_row in ratios.items() if n_train == largest}
    look = looks(row.label for row in study.study.rows)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    panel = figure.subplots()
    for label, of_row in lines.items():
        _draw_line(panel, [one.mean for one in bins], of_row, look[label])
    legend_above(figure, panel, list(map(legend_name, lines)))
    _set_axes(panel)
    return figure


def _draw_line(panel: Axes, places: Sequence[float], ratios: Sequence[Ratio], look: Mapping[str, Any]) -> None:
    panel.plot(places, _kept([ratio.value for ratio in ratios]), **look)
    low = [np.nan if ratio.interval is None else ratio.interval.low for ratio in ratios]
    high = [np.nan if ratio.interval is None else ratio.interval.high for ratio in ratios]
    panel.fill_between(places, _kept(low), _kept(high), color=look["color"], alpha=0.12, linewidth=0)


def _kept(ratios: Sequence[float]) -> Float64Array:
    """Return ratios within what is drawn: a log axis has no place for 0."""
    kept: Float64Array = np.clip(ratios, 1 / FARTHEST, FARTHEST)
    return kept


def _set_axes(panel: Axes) -> None:
    panel.axhline(1, color="0.35", linewidth=0.8, zorder=1)
    panel.set(xscale="log", yscale="log", xlabel="share of the test tracks that have a tag (log scale)")
    panel.set_ylabel("given by the model / by the annotators (log scale)")
    lowest, highest = panel.get_ylim()
    panel.set_ylim(max(min(lowest, 0.5), 1 / FARTHEST), min(max(highest, 2), FARTHEST))
    panel.yaxis.set_major_locator(LogLocator(base=2))
    panel.yaxis.set_major_formatter(_TIMES)
    panel.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 3, 5)))
    panel.xaxis.set_major_formatter(_PERCENT)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
