"""What holds of every data set, whoever wrote it: found by name, strict settings, one place, one corpus."""

import inspect
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bench.corpora import CORPUS_PACKAGES, Place, corpus_module, place_of, settings_model
from bench.errors import InputError
from bench.extensions import all_modules
from tests.small_corpus import write_small_corpus
from tests.small_jamendo import write_jamendo
from tests.small_magnatagatune import write_magnatagatune
from tests.small_mgphot import write_mgphot
from tests.small_msd import write_msd

# How each data set is written small, one line each: in its published format, with audio. What makes itself needs none.
WRITERS: dict[str, Callable[[Path], Path]] = {
    "jamendo": write_jamendo,
    "magnatagatune": partial(write_magnatagatune, tracks=16),
    "manifest": partial(write_small_corpus, tracks=6),
    "mgphot": partial(write_mgphot, tracks=6),
    "msd": partial(write_msd, tracks=20),
}
SETTINGS: dict[str, dict[str, Any]] = {"embedded": {"tracks": 6, "seconds": 3.0}}

OURS = all_modules(CORPUS_PACKAGES, "none installed")
every_corpus = pytest.mark.parametrize("name", [name for name, module in OURS.items() if hasattr(module, "load")])


def settings_of(name: str) -> dict[str, Any]:
    return settings_model(corpus_module(name))(**SETTINGS.get(name, {})).model_dump()


def place(name: str, folder: Path) -> Place:
    """Return a small instance of a data set."""
    if hasattr(corpus_module(name), "create"):
        return place_of(name, settings_of(name), root=None, cache=folder / "cache")
    root = folder / name
    root.mkdir()
    return place_of(name, settings_of(name), root=WRITERS[name](root), cache=folder / "cache")


@every_corpus
def test_every_data_set_has_a_small_instance_here(name: str) -> None:
    assert name in WRITERS or hasattr(corpus_module(name), "create"), f"give tests/test_corpora.py a writer of {name}"


@every_corpus
def test_the_outline_has_the_tracks_of_the_corpus_and_makes_nothing(tmp_path: Path, name: str) -> None:
    small = place(name, tmp_path)
    outline = small.outline()
    assert not (tmp_path / "cache").exists()
    corpus = small.load(workers=1)
    assert outline.ids.tolist() == corpus.ids.tolist()
    assert outline.groups.tolist() == corpus.groups.tolist()
    assert outline.files.tolist() == corpus.files.tolist()


@every_corpus
def test_loading_twice_gives_the_same_corpus(tmp_path: Path, name: str) -> None:
    small = place(name, tmp_path)
    first, second = small.load(workers=1), small.load(workers=1)
    assert first.digest == second.digest
    assert first.version == second.version
    assert len(first)
    assert first.tags


@every_corpus
def test_every_file_of_a_corpus_is_there_and_inside_its_root(tmp_path: Path, name: str) -> None:
    corpus = place(name, tmp_path).load(workers=1)
    described = [] if corpus.descriptor_files is None else corpus.descriptor_files.tolist()
    for file in [*corpus.files.tolist(), *described]:
        assert (corpus.root / file).is_file()
        assert (corpus.root / file).resolve().is_relative_to(corpus.root.resolve())


@every_corpus
def test_what_a_corpus_says_of_its_tracks_is_complete(tmp_path: Path, name: str) -> None:
    corpus = place(name, tmp_path).load(workers=1)
    assert np.isfinite(corpus.targets).all()
    assert all(corpus.ids.tolist())
    assert all(corpus.groups.tolist())
    if corpus.durations is not None:
        assert (np.isnan(corpus.durations) | (corpus.durations > 0)).all()
    if corpus.checksums is not None:
        assert all(re.fullmatch("([0-9a-f]{64})?", checksum) for checksum in corpus.checksums.tolist())


@every_corpus
def test_its_module_says_licence_citation_size_and_where_the_audio_comes_from(name: str) -> None:
    described = inspect.getdoc(corpus_module(name)) or ""
    assert re.findall("^[A-Z][a-z]+(?=:)", described, re.MULTILINE) == ["Licence", "Citation", "Size", "Audio"]
    fields = described[described.index("\nLicence: ") + 1 :]
    assert all(re.match("[A-Z][a-z]+: .|    [^ ]", line) for line in fields.splitlines())


@every_corpus
def test_an_unknown_setting_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="colour"):
        settings_model(corpus_module(name))(colour=1)


@every_corpus
def test_a_folder_without_its_metadata_is_refused_in_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    empty = tmp_path / "holiday photographs"
    empty.mkdir()
    with pytest.raises(InputError, match="holiday photographs") as refused:
        corpus_module(name).load(empty, **settings_of(name))
    assert "\n" not in str(refused.value)


def test_corpora_that_we_make_share_a_folder_only_where_they_share_their_audio(tmp_path: Path) -> None:
    settings = settings_model(corpus_module("embedded"))
    few, many, long = (settings(**each).model_dump() for each in ({"tracks": 6}, {"tracks": 8}, {"seconds": 4.0}))
    folders = [place_of("embedded", each, root=None, cache=tmp_path).folder for each in (few, many, long)]
    assert folders[0] == folders[1] != folders[2]
    mine = place_of("embedded", few, root=tmp_path / "mine", cache=tmp_path).folder
    assert mine.parent == tmp_path / "mine"
