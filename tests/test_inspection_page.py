"""`tagbench inspect`: the page, its tables, the figures, and what is printed."""

import csv
import io
import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from bench.cli import exit_code
from bench.corpus import Corpus
from bench.inspection import Inspection, inspect_tags
from bench.locks import LOCKS_FOLDER
from reports.inspection import inspection_page, write_inspection
from reports.tag_figures import (
    HEAT_MAP,
    MOST_TAGS_OF_A_MAP,
    PANELS,
    ROWS,
    draw_distributions,
    draw_heat_map,
    draw_prevalence,
    map_order,
    tag_figures,
)
from reports.tag_findings import findings
from reports.tag_names import columns
from reports.tag_summary import NOTHING, WIDTH, summary
from reports.tag_tables import co_occurrence_csv, tags_csv
from tests.conftest import STUDY, StudyOnDisk
from tests.tagged_corpus import make_corpus, make_study

ODD_NAMES = ["$x_1$ *b* | <i>", "a/../b", 'quo"te', "木管楽器", "x" * 300, "```\nfence", "\x1b[31m-->", "#", "&amp;"]
PARTS = ["train", "valid", "test"]


def make_many(n_classification: int = 4, n_regression: int = 3, *, n_tracks: int = 90, names: str = "tag") -> Corpus:
    """Return a corpus with tags of both kinds, drawn at random; the first regression tag is mostly zero."""
    draw = np.random.default_rng(0)
    tags = {
        f"{names} {number}": (draw.random(n_tracks) < 0.5 / (1 + number / 9)).astype(float).tolist()
        for number in range(n_classification)
    }
    for number in range(n_regression):
        mostly_zero = (draw.random(n_tracks) < 0.1) * 0.95
        tags[f"{names} graded {number}"] = (mostly_zero if number == 0 else draw.random(n_tracks)).tolist()
    return make_corpus(tags, parts=[PARTS[number % 3] for number in range(n_tracks)])


def inspect(corpus: Corpus, **changes: object) -> Inspection:
    return inspect_tags(make_study(**changes), corpus)


@pytest.fixture(scope="module")
def odd() -> Inspection:
    """Tags of both kinds with the oddest of names."""
    corpus = make_many(len(ODD_NAMES) - 2, 2)
    frame = dict(zip(ODD_NAMES, corpus.targets.T.tolist(), strict=True))
    assert corpus.parts is not None
    return inspect(make_corpus(frame, parts=corpus.parts.tolist()))


def page(found: Inspection) -> str:
    return inspection_page(found, tag_figures(found))


def table_cells(text: str) -> list[list[str]]:
    """Return the cells of every line of every table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def toml_blocks(text: str) -> list[dict[str, dict[str, dict[str, object]]]]:
    return [tomllib.loads(part.split("\n```")[0]) for part in text.split("```toml\n")[1:]]


def test_the_page_gives_the_lines_that_make_a_tag_what_it_looks_like_and_they_work() -> None:
    steps = [0.0, 0.25, 0.5, 0.75, 1.0] * 4
    corpus = make_corpus(
        {"solo": [0.02] * 17 + [0.9] * 3, "yes": [0, 1] * 10, "flat": [0.25] * 20, "tempo": steps},
        kinds={"yes": "regression"},
    )
    text = page(inspect(corpus))
    (block,) = toml_blocks(text)
    assert block["tags"] == {
        "solo": {"positive_above": 0.5},
        "yes": {"kind": "classification"},
        "flat": {"leave_out": True},
    }
    assert "2 tags declared otherwise, but looking like classification: solo; yes." in text
    after = inspect(corpus, tags=block["tags"])
    assert [(facts.tag.name, facts.tag.kind) for facts in after.tags] == [
        ("solo", "classification"),
        ("yes", "classification"),
        ("tempo", "regression"),
    ]
    assert not toml_blocks(page(after))


def test_what_the_study_decided_is_told_but_not_questioned() -> None:
    corpus = make_corpus({"tempo": np.linspace(0, 1, 50).tolist(), "rock": [0, 1] * 25})
    text = page(inspect(corpus, tags={"tempo": {"positive_above": 0.5}}))
    assert "| classification, positive above 0.5 (study) | pseudo-uniform |" in text
    assert not toml_blocks(text)
    assert "looking like" not in text


def test_suggested_groups_can_be_put_into_a_study_as_they_stand() -> None:
    corpus = make_corpus({"baroque era": [1] * 50 + [0] * 50, "jazz": [0] * 50 + [1] * 50})
    (block,) = toml_blocks(page(inspect(corpus)))
    after = inspect(corpus, tags=block["tags"])
    assert list(after.exclusive.groups.values()) == [("baroque era", "jazz")]


def test_exclusive_tags_that_stand_together_are_on_the_page_with_tracks() -> None:
    corpus = make_corpus({"a": [1, 1, 1, 1, 1], "b": [1, 1, 1, 1, 0]}, exclusive={"a": "era", "b": "era"})
    text = page(inspect(corpus))
    assert "1 pair declared exclusive, and yet together: a / b on 4 tracks." in text
    assert ["era", "a", "b", "t00000, t00001, t00002, …", "4", "80.0 %"] in table_cells(text)


def test_groups_in_two_parts_are_on_the_page() -> None:
    corpus = make_corpus({"rock": [0, 1, 1, 0]}, groups=["a", "b", "a", "a"], parts=["train", "train", "test", "test"])
    text = page(inspect(corpus))
    assert "1 group (such as artists) both in the training and in the test part, there with 2 tracks" in text
    assert ["training and test", "1", "1 of 2", "2 of 2"] in table_cells(text)
    assert "No track in the validation part." in text


def test_what_is_too_rare_is_marked_where_it_is() -> None:
    corpus = make_corpus(
        {"rock": [1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0]}, parts=["train"] * 4 + ["valid"] * 3 + ["test"] * 4
    )
    text = page(inspect(corpus, sizes=[4]))
    assert ["1", "rock", "", "1 (25.0 %)", "1 (33.3 %) !", "2 (50.0 %)", "1"] in table_cells(text)
    assert "1 of 1 classification tag without 2 positives and 2 negatives among the validation tracks" in text
    assert "not scored, without" not in text


def test_nothing_to_say_is_said() -> None:
    found = inspect(make_corpus({"rock": [0, 1, 1, 0] * 30}, parts=PARTS * 40), sizes=[40])
    quiet = [line for line in findings(found, str) if "without any" not in line]
    assert quiet == []
    only_graded = inspect(
        make_many(0, 1, n_tracks=90).take(np.arange(90)), tags={"tag graded 0": {"kind": "regression"}}
    )
    assert findings(only_graded, str) == []
    assert NOTHING in summary(only_graded)
    assert "Nothing." in page(only_graded)


def test_odd_names_break_no_table_no_list_and_no_fence(odd: Inspection) -> None:
    text = page(odd)
    tables = [
        list(lines)
        for is_table, lines in itertools.groupby(text.splitlines(), lambda line: line.startswith("|"))
        if is_table
    ]
    assert len(tables) >= 5
    for table in tables:
        cells = {line.replace("\\|", "").count("|") for line in table}
        assert len(cells) == 1
        assert re.fullmatch(r"\|( (:-+|-+:) \|)+", table[1])
    assert "\x1b" not in text
    assert r"\$x_1\$ \*b\* \| \<i\>" in text
    assert [line for line in text.splitlines() if line.startswith("```")] == ["```toml", "```"] * len(toml_blocks(text))


def test_csv_has_whole_names_and_every_number(odd: Inspection) -> None:
    rows = list(csv.DictReader(io.StringIO(tags_csv(odd))))
    assert [row["tag"] for row in rows] == ODD_NAMES
    assert int(rows[0]["test_positives"]) == odd.tags[0].parts["test"].positives
    assert float(rows[-1]["mean"]) == odd.tags[-1].given.mean
    assert rows[-1]["test_positives"] == ""
    assert sum(int(rows[0][key]) for key in rows[0] if key.startswith("from_")) == 90
    counts = pd.read_csv(io.StringIO(co_occurrence_csv(odd.together)), index_col="tag", keep_default_na=False)
    assert list(counts.index) == list(counts.columns) == ODD_NAMES[:-2]
    assert (counts.to_numpy() == odd.together.both).all()


def test_figures_are_whole_with_odd_names_and_no_file_bears_one(odd: Inspection) -> None:
    drawn = tag_figures(odd)
    assert list(drawn) == ["distributions_1.svg", "prevalence_1.svg", "tags_per_track.svg", HEAT_MAP]
    for content in drawn.values():
        assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  we drew it


def test_many_tags_go_on_pages() -> None:
    drawn = tag_figures(inspect(make_many(ROWS + 1, PANELS + 1)))
    assert {name for name in drawn if name[-5].isdigit()} == {
        f"{kind}_{number}.svg" for kind in ("distributions", "prevalence") for number in (1, 2)
    }


def test_what_there_is_nothing_of_is_not_drawn() -> None:
    assert list(tag_figures(inspect(make_many(0, 2)))) == ["distributions_1.svg"]
    assert list(tag_figures(inspect(make_many(1, 0)))) == ["prevalence_1.svg", "tags_per_track.svg"]
    assert HEAT_MAP not in tag_figures(inspect(make_many(MOST_TAGS_OF_A_MAP + 1, 0, n_tracks=500)))


def test_a_tag_that_no_track_has_has_no_place_in_the_map_but_a_row_of_prevalence() -> None:
    found = inspect(make_corpus({"a": [0, 1] * 5, "b": [1, 0] * 5, "never": [0] * 10}))
    assert map_order(found.together).tolist() in ([0, 1], [1, 0])
    (panel,) = draw_prevalence(found, found.tags).axes
    assert [text.get_text() for text in panel.get_yticklabels()] == ["a", "b", "never"]


def test_like_stands_beside_like_in_the_map() -> None:
    corpus = make_corpus(
        {"a": [1, 1, 0, 0, 0, 0, 1], "x": [0, 0, 1, 1, 0, 0, 0], "b": [1, 1, 0, 0, 0, 0, 0], "y": [0, 0, 1, 1, 1, 0, 0]}
    )
    order = map_order(inspect(corpus).together).tolist()
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def test_the_map_shows_phi_in_its_order() -> None:
    found = inspect(make_many(6, 0))
    names = {name: name for name in found.together.names}
    (mesh,) = draw_heat_map(found.together, names).axes[0].collections
    order = map_order(found.together)
    shown = np.asarray(mesh.get_array()).reshape(6, 6)
    expected = found.together.phi[np.ix_(order, order)]
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(shown[off], expected[off])


def test_bars_are_the_shares_of_the_tracks_and_of_few_steps_each_has_its_own() -> None:
    corpus = make_corpus({"steps": [0.0, 0.5, 0.5, 1.0], "fine": [0.0, 0.26, 0.27, 1.0]})
    steps, _ = draw_distributions(inspect(corpus).tags).axes
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in steps.patches]  # type: ignore[attr-defined]
    np.testing.assert_allclose(bars, [(0, 0.25), (0.5, 0.5), (1, 0.25)])


def test_a_tag_that_looks_otherwise_has_another_colour_and_a_threshold_a_line() -> None:
    corpus = make_corpus({"zero": [0.0] * 9 + [0.95], "even": np.linspace(0, 1, 10).tolist()})
    zero, even = draw_distributions(inspect(corpus).tags).axes
    assert zero.patches[0].get_facecolor() != even.patches[0].get_facecolor()
    assert not even.lines
    _, even = draw_distributions(inspect(corpus, tags={"even": {"positive_above": 0.65}}).tags).axes
    assert np.asarray(even.lines[0].get_xdata()).tolist() == [0.65, 0.65]


def test_marks_stand_at_the_share_of_each_part_and_those_too_few_are_hollow() -> None:
    corpus = make_corpus(
        {"rock": [1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0]}, parts=["train"] * 4 + ["valid"] * 3 + ["test"] * 5
    )
    found = inspect(corpus)
    (panel,) = draw_prevalence(found, found.tags).axes
    drawn = [line for line in panel.lines if len(np.asarray(line.get_xdata())) == 1]
    marks = {line.get_marker(): (np.asarray(line.get_xdata())[0], line.get_markerfacecolor()) for line in drawn}
    assert {marker: share for marker, (share, _) in marks.items()} == pytest.approx(
        {"o": 1 / 2, "D": 1 / 3, "s": 2 / 5}
    )
    assert [fill == "white" for _, fill in marks.values()] == [False, True, False]


@pytest.mark.parametrize("n_tags", [1, 5, ROWS])
def test_no_name_of_a_tag_leaves_the_picture_or_overlaps_another(n_tags: int) -> None:
    found = inspect(make_many(n_tags, min(n_tags, PANELS), names="n" * 60))
    names = {name: name[:40] for name in found.together.names}
    graded = [facts for facts in found.tags if facts.tag.kind == "regression"]
    binary = [facts for facts in found.tags if facts.tag.kind == "classification"]
    figures = [draw_distributions(graded), draw_prevalence(found, binary)]
    figures += [draw_heat_map(found.together, names)] if n_tags > 1 else []
    for figure in figures:
        figure.draw_without_rendering()
        shown: list[Text] = []
        for panel in figure.axes:
            low, high = sorted(panel.get_ylim())
            shown += [panel.title, panel.xaxis.label, *panel.texts]
            shown += [label for label in panel.get_yticklabels() if low <= label.get_position()[1] <= high]
        boxes = [text.get_window_extent() for text in shown if text.get_text() and text.get_visible()]
        inside = [
            box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes
        ]
        assert all(inside)
        assert not any(
            one.shrunk(0.98, 0.9).overlaps(other.shrunk(0.98, 0.9)) for one, other in itertools.combinations(boxes, 2)
        )


@pytest.mark.parametrize("n_tags", [1, 188])
def test_the_summary_has_a_line_a_tag_and_fits_the_terminal(n_tags: int, odd: Inspection) -> None:
    for found in (inspect(make_many(n_tags, 2, names="name of a tag")), odd):
        lines = summary(found).splitlines()
        assert max(map(columns, lines)) <= WIDTH
        assert len(lines) <= len(found.tags) + 40
        assert "\x1b" not in "".join(lines)


def test_a_line_of_the_summary_tells_shape_distribution_and_parts() -> None:
    corpus = make_corpus(
        {"tempo": [0.0, 0.0, 0.5, 1.0] * 3, "rock": [1, 0, 0, 0] * 3}, parts=[part for part in PARTS for _ in range(4)]
    )
    lines = summary(inspect(corpus)).splitlines()
    (tempo,) = [line for line in lines if line.startswith("tempo")]
    assert tempo.split() == ["tempo", "pseudo-uniform", "█", "▄", "▄", "0.375", "0.375", "0.375"]
    (rock,) = [line for line in lines if line.startswith("rock")]
    assert rock.split("zero")[1].split() == ["█", "▃", "25.0", "%", "25.0", "%", "!", "25.0", "%", "!"]


COMMAND = [sys.executable, "-c", "from bench.cli import main; main()"]


def test_the_command_writes_page_tables_and_figures_without_any_audio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = StudyOnDisk(tmp_path)
    for file in (study.root / "audio").iterdir():
        file.unlink()
    out = tmp_path / "inspected"
    assert exit_code(["inspect", str(study.file), "--root", str(study.root), "--out", str(out)]) == 0
    written = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert written == {
        f"{LOCKS_FOLDER}/folder",
        "inspection.md",
        "tags.csv",
        "co_occurrence.csv",
        *(f"figures/{name}.svg" for name in ("distributions_1", "prevalence_1", "tags_per_track", "co_occurrence")),
    }
    said = " ".join(capsys.readouterr().out.split())
    assert "without 2 positives and 2 negatives among the test tracks: rare." in said
    assert str(out / "inspection.md") in said
    text = (out / "inspection.md").read_text(encoding="utf-8")
    for figure in (out / "figures").iterdir():
        assert f"(figures/{figure.name})" in text


def test_another_process_writes_the_same_bytes_where_no_output_folder_is_named(tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path)
    arguments = ["inspect", str(study.file), "--root", str(study.root)]
    assert exit_code([*arguments, "--out", str(tmp_path / "one")]) == 0
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run([*COMMAND, *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True)
    other = tmp_path / "runs" / "small" / "inspection"
    files = [file.relative_to(other) for file in other.rglob("*") if file.is_file() and LOCKS_FOLDER not in file.parts]
    assert len(files) == 7
    assert all((other / file).read_bytes() == (tmp_path / "one" / file).read_bytes() for file in files)


def test_a_figure_of_an_earlier_inspection_goes_and_any_other_stays(tmp_path: Path) -> None:
    write_inspection(inspect(make_many(1, 1)), tmp_path)
    (tmp_path / "figures" / "table1.svg").write_text("another's")
    write_inspection(inspect(make_many(0, 1)), tmp_path)
    assert sorted(file.name for file in (tmp_path / "figures").iterdir()) == ["distributions_1.svg", "table1.svg"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sizes": "sices"}, "sices"),
        ({"[6, 12]": "[600]"}, "study asks for 600 training tracks"),
        ({'name = "manifest"': 'name = "manifest"\nfile = "other.csv"'}, "manifest not found"),
        ({"[scoring]": "[tags.tome]\nleave_out = true\n[scoring]"}, "did you mean 'tone'?"),
        ({"[split]\nvalid = 0.25\ntest = 0.35": '[split]\nkind = "official"'}, "has no official split"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    changes: dict[str, str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = STUDY
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    study = StudyOnDisk(tmp_path, text)
    assert exit_code(["inspect", str(study.file), "--root", str(study.root), "--out", str(study.out)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    assert told in said.err
    assert not study.out.exists()


def test_a_corpus_that_is_made_here_is_made_for_its_inspection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(
        'sizes = [2]\n[corpus]\nname = "embedded"\ntracks = 12\nseconds = 2.0\n'
        '[split]\nvalid = 0.1\ntest = 0.1\n[[families]]\nfamily = "prior"\n'
    )
    where = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    assert exit_code(["inspect", str(file), *where, "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "43 classification tags, 7 regression tags" in said
    assert "No track in the" in said or "not scored" in said
