"""The contract of a model family, kept by every one of them: shapes, orders, refusals, and models that come back."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from bench.audio import AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus, Float32Array
from bench.errors import InputError
from bench.families import tagger_class
from bench.store import prepare_store
from bench.tagger import Context, Tagger, Trained, TrainedOnTable, checked_other_scores
from tests.small_corpus import write_small_corpus

NETWORK: dict[str, Any] = {"backend_filters": 4, "num_units": 4, "patch_seconds": 0.6, "max_updates": 3}
SETTINGS: dict[str, dict[str, Any]] = {
    "prior": {},
    "linear": {},
    "gbt": {"max_rounds": 5, "fixed_rounds": 5, "patience": 5},
    "waveform": {"filters": [2, 2, 4], **NETWORK},
    "spectrogram": {"num_filt": 1, "n_mels": 20, **NETWORK},
}
TAGGERS: dict[str, Tagger] = {family: tagger_class(family)(**settings) for family, settings in SETTINGS.items()}

every_family = pytest.mark.parametrize("family", TAGGERS)


@dataclass(frozen=True)
class Parts:
    """A small corpus of tones and noise, divided by position."""

    train: Corpus
    valid: Corpus
    test: Corpus
    context: Context


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, far slower beside another busy process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    root = write_small_corpus(tmp_path_factory.mktemp("taggers"), tracks=36, seconds=1.0)
    corpus = manifest.load(root)
    audio = prepare_store(corpus, AudioSettings(), cache=root / "cache", workers=1)
    train, valid, test = (corpus.take(rows) for rows in np.split(np.arange(36), (16, 24)))
    return Parts(train, valid, test, Context(audio, seed=0, device="cpu", workers=1, cache=root / "cache"))


@pytest.fixture(scope="module")
def fitted(parts: Parts) -> dict[str, Trained]:
    return {name: tagger.fit(parts.train, parts.valid, parts.context) for name, tagger in TAGGERS.items()}


@every_family
def test_scores_are_one_number_from_0_to_1_a_track_and_tag(
    family: str, parts: Parts, fitted: dict[str, Trained]
) -> None:
    scores = fitted[family].predict(parts.test, parts.context)
    assert scores.shape == (12, 3)
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()  # which no NaN is


@every_family
def test_other_ways_to_predict_are_named_and_give_scores_too(
    family: str, parts: Parts, fitted: dict[str, Trained]
) -> None:
    ways = checked_other_scores(fitted[family], parts.test, parts.context)
    assert all(name.isidentifier() for name in ways)
    assert list(ways) == (["whole_song"] if family in {"waveform", "spectrogram"} else [])
    nothing = parts.test.take(np.array([], np.intp))
    for scores in fitted[family].predict_otherwise(nothing, parts.context).values():
        assert scores.shape == (0, 3)


@every_family
def test_scores_follow_the_tracks_whatever_their_order(family: str, parts: Parts, fitted: dict[str, Trained]) -> None:
    order = np.random.default_rng(0).permutation(12)
    scores = fitted[family].predict(parts.test, parts.context)
    assert_allclose(fitted[family].predict(parts.test.take(order), parts.context), scores[order], rtol=1e-5)


@pytest.mark.parametrize("family", ["linear", "gbt"])
def test_what_reads_a_table_gives_the_same_from_it(family: str, parts: Parts, fitted: dict[str, Trained]) -> None:
    trained = fitted[family]
    assert isinstance(trained, TrainedOnTable)
    inputs = trained.inputs(parts.test, parts.context)
    assert len(inputs) == 12
    assert_array_equal(trained.predict_inputs(inputs), trained.predict(parts.test, parts.context))


@every_family
def test_no_tracks_give_no_scores(family: str, parts: Parts, fitted: dict[str, Trained]) -> None:
    nothing = parts.test.take(np.array([], np.intp))
    assert fitted[family].predict(nothing, parts.context).shape == (0, 3)


@every_family
def test_no_family_trains_on_nothing(family: str, parts: Parts) -> None:
    nothing = parts.train.take(np.array([], np.intp))
    with pytest.raises(InputError, match="training part of manifest has no tracks"):
        TAGGERS[family].fit(nothing, parts.valid, parts.context)


@every_family
def test_other_tags_are_refused_and_so_are_the_same_in_another_order(
    family: str, parts: Parts, fitted: dict[str, Trained]
) -> None:
    for columns in ([0, 1], [1, 0, 2]):
        tags = tuple(parts.test.tags[column] for column in columns)
        other = replace(parts.test, tags=tags, targets=parts.test.targets[:, columns], truth=None)
        with pytest.raises(InputError, match=r"gives the tags tone, rare, loud; corpus manifest has (tone|rare), "):
            fitted[family].predict(other, parts.context)


@every_family
def test_the_same_seed_gives_the_same_scores(family: str, parts: Parts, fitted: dict[str, Trained]) -> None:
    torch.rand(1)  # whatever was drawn before must not matter
    np.random.rand(1)  # noqa: NPY002  nor from here
    again = TAGGERS[family].fit(parts.train, parts.valid, parts.context)
    assert_array_equal(again.predict(parts.test, parts.context), fitted[family].predict(parts.test, parts.context))


@every_family
def test_notes_are_on_tracks_of_the_corpus(family: str, parts: Parts) -> None:
    tagger = TAGGERS[family]
    tagger.check(parts.context.audio.settings)
    notes = tagger.prepare(parts.test, parts.context)
    assert set(notes) <= set(parts.test.ids.tolist())
    assert all(notes.values())


def predict_from_disk(family: str, folder: Path, corpus: Corpus, context: Context) -> Float32Array:
    return tagger_class(family).load(folder).predict(corpus, context)


@pytest.fixture(scope="module")
def other_process() -> Iterator[Executor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@every_family
def test_a_saved_model_predicts_the_same_in_another_process(
    family: str, parts: Parts, fitted: dict[str, Trained], tmp_path: Path, other_process: Executor
) -> None:
    fitted[family].save(tmp_path)
    there = other_process.submit(predict_from_disk, family, tmp_path, parts.test, parts.context).result()
    assert_allclose(there, fitted[family].predict(parts.test, parts.context), rtol=1e-5, atol=1e-7)


@every_family
def test_no_saved_model_is_a_pickle(family: str, fitted: dict[str, Trained], tmp_path: Path) -> None:
    fitted[family].save(tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".json", ".ubj", ".npy", ".npz", ".safetensors"}
    for file in files:
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False)
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                assert all(arrays[name].size for name in arrays)
