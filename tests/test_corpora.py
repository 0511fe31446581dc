"""What holds of every data set, whoever wrote it: found by name, strict settings, one place, one corpus."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bench.corpora import Place, corpus_module, place_of, settings_model
from tests.small_corpus import write_small_corpus


def places(folder: Path) -> list[Place]:
    """Return a small instance of each data set."""
    write_small_corpus(folder / "mine", tracks=6)
    manifest = settings_model(corpus_module("manifest"))().model_dump()
    embedded = settings_model(corpus_module("embedded"))(tracks=6, seconds=3.0).model_dump()
    return [
        place_of("manifest", manifest, root=folder / "mine", cache=folder / "cache"),
        place_of("embedded", embedded, root=None, cache=folder / "cache"),
    ]


def test_the_outline_has_the_tracks_of_the_corpus(tmp_path: Path) -> None:
    for place in places(tmp_path):
        outline, corpus = place.outline(), place.load(workers=1)
        assert outline.ids.tolist() == corpus.ids.tolist()
        assert outline.groups.tolist() == corpus.groups.tolist()
        assert outline.files.tolist() == corpus.files.tolist()


def test_an_outline_makes_nothing(tmp_path: Path) -> None:
    for place in places(tmp_path):
        place.outline()
    assert not (tmp_path / "cache").exists()


def test_loading_twice_gives_the_same_corpus_and_every_file_is_there(tmp_path: Path) -> None:
    for place in places(tmp_path):
        first, second = place.load(workers=1), place.load(workers=1)
        assert first.digest == second.digest
        assert all((first.root / file).is_file() for file in first.files)
        assert np.isfinite(first.targets).all()


@pytest.mark.parametrize("name", ["manifest", "embedded"])
def test_an_unknown_setting_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="colour"):
        settings_model(corpus_module(name))(colour=1)


def test_corpora_that_we_make_share_a_folder_only_where_they_share_their_audio(tmp_path: Path) -> None:
    settings = settings_model(corpus_module("embedded"))
    few, many, long = (settings(**each).model_dump() for each in ({"tracks": 6}, {"tracks": 8}, {"seconds": 4.0}))
    folders = [place_of("embedded", each, root=None, cache=tmp_path).folder for each in (few, many, long)]
    assert folders[0] == folders[1] != folders[2]
    mine = place_of("embedded", few, root=tmp_path / "mine", cache=tmp_path).folder
    assert mine.parent == tmp_path / "mine"
