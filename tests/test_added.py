"""Somebody else's model becomes a row like any other, unless its predictions are not of the study's tracks and tags."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.added import add_model
from bench.cli import exit_code
from bench.corpus import Corpus
from bench.errors import InputError
from bench.locks import LOCKS_FOLDER
from bench.measure import measure
from bench.record import RunRecord
from reports.caption import headline, notes
from reports.estimates import differences, lines
from reports.figures import draw
from reports.page.per_tag import tag_tables
from reports.page.summary import tiles
from reports.popularity import prevalence_bins, prevalence_ratios
from reports.popularity_figure import draw_popularity
from reports.qualitative_page import look_closer
from reports.resampled import resample_study
from reports.rows import MEASURES
from reports.study_folder import read_study_folder
from reports.table import differences_table
from reports.tag_groups import groups_table, tag_groups
from tests.conftest import STUDY, StudyOnDisk
from tests.factories import make_scores, make_test_part, write_scored_study

Captured = pytest.CaptureFixture[str]
TEST = make_test_part(60)
NAME = "their |model|"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The output folder of a study of two models at two sizes."""
    scores = {
        (label, n_train, 0): make_scores(TEST, skill=skill, seed=n_train)
        for label, skill in (("gbt", 0.3), ("waveform", 0.2), ("spectrogram", 0.25))
        for n_train in (40, 80)
    }
    return write_scored_study(tmp_path / "out", TEST, scores)


def theirs(test: Corpus = TEST, seed: int = 5) -> pd.DataFrame:
    """Return what somebody else's model predicts, a row a test track and a column a tag."""
    scores = make_scores(test, skill=0.4, seed=seed)
    return pd.DataFrame(scores, columns=[tag.name for tag in test.tags], index=pd.Index(test.ids, name="id"))


def written(table: pd.DataFrame, file: Path) -> Path:
    if file.suffix == ".parquet":
        table.reset_index().to_parquet(file, index=False)
    else:
        table.to_csv(file, sep="\t" if file.suffix == ".tsv" else ",")
    return file


def add(out: Path, predictions: Path, *more: object, name: str = NAME, n_train: int = 80) -> int:
    told = ["--name", name, "--n-train", str(n_train), "--predictions", str(predictions)]
    return exit_code(["add", str(out), *told, *map(str, more)])


def refusal(out: Path, predictions: Path, capsys: Captured, *more: object, name: str = NAME) -> str:
    """Return why a model is refused, in one line, with nothing written."""
    before = {file for file in out.rglob("*") if file.is_file() and file.parent.name != LOCKS_FOLDER}
    assert add(out, predictions, *more, name=name) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert {file for file in out.rglob("*") if file.is_file() and file.parent.name != LOCKS_FOLDER} == before
    (line,) = said.err.splitlines()
    return line


def added(out: Path, predictions: Path, *, n_train: int = 80, seed: int = 0, replace: bool = False) -> Path:
    """Add a model as the command does, without writing the report, and return its folder."""
    record = read_study_folder(out).finished[0].record
    return add_model(out, record, predictions, label=NAME, n_train=n_train, seed=seed, replace=replace)


@pytest.mark.parametrize("name", ["theirs.csv", "theirs.tsv", "theirs.parquet"])
def test_an_added_model_is_measured_as_the_studys_own_whatever_the_order_of_its_table(
    name: str, out: Path, tmp_path: Path
) -> None:
    shuffled = theirs().sample(frac=1, random_state=0)[[tag.name for tag in reversed(TEST.tags)]]
    folder = added(out, written(shuffled, tmp_path / name))
    record = json.loads((folder / "record.json").read_text())
    wanted = measure(TEST, theirs().to_numpy(), min_positives=2, min_negatives=2)
    assert record["metrics"] == wanted.metrics.model_dump()
    assert record["per_tag"] == wanted.per_tag
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "predictions.parquet").set_index("id"), theirs())


def test_the_command_writes_its_row_and_what_is_not_known_of_it(out: Path, tmp_path: Path, capsys: Captured) -> None:
    assert add(out, written(theirs(), tmp_path / "theirs.csv"), "--seed", 3, "--n-parameters", 1234) == 0
    measured = measure(TEST, theirs().to_numpy(), min_positives=2, min_negatives=2)
    row = pd.read_csv(out / "table1.csv").set_index("model").loc[NAME].to_dict()
    assert row["roc_auc"] == measured.metrics.roc_auc
    assert (row["n_train"], row["n_seeds"], row["n_parameters"]) == (80, 1, 1234)
    assert row["roc_auc_low"] < row["roc_auc"] < row["roc_auc_high"]
    page = (out / "table1.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.startswith(page)
    assert "| their \\|model\\| §" in page
    assert "At one size every model without § was trained on the same tracks" in page
    assert "- **§** Trained elsewhere" in page
    tex = (out / "table1.tex").read_text(encoding="utf-8")
    assert r"their $|$model$|$ $\S$" in tex
    assert "Trained elsewhere" in tex


def test_where_nothing_was_added_the_table_says_nothing_of_it(out: Path) -> None:
    study = read_study_folder(out)
    assert "§" not in headline(study) + notes(study, {}, [])


@pytest.mark.parametrize(("n_train", "size", "told"), [(40, 40, "40"), (1_000_000, 80, "1M − 80")])
def test_it_is_set_against_every_model_at_its_size_or_at_the_largest(
    n_train: int, size: int, told: str, out: Path, tmp_path: Path
) -> None:
    added(out, written(theirs(), tmp_path / "theirs.csv"), n_train=n_train)
    study = resample_study(read_study_folder(out), out)
    found = [one for one in differences(study) if one.kind == "added_minus_entry"]
    assert [one.against for one in found] == ["gbt", "waveform", "spectrogram"]
    for one in found:
        new, old = study.rows[NAME, n_train].macro("roc_auc"), study.rows[one.against, size].macro("roc_auc")
        assert new is not None
        assert old is not None
        assert one.gains["roc_auc"].value == pytest.approx(new.value - old.value, abs=1e-12)
        interval = one.gains["roc_auc"].interval
        assert interval is not None
        assert interval.low < new.value - old.value < interval.high
        assert one.gains["rmse"].value > 0, "a smaller error counts as better"
    assert all(line.split("|")[-5].strip() == told for line in differences_table(found).splitlines()[2:])


def test_what_is_told_of_the_largest_size_is_of_that_of_the_studys_own(out: Path, tmp_path: Path) -> None:
    added(out, written(theirs(), tmp_path / "theirs.csv"), n_train=1_000_000)
    study = resample_study(read_study_folder(out), out)
    by_prevalence = groups_table(study, tag_groups(study)).splitlines()[2:]
    assert {line.split("|")[3].strip() for line in by_prevalence} == {"gbt", "waveform", "spectrogram"}
    assert all(tile.who.endswith(", 80 training tracks") for tile in tiles(lines(study), study.study.largest_size))
    assert tag_tables(study)[0].n_train == 80
    look = look_closer(study)
    by_pair = [line.split("|")[3].strip() for line in "\n".join(look.tags).splitlines() if "baroque /" in line]
    assert by_pair == ["gbt", "waveform", "spectrogram"]
    bins = prevalence_bins(study)
    figure = draw_popularity(study, bins, {key: prevalence_ratios(study, row, bins) for key, row in study.rows.items()})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gbt", "waveform", "spectrogram"]


def test_a_figure_shows_it_last_so_that_the_others_look_as_before(out: Path, tmp_path: Path) -> None:
    added(out, written(theirs(), tmp_path / "theirs.csv"), n_train=1_000_000)
    figure = draw(lines(resample_study(read_study_folder(out), out)), MEASURES[:1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gbt", "waveform", "spectrogram", NAME]


def test_models_of_several_seeds_are_one_row(out: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        added(out, written(theirs(seed=seed), tmp_path / f"{seed}.csv"), seed=seed)
    study = resample_study(read_study_folder(out), out)
    assert study.rows[NAME, 80].row.seeds == (0, 1)
    np.testing.assert_array_equal(study.rows[NAME, 80].scores, [theirs(seed=0), theirs(seed=1)])
    against = [one.against for one in differences(study) if one.kind == "added_minus_entry"]
    assert against == ["gbt", "waveform", "spectrogram"]  # of one seed each


def test_a_second_time_it_is_refused_unless_it_is_to_be_replaced(out: Path, tmp_path: Path, capsys: Captured) -> None:
    folder = added(out, written(theirs(seed=1), tmp_path / "first.csv"))
    second = written(theirs(seed=2), tmp_path / "second.csv")
    assert "was added before; --replace replaces it" in refusal(out, second, capsys)
    assert added(out, second, replace=True) == folder
    kept = pd.read_parquet(folder / "predictions.parquet").set_index("id")
    pd.testing.assert_frame_equal(kept, theirs(seed=2))


def renamed(table: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    return table.rename(index={old: new}, columns={old: new})


def with_cell(value: float | str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return what puts a value in the place of the score of the tag rock for track t0003."""

    def changed(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({"rock": object})
        table.at["t0003", "rock"] = value  # noqa: PD008 - one cell, of whatever type
        return table

    return changed


CHANGES: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    (lambda table: table.iloc[5:], "lacks 5 of the study's 60 test tracks, the first 't0000'; "),
    (
        lambda table: pd.concat([table, table.iloc[:2].rename("x{}".format)]),
        "has 2 that are none of its 60 test tracks",
    ),
    (
        lambda table: renamed(table, "t0001", "../t\n1"),
        r"lacks 1 of the .* 60 test tracks, the first 't0001' and has 1 .*, the first '../t\\n1'; .*targets.parquet",
    ),
    (lambda table: pd.concat([table, table.iloc[[7]]]), r"(?:row 62|track 61): track 't0007' stands in it before"),
    (lambda table: table.drop(columns="rock"), "lacks 1 of the study's 4 tags, the first 'rock'"),
    (lambda table: table.assign(jazz=0.5), "has 1 that are none of its 4 tags, the first 'jazz'"),
    (lambda table: renamed(table, "rock", "Rock"), "lacks 1 .* 'rock' and has 1 .* 'Rock'"),
    (with_cell(np.nan), r"(?:row 5|track 4): tag 'rock' has no score for track 't0003'"),
    (with_cell(1.25), "tag 'rock' has '1.25' for track 't0003'; a score is a number in"),
    (with_cell(-1e-9), "tag 'rock' has '-1e-09' for track 't0003'"),
    (with_cell(np.inf), "tag 'rock' has 'inf' for track 't0003'"),
    (lambda table: table.iloc[:0], "lacks 60 of the study's 60 test tracks"),
    (lambda table: table.rename_axis("track"), "has no column 'id'"),
]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(("change", "told"), CHANGES)
def test_predictions_of_other_tracks_or_tags_or_no_scores_are_refused_with_the_reason(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    told: str,
    suffix: str,
    out: Path,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    table = change(theirs())
    if suffix == ".parquet":
        table = table.astype(float)
    file = written(table, tmp_path / f"theirs{suffix}")
    line = refusal(out, file, capsys)
    assert re.search(told, line), line
    assert line.startswith(f"tagbench: {file}")


def test_a_text_in_a_scores_place_is_refused_with_its_row(out: Path, tmp_path: Path, capsys: Captured) -> None:
    file = written(with_cell("often")(theirs()), tmp_path / "theirs.csv")
    assert f"{file}, row 5: tag 'rock' has 'often' for track 't0003'" in refusal(out, file, capsys)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("theirs.npy", b"\x93NUMPY\x01\x00", "is not text in UTF-8"),
        ("theirs.parquet", b"no parquet", "cannot be read"),
        ("theirs.csv", b"", "is empty"),
        ("theirs.json", b'{"id": ["t0001"]}', "has no column 'id'"),
        ("missing.csv", None, "cannot be read: No such file"),
        ("theirs.csv", b"id;rock\nt0001;0.5\n", "looks separated by semicolons"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    name: str, content: bytes | None, told: str, out: Path, tmp_path: Path, capsys: Captured
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert told in refusal(out, tmp_path / name, capsys)


def test_a_size_that_no_collection_has_is_refused(out: Path, tmp_path: Path) -> None:
    assert add(out, written(theirs(), tmp_path / "theirs.csv"), n_train=10**20) == 2
    assert not (out / "added").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [("gbt", "'gbt' is an entry of the study in"), (" ", "cannot be printed"), ("a\nb", "cannot be printed")],
)
def test_a_name_that_is_taken_or_none_is_refused(
    name: str, told: str, out: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert told in refusal(out, written(theirs(), tmp_path / "theirs.csv"), capsys, name=name)


def test_a_folder_without_a_study_is_refused(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty").mkdir()
    predictions = written(theirs(), tmp_path / "theirs.csv")
    assert "holds no study" in refusal(tmp_path / "empty", predictions, capsys)


def test_no_row_has_the_label_of_an_added_model_and_of_an_entry(out: Path, tmp_path: Path) -> None:
    """A study may get an entry of that label later."""
    added(out, written(theirs(), tmp_path / "theirs.csv"))
    (out / "cells.csv").write_text((out / "cells.csv").read_text().replace("waveform", f'"{NAME}"'))
    with pytest.raises(InputError, match="is an entry of the study"):
        read_study_folder(out)


def test_of_other_test_tracks_than_the_study_now_has_it_is_left_out_and_named(out: Path, tmp_path: Path) -> None:
    added(out, written(theirs(), tmp_path / "theirs.csv"))
    for folder in (out / "cells").iterdir():
        RunRecord.load(folder).model_copy(update={"test_digest": "another"}).save(folder)
    study = read_study_folder(out)
    assert NAME not in {row.label for row in study.rows}
    told = "**Left out**: added with predictions of other test tracks than the study now has: their \\|model\\| at 80."
    assert told in notes(study, {}, [])


def test_a_damaged_record_of_an_added_model_is_named(out: Path, tmp_path: Path) -> None:
    folder = added(out, written(theirs(), tmp_path / "theirs.csv"))
    (folder / "record.json").write_text("{")
    with pytest.raises(InputError, match=f"delete the folder {folder} and add the model again"):
        read_study_folder(out)


def test_an_added_model_outlasts_another_run_of_the_study(finished_study: StudyOnDisk, tmp_path: Path) -> None:
    study = StudyOnDisk(tmp_path, STUDY)
    study.out, study.root, study.cache = tmp_path / "copy", finished_study.root, finished_study.cache
    shutil.copytree(finished_study.out, study.out)
    predictions = pd.read_parquet(study.out / "targets.parquet").set_index("id")
    assert add(study.out, written(predictions, tmp_path / "theirs.csv"), n_train=12) == 0
    before = (study.out / "table1.md").read_bytes()
    assert study.run() == []
    assert (study.out / "table1.md").read_bytes() == before
