"""The figures show every row, say what they show, and are the same bytes every time."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import same_color, to_hex

from bench.bootstrap import Interval
from bench.record import Measures
from reports.estimates import Estimate, Line, plain_lines
from reports.figures import COMBINED_FIGURE, draw, figures
from reports.rows import MEASURES, Row
from reports.tag_names import LONGEST_NAME

ROC_AUC, PR_AUC, RMSE = MEASURES


def make_lines(
    labels: Sequence[str] = ("prior", "linear", "gbt", "waveform", "spectrogram"),
    sizes: Sequence[int] = (40, 120, 320),
    n_seeds: int = 1,
    rmse: float | None = 0.2,
) -> list[Line]:
    def scores(place: int, seed: int) -> Measures:
        return Measures(roc_auc=0.5 + place / 100 + seed / 1000, pr_auc=0.25, rmse=rmse)

    return plain_lines(
        Row(label, label, "", size, tuple(scores(place, seed) for seed in range(n_seeds)))
        for place, label in enumerate(labels)
        for size in sizes
    )


def test_there_is_a_figure_of_each_measure_and_one_of_all() -> None:
    drawn = figures(make_lines())
    assert set(drawn) == {"roc_auc.svg", "pr_auc.svg", "rmse.svg", COMBINED_FIGURE}
    for content in drawn.values():
        assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  we drew it


def test_another_process_with_other_settings_draws_the_same_bytes(tmp_path: Path) -> None:
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 20\naxes.facecolor: red\nsvg.fonttype: none\n")
    program = (
        "import sys; from reports.figures import figures; from tests.test_figures import make_lines; "
        "sys.stdout.buffer.write(figures(make_lines())['table1.svg'])"
    )
    environment = {"MATPLOTLIBRC": str(settings), "PYTHONHASHSEED": "1", "MPLCONFIGDIR": str(tmp_path)}
    root = Path(__file__).parent.parent
    run = subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, check=True)
    assert run.stdout == figures(make_lines())[COMBINED_FIGURE]


def test_drawing_leaves_the_callers_settings_alone() -> None:
    before = dict(mpl.rcParams)
    figures(make_lines())
    assert dict(mpl.rcParams) == before


def test_a_line_joins_the_means_of_a_model_from_small_to_large() -> None:
    lines = make_lines(labels=("gbt",), n_seeds=3)[::-1]
    (line,) = draw(lines, [ROC_AUC]).axes[0].lines
    assert np.asarray(line.get_xdata()).tolist() == [40, 120, 320]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([50.1] * 3)


def test_each_of_several_seeds_is_a_dot_and_a_single_one_is_not() -> None:
    (dots,) = draw(make_lines(labels=("gbt",), sizes=(40,), n_seeds=3), [ROC_AUC]).axes[0].collections
    assert sorted(np.asarray(dots.get_offsets())[:, 1]) == pytest.approx([50.0, 50.1, 50.2])
    assert not draw(make_lines(labels=("gbt",)), [ROC_AUC]).axes[0].collections


def test_a_band_joins_the_ends_of_the_intervals_in_the_look_of_its_line() -> None:
    lines = [
        replace(line, values={"rmse": Estimate(0.2, Interval(0.2 - line.row.n_train / 1e4, 0.25))})
        for line in make_lines(labels=("gbt", "linear"))
    ]
    (panel,) = draw(lines, [RMSE]).axes
    bands = panel.collections
    corners = np.asarray(bands[0].get_paths()[0].vertices).round(6).tolist()
    assert {tuple(corner) for corner in corners} == {
        (40, 0.196),
        (120, 0.188),
        (320, 0.168),
        (40, 0.25),
        (120, 0.25),
        (320, 0.25),
    }
    for band, line in zip(bands, panel.lines, strict=True):
        assert same_color(to_hex(np.asarray(band.get_edgecolor())[0]), line.get_color())
    assert bands[0].get_linestyle() != bands[1].get_linestyle()


def test_models_differ_by_dash_and_marker_without_colour() -> None:
    lines = make_lines()
    markers = {line.get_marker() for line in draw(lines, [ROC_AUC]).axes[0].lines}
    dashes = set(re.findall(r"stroke-dasharray: ([\d., ]+)", figures(lines)["roc_auc.svg"].decode()))
    assert (len(markers), len(dashes)) == (5, 4)  # the fifth line is solid


def test_the_sizes_of_the_study_are_the_ticks_and_the_axis_is_logarithmic() -> None:
    (panel,) = draw(make_lines(sizes=(100_000, 500_000, 1_000_000)), [PR_AUC]).axes
    assert panel.get_xscale() == "log"
    assert [text.get_text() for text in panel.get_xticklabels()] == ["100k", "500k", "1M"]


def test_a_size_too_near_the_next_has_a_tick_but_no_name() -> None:
    (panel,) = draw(make_lines(sizes=(300, 320, 1000)), [PR_AUC]).axes
    assert [text.get_text() for text in panel.get_xticklabels()] == ["", "320", "1k"]


def test_panels_say_measure_unit_and_direction() -> None:
    panels = draw(make_lines(), MEASURES).axes
    assert [panel.get_title() for panel in panels] == [
        "ROC-AUC %, higher is better",
        "PR-AUC %, higher is better",
        "√MSE, lower is better",
    ]
    assert {panel.get_xlabel() for panel in panels} == {"training tracks (log scale)"}


def test_a_measure_that_nothing_has_says_so() -> None:
    panels = draw(make_lines(rmse=None), MEASURES).axes
    assert [[text.get_text() for text in panel.texts] for panel in panels] == [
        [],
        [],
        ["no tag of this kind is scored"],
    ]


@pytest.mark.parametrize("n_panels", [1, 3])
@pytest.mark.parametrize("labels", [[r"$\nonsense$", "_hidden", "x" * 100], [f"model number {n}" for n in range(12)]])
def test_every_model_is_named_inside_the_picture(labels: list[str], n_panels: int) -> None:
    figure = draw(make_lines(labels=labels), MEASURES[:n_panels])
    figure.draw_without_rendering()
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert len(names) == len(labels)
    assert all(len(name) <= LONGEST_NAME for name in names)
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    panels = [panel.get_tightbbox() for panel in figure.axes]
    assert all(panel is not None and not box.overlaps(panel) for panel in panels)


def test_twelve_models_have_a_line_each_that_no_other_has() -> None:
    panel = draw(make_lines([f"model {number}" for number in range(12)]), [ROC_AUC]).axes[0]
    assert len({line.get_marker() for line in panel.lines}) == 12
    assert len({line.get_color() for line in panel.lines}) == 12
