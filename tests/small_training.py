"""A training of each network that lasts seconds and has all a long one has: dropout, validations, a halved rate."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.audio import AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus
from bench.store import prepare_store
from bench.tagger import Context
from neural.spectrogram import Spectrogram
from neural.tagger import NetworkTagger, TrainedNetwork
from neural.waveform import Waveform

SETTINGS: dict[str, Any] = {
    "backend_filters": 8,
    "num_units": 8,
    "dropout": 0.5,
    "batch_norm_momentum": 0.9,
    "patch_seconds": 0.5,
    "learning_rate": 0.5,
    "weight_decay": 0.001,
    "max_updates": 22,
    "validate_every": 4,
    "patience": 1,
}
FAMILIES: dict[str, NetworkTagger] = {
    "waveform": Waveform(filters=(4, 4, 4, 8), **SETTINGS),
    "spectrogram": Spectrogram(num_filt=1, n_mels=20, **SETTINGS),
}


def parts_of(root: Path, training: Path | None, *, seed: int = 0) -> tuple[Corpus, Corpus, Context]:
    """Return 20 tracks to train on, 12 to choose by, of the small corpus at `root`, and where to work."""
    corpus = manifest.load(root)
    store = prepare_store(corpus, AudioSettings(), cache=root / "cache", workers=1)
    context = Context(store, seed, "cpu", 1, root / "cache", training)
    return corpus.take(np.arange(20)), corpus.take(np.arange(20, 32)), context


def fit(root: Path, family: str, training: Path | None, *, seed: int = 0) -> TrainedNetwork:
    """Train, with one thread: networks this small are slower on two."""
    torch.set_num_threads(1)
    return FAMILIES[family].fit(*parts_of(root, training, seed=seed))
