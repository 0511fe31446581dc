"""Clicks at random times, of which a beat tracker makes what it will: in some, two tempi are as likely."""

import numpy as np

from bench.corpus import Float32Array

RATE, SECONDS, GRID = 16000, 30, 40  # clicks may come 40 times a second
CHANCE = 0.03


def random_clicks(seed: int) -> Float32Array:
    """Return bursts of noise at random times and levels, shape (samples,), in [-1, 1]."""
    draw = np.random.default_rng(seed)
    burst = draw.standard_normal(RATE // 20) * np.exp(-np.arange(RATE // 20) / 150)
    levels = (draw.random(SECONDS * GRID) < CHANCE) * draw.random(SECONDS * GRID)
    strikes = np.zeros(SECONDS * RATE)
    strikes[:: RATE // GRID] = levels
    return (0.1 * np.convolve(strikes, burst)[: len(strikes)]).astype(np.float32)
