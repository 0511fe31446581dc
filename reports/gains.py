"""Draws which groups of inputs lowered a model's training loss: one stacked bar a tag."""

import re
from collections.abc import Iterable
from itertools import cycle

import pandas as pd
from matplotlib.figure import Figure

from reports.figures import in_our_style
from reports.study_folder import FinishedCell
from reports.table import escape, track_count
from reports.tag_names import legend_name

INPUTS_BAR = "inputs, by number"
_COLOURS = ("#0072B2", "#E69F00", "#BBBBBB", "#009E73", "#CC79A7", "#56B4E9")  # the first three differ in grey too
_BAR_INCHES = 0.16


def gain_cells(finished: Iterable[FinishedCell]) -> dict[str, FinishedCell]:
    """Return, by the name of its figure, one cell of each label with several groups: largest size, first seed."""
    telling = [one for one in finished if len(one.gains) and len(group_sizes(one.gains)) > 1]
    ordered = sorted(telling, key=lambda one: (-one.cell.n_train, one.cell.seed))
    first: dict[str, FinishedCell] = {}
    for label in dict.fromkeys(one.cell.label for one in telling):
        first[_file_name(label, first)] = next(one for one in ordered if one.cell.label == label)
    return first


def _file_name(label: str, taken: Iterable[str]) -> str:
    """Return a file name for a label, other than those taken."""
    stem = "gains_" + re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-")
    name, number = f"{stem}.svg", 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}.svg"
    return name


def gain_title(one: FinishedCell) -> str:
    """Return which model a figure is of."""
    return f"{legend_name(one.cell.label)}, {track_count(one.cell.n_train)} training tracks"


def gain_note(cells: Iterable[FinishedCell]) -> str:
    """Return how to read the figures of these cells, with the number of inputs in each group."""
    sizes = "; ".join(
        f"{escape(one.cell.label)}: {', '.join(f'{group} {size:,}' for group, size in group_sizes(one.gains).items())}"
        for one in cells
    )
    return (
        "A bar is one tag's gain, by how much the splits of its trees lowered the training loss, shared out among the "
        f"groups of inputs ({sizes}); largest size, first seed. It tells what the trees used, not what causes a tag, "
        "and a group of more inputs has more chances to be used: the top bar shows each group's share of the inputs."
    )


def group_sizes(gains: pd.DataFrame) -> dict[str, int]:
    """Return the number of inputs in each group."""
    groups = gains.drop_duplicates("group")
    return dict(zip(groups["group"], groups["n_inputs"].tolist(), strict=True))


def gain_shares(gains: pd.DataFrame) -> pd.DataFrame:
    """Return each group's share of a tag's gain, a row a tag, the share of the first group falling from row to row.

    A tag without any gain has shares of 0.
    """
    table = gains.pivot_table("gain", "tag", "group", "sum", sort=False)
    shares = table.div(table.sum(axis=1), axis=0).fillna(0.0)
    return shares.sort_values([*shares.columns, "tag"], ascending=[False] * len(shares.columns) + [True])


@in_our_style
def draw_gains(one: FinishedCell) -> Figure:
    """Return a figure with one horizontal bar a tag, and above them one for the numbers of inputs."""
    shares, sizes = gain_shares(one.gains), group_sizes(one.gains)
    names = [INPUTS_BAR, *map(legend_name, shares.index)]
    places = [-0.6, *range(1, len(names))]
    figure = Figure(figsize=(6.4, 1.2 + _BAR_INCHES * len(names)), layout="constrained")
    panel = figure.subplots()
    left = [0.0] * len(names)
    for group, colour in zip(sizes, cycle(_COLOURS), strict=False):
        widths = [100 * sizes[group] / sum(sizes.values()), *(100 * shares[group])]
        panel.barh(places, widths, left=left, color=colour, label=f"{group} ({sizes[group]:,})", height=0.8)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    panel.set(xlim=(0, 100), ylim=(len(names), -1.4), xlabel="share of the tag's gain, %")
    panel.set_yticks(places, names, fontsize="small")
    panel.tick_params("y", length=0)
    panel.grid(visible=False)
    figure.legend(title=gain_title(one), loc="outside upper center", ncols=min(len(sizes), 4), frameon=False)
    return figure
