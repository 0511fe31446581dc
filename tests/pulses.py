"""A corpus of pulsed noise that tests of the descriptors write, and its prepared audio."""

from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from bench.audio import AudioSettings
from bench.corpus import Corpus, Tag
from bench.store import prepare_store
from bench.tagger import Context

RATE = 16000


def write_corpus(root: Path, lengths: list[float], rates: tuple[int, ...] = (RATE,)) -> Corpus:
    """Write a track of pulsed noise for each length in seconds, at the sample rates in turn."""
    draw = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for number, length in enumerate(lengths):
        rate = rates[number % len(rates)]
        time = np.arange(round(length * rate)) / rate
        samples = 0.2 * draw.standard_normal(len(time)) * np.exp(-(time * 2 % 1) * 10)
        soundfile.write(root / f"{number:03d}.wav", samples.clip(-1, 1), rate, subtype="PCM_16")
    ids = np.array([f"{number:03d}" for number in range(len(lengths))])
    files = np.array([f"{track_id}.wav" for track_id in ids.tolist()])
    targets = np.zeros((len(ids), 1), np.float32)
    return Corpus("pulses", "1", root, (Tag("tag", "classification"),), ids, ids, files, targets)


def context_for(corpus: Corpus, cache: Path, *, workers: int = 1, sample_rate: int | Literal["own"] = RATE) -> Context:
    """Decode a corpus into `cache`; return where a family works on it."""
    store = prepare_store(corpus, AudioSettings(sample_rate=sample_rate), cache=cache, workers=1)
    return Context(store, 0, "cpu", workers, cache)
