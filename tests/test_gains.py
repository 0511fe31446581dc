"""The gain of each group of inputs is kept with a cell, shared out, drawn and told in the report."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from baselines.gbt import gains_by_group
from bench.errors import InputError
from bench.output import GAINS_FILE, write_gains
from bench.run import Machine, run_study
from bench.study import Study
from reports.gains import INPUTS_BAR, draw_gains, gain_cells, gain_note, gain_shares
from reports.report import write_report
from reports.study_folder import FinishedCell, read_study_folder
from tests.conftest import StudyOnDisk
from tests.factories import make_record, make_scores, make_test_part, write_scored_study, write_study

SIZES = {"timbre": 5, "rhythm": 3}
GAINS = {"rock": (1.0, 3.0), "jazz": (6.0, 2.0), "NA": (0.0, 0.0)}


def make_gains(gains: Mapping[str, tuple[float, ...]] = GAINS, sizes: Mapping[str, int] = SIZES) -> pd.DataFrame:
    rows = [
        (tag, group, size, gain)
        for tag, values in gains.items()
        for (group, size), gain in zip(sizes.items(), values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["tag", "group", "n_inputs", "gain"])


def finished_cells(out: Path, *cells: tuple[str, int, int], gains: pd.DataFrame | None = None) -> list[FinishedCell]:
    """Return finished cells of these labels, sizes and seeds, each with the same gains."""
    records = [make_record(*cell) for cell in cells]
    write_study(out, records)
    for record in records:
        write_gains(make_gains() if gains is None else gains, out / "cells" / record.digest)
    return list(read_study_folder(out).finished)


def test_gains_are_added_up_by_the_first_part_of_a_descriptors_name() -> None:
    gains = pd.DataFrame(
        [("rock", "timbre.mfcc.0", 1.0), ("rock", "timbre.rms", 0.5), ("jazz", "rhythm.tempo", 2.0)],
        columns=["tag", "descriptor", "gain"],
    )
    by_group = gains_by_group(gains, ["timbre.mfcc.0", "timbre.rms", "rhythm.tempo"])
    assert by_group.to_numpy().tolist() == [
        ["rock", "timbre", 2, 1.5],
        ["rock", "rhythm", 1, 0.0],
        ["jazz", "timbre", 2, 0.0],
        ["jazz", "rhythm", 1, 2.0],
    ]


def test_gains_come_back_from_disk_and_a_family_without_any_writes_none(tmp_path: Path) -> None:
    (one,) = finished_cells(tmp_path / "gbt", ("gbt", 40, 0))
    pd.testing.assert_frame_equal(one.gains, make_gains())
    (prior,) = finished_cells(tmp_path / "prior", ("prior", 40, 0), gains=pd.DataFrame())
    assert prior.gains.empty
    assert not list(tmp_path.rglob("prior/**/gains.csv"))


@pytest.mark.parametrize("content", ["", "tag,group\na,b\n", "tag,group,n_inputs,gain\na,b,1,much\n", "\udcff"])
def test_damaged_gains_are_named(content: str, tmp_path: Path) -> None:
    finished_cells(tmp_path, ("gbt", 40, 0))
    (file,) = tmp_path.rglob(GAINS_FILE)
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match="damaged") as refused:
        read_study_folder(tmp_path)
    assert str(refused.value).startswith(str(file))


def test_shares_of_a_tag_add_up_to_one_and_the_first_group_leads_down_the_page() -> None:
    shares = gain_shares(make_gains())
    assert list(shares.columns) == list(SIZES)
    assert list(shares.index) == ["jazz", "rock", "NA"]
    assert shares.to_numpy().tolist() == [[0.75, 0.25], [0.25, 0.75], [0, 0]]


def test_each_model_is_drawn_at_its_largest_size_and_first_seed(tmp_path: Path) -> None:
    cells = [("gbt", 40, 0), ("gbt", 320, 1), ("gbt", 320, 0), ("other", 40, 0)]
    drawn = gain_cells(finished_cells(tmp_path, *cells))
    assert {name: (one.cell.label, one.cell.n_train, one.cell.seed) for name, one in drawn.items()} == {
        "gains_gbt.svg": ("gbt", 320, 0),
        "gains_other.svg": ("other", 40, 0),
    }


def test_every_label_makes_a_safe_file_name_of_its_own(tmp_path: Path) -> None:
    labels = ["../trees", "gbt, deep", "gbt deep", "木"]
    names = list(gain_cells(finished_cells(tmp_path, *((label, 40, 0) for label in labels))))
    assert names == ["gains_..-trees.svg", "gains_gbt-deep.svg", "gains_gbt-deep-2.svg", "gains_.svg"]


def test_bars_show_the_shares_below_one_of_the_number_of_inputs(tmp_path: Path) -> None:
    (one,) = finished_cells(tmp_path, ("gbt", 320, 0))
    panel = draw_gains(one).axes[0]
    assert [text.get_text() for text in panel.get_yticklabels()] == [INPUTS_BAR, "jazz", "rock", "NA"]
    widths = [[bar.get_width() for bar in group] for group in panel.containers]
    assert widths == [[62.5, 75, 25, 0], [37.5, 25, 75, 0]]
    assert [bar.get_x() for bar in panel.containers[1]] == widths[0]


@pytest.mark.parametrize("n_tags", [1, 40, 139])
@pytest.mark.parametrize("n_groups", [1, 3, 7])
def test_nothing_overlaps_and_every_tag_is_named_inside_the_picture(n_tags: int, n_groups: int, tmp_path: Path) -> None:
    sizes = {f"group {number}": 100 for number in range(n_groups)}
    gains = make_gains({f"tag number {number} " + "x" * 50: (1.0,) * n_groups for number in range(n_tags)}, sizes)
    (one,) = finished_cells(tmp_path, (r"$\nonsense$" + "x" * 80, 320, 0), gains=gains)
    figure = draw_gains(one)
    figure.draw_without_rendering()
    (legend,), (panel,) = figure.legends, figure.axes
    box, around = legend.get_window_extent(), panel.get_tightbbox()
    assert around is not None
    assert not box.overlaps(around)
    assert min(box.x0, around.x0) >= 0
    assert max(box.x1, around.x1) <= figure.bbox.x1
    names = [text.get_window_extent() for text in panel.get_yticklabels()]
    assert all(lower.y1 <= upper.y0 for upper, lower in itertools.pairwise(names))


def test_the_report_draws_the_gains_and_tells_how_to_read_them(tmp_path: Path) -> None:
    test = make_test_part()
    scores = {(label, 40, 0): make_scores(test, skill=0.5) for label in ("shallow", "deep")}
    write_scored_study(tmp_path, test, scores)
    for folder in (tmp_path / "cells").iterdir():
        write_gains(make_gains(), folder)
    cells = read_study_folder(tmp_path).finished
    write_report(tmp_path)
    page = (tmp_path / "table1.md").read_text(encoding="utf-8")
    section = page.split("## Where the gain comes from")[1].split("\n## ")[0]
    assert gain_note(cells) in section
    assert "shallow: timbre 5, rhythm 3; deep: timbre 5, rhythm 3" in section
    assert "(figures/gains_deep.svg)" in section
    first = (tmp_path / "figures" / "gains_deep.svg").read_bytes()
    write_report(tmp_path)
    assert (tmp_path / "figures" / "gains_deep.svg").read_bytes() == first


def test_a_study_of_trees_keeps_and_draws_their_gains(small_study: StudyOnDisk) -> None:
    content = small_study.study.model_dump(mode="json", exclude_none=True)
    study = Study.model_validate(content | {"sizes": [12], "families": [{"family": "prior"}, {"family": "gbt"}]})
    run_study(study, out=small_study.out, root=small_study.root, machine=Machine("cpu", 1, small_study.cache))
    write_report(small_study.out)
    (gains,) = [one.gains for one in read_study_folder(small_study.out).finished if len(one.gains)]
    assert list(dict.fromkeys(gains["group"])) == ["timbre", "rhythm", "harmony"]
    assert set(gains["tag"]) >= {"tone", "loud"}
    assert gains.groupby("tag")["gain"].sum()["tone"] > 0
    assert (small_study.out / "figures" / "gains_gbt.svg").is_file()
