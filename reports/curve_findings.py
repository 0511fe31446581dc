"""What a study's learning curves tell: a table, where the two networks would meet or why not, and a figure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.bootstrap import Draws
from bench.metrics import Float64Array
from reports.claims.evidence import ONE_GROUP, Evidence, LackingError, as_error, error_title
from reports.figures import in_our_style
from reports.learning_curves import REACH, TAILS, Curves, Meeting, fit_curves, meeting
from reports.rows import BASELINE, MEASURES, SPECTROGRAM, WAVEFORM, Measure
from reports.table import aligned, escape, track_count
from reports.tag_names import legend_name

HEADING = "## Learning curves"
FIGURE = "learning_curves.svg"
LEAST_SIZES = 5  # for three parameters: what they leave unexplained has to show
DRAWN_REACH = 4  # times the largest size
_LOOKS: dict[str, dict[str, Any]] = {  # those of the three in the demo's figure of Table 1
    BASELINE: {"color": "#009E73", "marker": "D", "linestyle": (0, (6, 2)), "markerfacecolor": "white"},
    WAVEFORM: {"color": "#D55E00", "marker": "s", "linestyle": (0, (4, 1, 1, 1))},
    SPECTROGRAM: {"color": "#0072B2", "marker": "o", "linestyle": "solid"},
}
CANNOT_SAY = "The data cannot say where the waveform model would meet the spectrogram model"


@dataclass(frozen=True, eq=False)
class Fitted:
    """The curve of one error of one model, and the `errors` by size to which it was fitted."""

    family: str
    label: str
    measure: Measure
    errors: Mapping[int, Draws]
    curves: Curves


def fitted_curves(evidence: Evidence) -> list[Fitted]:
    """Return the curve of each error of each model that has `LEAST_SIZES` sizes or more.

    There is none where all test tracks are of one group: they cannot be resampled.
    """
    found: list[Fitted] = []
    if evidence.is_of_one_group:
        return found
    for measure in MEASURES:
        for family, model in evidence.models.items():
            values = {size: of[measure.field] for size, of in sorted(model.values.items()) if measure.field in of}
            if len(values) >= LEAST_SIZES:
                errors = {size: as_error(value, measure) for size, value in values.items()}
                curves = fit_curves(list(errors), list(errors.values()))
                found.append(Fitted(family, model.label, measure, errors, curves))
    return found


def curve_sections(evidence: Evidence, fitted: Sequence[Fitted]) -> Iterator[str]:
    """Yield the curves as a table, and where those of the two networks meet or why the data cannot say."""
    yield HEADING
    if fitted:
        yield (
            "Each error as a + b · n^(-c) of the number n of training tracks, fitted by least squares to the study's "
            "own sizes, and again on every resample of its test tracks: 95 % of these lie between the numbers in "
            "brackets. a is what endless data would leave. How well a curve foretells what lies beyond the largest "
            "size, nothing here can tell."
        )
        yield _table(fitted)
    yield "\n".join(f"- {line}" for line in _meetings(evidence, fitted))


def _table(fitted: Sequence[Fitted]) -> str:
    body = [
        [
            _heading(one.measure),
            escape(one.label),
            _between(one.curves.a * one.measure.scale, one.measure.decimals),
            _between(one.curves.c, decimals=2),
        ]
        for one in fitted
    ]
    return aligned(["Error", "Model", "a", "c"], body, text=(0, 1))


def _heading(measure: Measure) -> str:
    return f"{error_title(measure)} {measure.unit}".strip()


def _between(columns: Float64Array, decimals: int) -> str:
    low, high = np.quantile(columns[1:], TAILS)
    return f"{columns[0]:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


def _meetings(evidence: Evidence, fitted: Sequence[Fitted]) -> Iterator[str]:
    """Yield for each error where the curves of waveform and spectrogram meet."""
    if evidence.is_of_one_group:
        yield f"{CANNOT_SAY}: {ONE_GROUP}."
        return
    try:
        waveform, spectrogram = evidence.model(WAVEFORM), evidence.model(SPECTROGRAM)
        sizes = [size for size in spectrogram.sizes if waveform.at(size) and spectrogram.at(size)]
    except LackingError as lacking:
        yield f"{CANNOT_SAY}: {escape(str(lacking))}."
        return
    if len(sizes) < LEAST_SIZES:
        yield f"{CANNOT_SAY}: that takes {LEAST_SIZES} training sizes or more, and the study has {len(sizes)}."
        return
    for measure in MEASURES:
        curves = {one.family: one.curves for one in fitted if one.measure == measure}
        if curves:
            found = meeting(curves[WAVEFORM], curves[SPECTROGRAM], largest=sizes[-1])
            yield f"**{error_title(measure)}.** {_told(found)}"


def _told(found: Meeting) -> str:
    low, high = found.interval.low, found.interval.high
    if found.is_known:
        interval = f"{_size(low)} to {_size(high)}"
        return f"The waveform model meets the spectrogram model at {_size(found.size)} tracks ({interval})."
    why = [
        f"in {100 * share:.0f} % of the resamples {what}"
        for share, what in (
            (found.passed, "it is not the worse one even at the smallest size"),
            (found.apart, f"the curves do not meet within {REACH:,} times the largest size"),
        )
        if share > TAILS[0]
    ]
    not_before = f"; before {_size(low)} tracks they do not meet" if 0 < low < np.inf else ""
    return f"{CANNOT_SAY}: {', and '.join(why)}{not_before}."


def _size(n_train: float) -> str:
    """Return a number of tracks to two digits."""
    return track_count(round(float(f"{n_train:.2g}")))


@in_our_style
def draw_curves(fitted: Sequence[Fitted]) -> Figure:
    """Return a figure with one panel an error: the points that were fitted, and the curves with 95 % bands."""
    measures = list(dict.fromkeys(one.measure for one in fitted))
    figure = Figure(figsize=(1.0 + 2.9 * len(measures), 3.4), layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for panel, measure in zip(panels, measures, strict=True):
        _draw_panel(panel, [one for one in fitted if one.measure == measure])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def _draw_panel(panel: Axes, fitted: Sequence[Fitted]) -> None:
    for one in fitted:
        look, scale = _LOOKS[one.family], one.measure.scale
        sizes = np.geomspace(one.curves.start, DRAWN_REACH * max(one.errors), 100)
        curves = one.curves.at(sizes) * scale
        low, high = np.quantile(curves[1:], TAILS, axis=0)
        panel.fill_between(sizes, low, high, color=look["color"], alpha=0.15, linewidth=0)
        panel.plot(sizes, curves[0], color=look["color"], linestyle=look["linestyle"])
        dots = {name: value for name, value in look.items() if name != "linestyle"}
        values = [error.value * scale for error in one.errors.values()]
        panel.plot(list(one.errors), values, **dots, linestyle="none", label=legend_name(one.label))
    panel.axvline(max(fitted[0].errors), color="0.7", linewidth=0.8)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: track_count(round(size))))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("training tracks (log scale)")
    panel.set_title(f"{_heading(fitted[0].measure)}, lower is better", fontsize="medium")
