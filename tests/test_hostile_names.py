"""Names that are meant to do harm: stored as they are, shown as text, and nothing is written elsewhere."""

import csv
import json
import re
import shutil
import tomllib
from pathlib import Path
from xml.dom import minidom

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.cli import exit_code
from bench.csv_text import csv_text, frame_csv
from bench.one_line import LONGEST, in_one_line, message_line, printable
from reports.latex import escape_tex
from reports.tag_findings import exclusive_toml
from tests.conftest import StudyOnDisk
from tests.hostile import NAMES, STEERING, TAGS, hostile_study

SHOWN = ("table1.md", "table1.tex", "qualitative.md", "report.html")


def call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints, which must end well."""
    code, printed = exit_code(arguments), "".join(capsys.readouterr())
    assert code == 0, printed
    return printed


def listing(folder: Path, study: StudyOnDisk) -> set[Path]:
    """Return what lies in a folder, but in the study's output and its cache."""
    own = (study.out, study.cache)
    return {file for file in folder.rglob("*") if not any(file.is_relative_to(place) for place in own)}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    """A study of hostile names that was run; nothing is written beside its output and its cache."""
    around = tmp_path_factory.mktemp("around")
    (around / "inside").mkdir()
    study = hostile_study(around / "inside")
    before = listing(around, study)
    assert exit_code(study.arguments) == 0
    assert listing(around, study) == before
    return study


def test_tags_have_the_same_names_wherever_they_are_stored(hostile: StudyOnDisk) -> None:
    assert pq.read_schema(hostile.out / "targets.parquet").names == ["id", *TAGS]
    with (hostile.out / "tags.csv").open(newline="", encoding="utf-8") as lines:
        assert [line["name"] for line in csv.DictReader(lines)] == list(TAGS)
    cells = list((hostile.out / "cells").iterdir())
    assert len(cells) == 2
    for cell in cells:
        assert pq.read_schema(cell / "predictions.parquet").names == ["id", *TAGS]
        record = json.loads((cell / "record.json").read_text(encoding="utf-8"))
        assert set(record["per_tag"]) | set(record["unscored_tags"]) == set(TAGS)


def test_mlflow_has_the_tags_by_their_names(hostile: StudyOnDisk) -> None:
    tables = list(hostile.out.glob("mlartifacts/**/per_tag.json"))
    assert len(tables) == 2
    for file in tables:
        table = json.loads(file.read_text(encoding="utf-8"))
        column = table["columns"].index("tag")
        assert {row[column] for row in table["data"]} > set(NAMES)


@pytest.mark.parametrize("file", SHOWN)
def test_what_is_shown_holds_nothing_that_steers(hostile: StudyOnDisk, file: str) -> None:
    text = (hostile.out / file).read_text(encoding="utf-8")
    assert STEERING & set(text) == set()
    assert "<script>alert" not in text


def test_figures_are_whole(hostile: StudyOnDisk) -> None:
    figures = list((hostile.out / "figures").iterdir())
    assert figures
    for file in figures:
        minidom.parseString(file.read_bytes())  # noqa: S318 - our own


def test_claims_are_json(hostile: StudyOnDisk) -> None:
    assert json.loads((hostile.out / "claims.json").read_text(encoding="utf-8"))


def test_every_command_shows_names_without_what_steers_a_terminal(
    hostile: StudyOnDisk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = str(shutil.copytree(hostile.out, tmp_path / "out", ignore=shutil.ignore_patterns("mlartifacts", "mlflow.db")))
    song = next((hostile.root / "audio").iterdir())
    given = ["--cache", str(hostile.cache), "--workers", "1"]
    (cell,) = [file.parent for file in Path(out).glob("cells/*/gains.csv")]
    scores = shutil.copy(cell / "predictions.parquet", tmp_path / "theirs.parquet")
    commands = (
        ["report", out],
        ["tag", str(song), "--model", str(cell), "--device", "cpu", "--top", "99", *given],
        ["tag", str(song), "--model", str(cell), "--device", "cpu", "--json", *given],
        ["add", out, "--name", "<b>[theirs]</b>", "--n-train", "12", "--predictions", str(scores)],
        ["inspect", str(hostile.file), "--root", str(hostile.root), "--out", str(tmp_path / "inspection"), *given],
    )
    for arguments in commands:
        assert STEERING & set(call(arguments, capsys)) == set(), arguments[0]
    assert STEERING & set((tmp_path / "inspection" / "inspection.md").read_text(encoding="utf-8")) == set()


def test_lines_for_a_study_name_the_tags_and_can_be_printed() -> None:
    lines = exclusive_toml([NAMES])
    assert STEERING & set(lines) == set()
    assert set(tomllib.loads(lines)["tags"]) == set(NAMES)


@pytest.mark.slow
def test_a_gate_takes_any_names(hostile: StudyOnDisk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, expected = shutil.copytree(hostile.out, tmp_path / "out"), str(tmp_path / "expected.toml")
    flags = ["--root", str(hostile.root), "--cache", str(hostile.cache), "--workers", "1", "--device", "cpu"]
    gate = ["gate", str(out), "--expected", expected]
    printed = call([*gate, "--update", "--seeds", "2", *flags], capsys)
    printed += call([*gate, "--junit", str(tmp_path / "gate.xml"), "--markdown", str(tmp_path / "gate.md")], capsys)
    assert STEERING & set(printed) == set()
    minidom.parseString((tmp_path / "gate.xml").read_bytes())  # noqa: S318 - our own


def test_a_fault_is_told_in_one_line_that_steers_nothing(
    small_study: StudyOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_parquet(small_study.root / "manifest.parquet")
    table.rename(columns={"loud": "\x1b[2J\n\u202eloud"}).assign(**{"\x1b[2J": 7}).to_parquet(
        small_study.root / "manifest.parquet", index=False
    )
    assert exit_code(small_study.arguments) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert STEERING & set(told) == set()


def test_text_in_one_line_can_be_printed() -> None:
    assert in_one_line(" a\r\nb\u2028c\x85d ") == "a b c d"
    assert printable("\x1b[31m\x9b\u202e\x00") == "\ufffd[31m\ufffd\ufffd\ufffd"
    spaced = (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \N{MAN}\u200d\N{WOMAN} a\u00a0b"  # scripts, emoji, spaces
    )
    assert printable(spaced) == spaced


def test_a_message_that_is_far_too_long_loses_its_middle() -> None:
    line = message_line(f"begin {'x' * 10_000_000} end")
    assert len(line) <= LONGEST + 3
    assert line.startswith("begin ")
    assert line.endswith(" end")


def test_csv_is_read_back_as_it_was() -> None:
    names = [*NAMES, "", "\r", "a\r\nb", "\ufeffx", '"']
    frame = pd.DataFrame({"name": names, "n": range(len(names))})
    texts = [csv_text([["name", "n"], *frame.itertuples(index=False)]), frame_csv(frame)]
    assert texts[0] == texts[1]
    assert [line[0] for line in csv.reader(texts[0].splitlines(keepends=True))][1:5] == names[:4]
    for separator in ("\r\n", "\r"):
        assert not re.search(f'(?<!")[^"]{separator}$', texts[0])


def test_csv_of_plain_names_has_neither_quotes_nor_carriage_returns() -> None:
    assert csv_text([["name", "value"], ["rock", 0.5], ["pop", None]]) == "name,value\nrock,0.5\npop,\n"


@pytest.mark.parametrize("label", ["[2cm]", "*", "\u97f3\u697d"])
def test_no_label_at_the_start_of_a_row_is_taken_for_an_option_of_the_row_before(label: str) -> None:
    assert escape_tex(label)[0] == "{"
