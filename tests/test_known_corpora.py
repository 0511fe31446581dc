"""`tagbench corpora` tells of every data set what is known of it and what of it is found, in 100 columns."""

from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from bench.cli import exit_code
from bench.corpora import CORPUS_ENTRY_POINTS, CORPUS_PACKAGES, place_of, settings_model
from bench.corpora import manifest as manifest_module
from bench.corpora import mgphot as mgphot_module
from bench.corpora import msd as msd_module
from bench.extensions import all_modules
from bench.known_corpora import FIELDS, describe, look_for, tell_corpora
from tests.small_corpus import write_small_corpus
from tests.small_jamendo import write_jamendo
from tests.small_mgphot import write_mgphot
from tests.small_msd import write_msd

MODULES = {
    name: module
    for name, module in all_modules(CORPUS_PACKAGES, CORPUS_ENTRY_POINTS).items()
    if hasattr(module, "load")
}


@pytest.mark.parametrize("name", MODULES)
def test_every_data_set_says_what_it_is_and_its_licence_citation_size_and_audio(name: str) -> None:
    known = describe(MODULES[name])
    assert 10 < len(known.title) < 160
    assert list(known.fields) == list(FIELDS)
    assert all(known.fields.values())


def test_a_field_may_go_on_over_indented_lines_and_ends_with_them() -> None:
    module = ModuleType("mine")
    module.__doc__ = """Two words. And more.

    Text: that is no field.
    Licence: free,
        for all: to use
    and no more.
    Audio: none
    """
    known = describe(module)
    assert known.title == "Two words"
    assert known.fields == {"Licence": "free, for all: to use", "Audio": "none"}


def test_a_module_that_says_nothing_is_told_of_all_the_same() -> None:
    assert describe(ModuleType("silent")).fields == {}


def test_each_data_set_is_looked_for_in_its_folder_and_in_the_root(tmp_path: Path) -> None:
    write_mgphot(tmp_path / "mgphot", tracks=20, audio=False)
    write_small_corpus(tmp_path, tracks=6)
    for file in sorted((tmp_path / "audio").iterdir())[:2]:
        file.unlink()
    assert look_for("mgphot", mgphot_module, tmp_path).startswith(
        f"metadata in {tmp_path / 'mgphot'}: 20 tracks (12 / 4 / 4), 59 classification and 58 regression tags; "
        "audio files found: 0 of 20"
    )
    assert look_for("manifest", manifest_module, tmp_path) == (
        f"metadata in {tmp_path}: 6 tracks, 2 classification and 1 regression tags; audio files found: 4 of 6"
    )


def test_what_is_not_found_is_told_with_the_reason(tmp_path: Path) -> None:
    assert look_for("mgphot", mgphot_module, tmp_path).startswith(
        f"not found: {tmp_path / 'genome_index_split.json'} is not there; make the index again"
    )
    (tmp_path / "msd").mkdir()
    assert look_for("msd", msd_module, tmp_path).startswith(f"not found: {tmp_path / 'msd'}/filtered_list_train.cP")


def test_looking_reads_no_pickles_and_writes_nothing(tmp_path: Path) -> None:
    write_msd(tmp_path, audio=False)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    told = look_for("msd", msd_module, tmp_path)
    assert told.startswith(f"metadata in {tmp_path}: all 6 files of the split are there")
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
    msd_module.load(tmp_path)
    assert look_for("msd", msd_module, tmp_path).startswith(f"metadata in {tmp_path}: 48 tracks")
    (tmp_path / "50tagList.txt").write_text("changed since")
    assert look_for("msd", msd_module, tmp_path) == told


def test_what_is_found_with_other_settings_is_told_with_them(tmp_path: Path) -> None:
    write_jamendo(tmp_path, tracks=20, seconds=0.2, subset="moodtheme", split=None)
    moodtheme = (
        f'With subset = "moodtheme": metadata in {tmp_path}: 20 tracks (12 / 4 / 4), 4 classification tags; '
        "audio files found: 20 of 20"
    )
    assert look_for("jamendo", MODULES["jamendo"], tmp_path) == moodtheme
    write_jamendo(tmp_path, tracks=24, seconds=0.2, split=None)
    told = look_for("jamendo", MODULES["jamendo"], tmp_path)
    assert told.startswith(f"metadata in {tmp_path}: 24 tracks (16 / 4 / 4), 4 classification tags; audio")
    assert told.endswith(f". {moodtheme}")  # and no word of what finds the same
    assert told.count("metadata") == 2


@pytest.mark.parametrize("file", ["manifest.csv", "manifest.tsv"])
def test_a_manifest_is_found_in_every_format(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("path,rock\na,1\n".replace(",", "\t" if file.endswith("tsv") else ","))
    assert look_for("manifest", manifest_module, tmp_path).startswith(f"metadata in {tmp_path}: 1 tracks, 1 class")


def test_what_is_made_on_the_spot_is_not_looked_for_and_not_made(tmp_path: Path) -> None:
    assert "made when a study asks" in look_for("embedded", MODULES["embedded"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_whose_settings_have_no_default_is_named_with_them(tmp_path: Path) -> None:
    module = ModuleType("mine")
    exec("def load(root, *, language: str): ...", module.__dict__)  # noqa: S102 - a module in a line
    assert look_for("mine", module, tmp_path) == "not looked for: a study has to say its language"


def test_the_table_has_every_data_set_and_no_line_wider_than_a_terminal(tmp_path: Path) -> None:
    table = tell_corpora(tmp_path)
    blocks = {block.splitlines()[0]: block for block in table.split("\n\n")}
    assert list(blocks) == sorted(MODULES)
    for block in blocks.values():
        for field in ("licence", "citation", "size", "audio", "found"):
            assert sum(line.startswith(f"  {field} ") for line in block.splitlines()) == 1
    assert max(map(len, table.splitlines())) <= 100


def test_the_command_prints_it_for_the_working_folder_or_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_small_corpus(tmp_path / "manifest", tracks=6)
    assert exit_code(["corpora", "--root", str(tmp_path)]) == 0
    given = capsys.readouterr().out
    assert "audio files found: 6 of 6" in " ".join(given.split())
    monkeypatch.chdir(tmp_path)
    assert exit_code(["corpora"]) == 0
    assert "audio files found: 6 of 6" in " ".join(capsys.readouterr().out.split())


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["corpora", "--root", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "settings", "write"),
    [("mgphot", {"tags": "regression"}, write_mgphot), ("msd", {"train": 28}, write_msd)],
)
def test_the_public_data_sets_are_named_by_a_study_as_any_other(
    name: str, settings: dict[str, object], write: object, tmp_path: Path
) -> None:
    assert callable(write)
    write(tmp_path, audio=False)
    values = settings_model(MODULES[name])(**settings).model_dump()
    place = place_of(name, values, root=tmp_path, cache=tmp_path / "cache")
    outline, corpus = place.outline(), place.load(workers=1)
    assert outline.digest == corpus.digest
    assert len(corpus) == 48
    with pytest.raises(ValidationError, match="colour"):
        settings_model(MODULES[name])(colour=1)
