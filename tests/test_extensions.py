"""A new family or data set is found by name, in the project or among what is installed, and nothing else is."""

from pathlib import Path

import pytest

from bench.corpora import corpus_module
from bench.errors import InputError
from bench.families import tagger_class
from tests.installed_family import install_family


def test_the_projects_own_families_are_found_by_their_modules_name() -> None:
    for family in ("prior", "linear", "gbt", "waveform", "spectrogram"):
        assert tagger_class(family).__module__.split(".")[1] == family


def test_an_installed_family_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unknown family 'constant'"):
        tagger_class("constant")
    install_family(tmp_path, monkeypatch)
    assert tagger_class("constant").model_validate({"value": 0.25}).model_dump() == {"value": 0.25, "fails_at": 0}


def test_a_module_that_is_no_family_is_not_taken_for_one() -> None:
    for name in ("training", "extraction", "json"):
        with pytest.raises(InputError, match="known: gbt, linear, prior, spectrogram, waveform"):
            tagger_class(name)


def test_an_unknown_corpus_is_refused_with_the_known_ones() -> None:
    for name in ("gtzan", "text_files"):  # no module at all, and one that loads nothing
        with pytest.raises(InputError, match=rf"unknown corpus '{name}'; known: embedded, [a-z, ]*manifest") as refused:
            corpus_module(name)
        assert "text_files" not in str(refused.value).partition("; known: ")[2]
