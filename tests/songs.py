"""Three songs of the embedded corpus, of different genres, for tests that compare descriptors with essentia's."""

from functools import cache

import numpy as np
import soxr

from bench.corpora.embedded.artists import roster
from bench.corpora.embedded.composition import compose
from bench.corpora.embedded.rendering import render
from bench.corpora.embedded.synthesis import RATE
from bench.corpus import Float32Array

SEED, SECONDS = 0, 14.0
GENRES = {1: "reggae", 2: "latin", 12: "rock"}  # by track


@cache
def song(number: int, rate: int) -> Float32Array:
    """Return song 0, 1 or 2 at a sample rate in Hz, shape (samples,), in [-1, 1]; callers must not write to it."""
    track = list(GENRES)[number]
    score = compose(SEED, track, roster(SEED, track + 1)[track], SECONDS)
    assert score.genre == GENRES[track]
    samples = render(score, SEED).astype(np.float32) / 32768
    resampled: Float32Array = soxr.resample(samples, RATE, rate, "HQ")
    resampled.flags.writeable = False
    return resampled
