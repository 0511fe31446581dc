"""What models make of the embedded corpus at the demo's largest size: artists leak, and no tag is given away."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baselines.gbt import GBT
from bench import metrics
from bench.audio import AudioSettings
from bench.corpora import embedded
from bench.corpus import Corpus
from bench.metrics import Float64Array
from bench.splits import split, subset
from bench.store import prepare_store
from bench.tagger import Context

TRACKS, SECONDS, TRAINING_TRACKS = 1040, 30.0, 320
SPLIT_SEEDS = (0, 1, 2)
FEWEST_POSITIVES = 10


@pytest.fixture(scope="module")
def corpus_and_context(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Context]:
    """Return a corpus of the demo's size, prepared."""
    root, cache = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("cache")
    embedded.create(root, tracks=TRACKS, seconds=SECONDS, workers=2)
    corpus = embedded.load(root, tracks=TRACKS, seconds=SECONDS)
    store = prepare_store(corpus, AudioSettings(), cache=cache, workers=2)
    assert not store.rejected
    return corpus, Context(store, 0, "cpu", 2, Path(cache))


def _roc_auc_of_trees(corpus: Corpus, context: Context, seed: int) -> Float64Array:
    """Return the ROC-AUC of each classification tag, nan where the test part has too few positives."""
    parts = split(corpus, valid=0.15, test=0.35, seed=seed)
    trained = GBT().fit(subset(parts.train, TRAINING_TRACKS, seed=0), parts.valid, context)
    tags = corpus.tag_rows("classification")
    targets = parts.test.targets[:, tags]
    scores = trained.predict(parts.test, context)[:, tags]
    return np.where(targets.sum(axis=0) >= FEWEST_POSITIVES, metrics.roc_auc(targets, scores), np.nan)


@pytest.mark.slow
def test_a_split_that_ignores_artists_flatters_the_trees_and_no_tag_is_solved(
    corpus_and_context: tuple[Corpus, Context],
) -> None:
    corpus, context = corpus_and_context
    artists_ignored = replace(corpus, groups=corpus.ids)
    by_artist = np.array([_roc_auc_of_trees(corpus, context, seed) for seed in SPLIT_SEEDS])
    by_track = np.array([_roc_auc_of_trees(artists_ignored, context, seed) for seed in SPLIT_SEEDS])
    gains = np.nanmean(by_track - by_artist, axis=1)  # over the tags scored in both
    assert gains.min() > 0.0
    assert gains.mean() >= 0.02
    assert np.nanmean(by_artist) > 0.7
    assert np.nanmax(by_artist) < 0.99
