"""Drums, percussion and applause: noise, falling sines and clusters of square waves."""

from collections.abc import Callable

import numpy as np

from bench.corpora.embedded.score import Timbre
from bench.corpora.embedded.synthesis import RATE, TAU, brightened, decay, fade_in, noise, samples, sine, steady, times
from bench.corpus import Float32Array

Drum = Callable[[Timbre, bool, np.random.Generator], Float32Array]  # the flag: of a drum machine

METAL_HZ = (2500.0, 3180.0, 4230.0, 5410.0)  # an inharmonic cluster, as in analogue drum machines


def _falling_sine(count: int, hz: float, extra_periods: float, fall: float) -> Float32Array:
    """Return a sine that starts higher and falls to `hz`, as a struck skin does."""
    periods = np.float32(hz) * times(count) + np.float32(extra_periods) * (1 - decay(count, fall))
    wave: Float32Array = np.sin(np.float32(TAU) * periods)
    return wave


def _kick(timbre: Timbre, machine: bool, random: np.random.Generator) -> Float32Array:
    count = samples(0.4)
    skin = _falling_sine(count, (44 if machine else 58) + 18 * timbre.kick, 3.0 if machine else 1.2, 0.03)
    body = skin * decay(count, (0.16 if machine else 0.08) * (0.5 + timbre.kick))
    return body + np.float32(0.05 + 0.3 * timbre.hammer) * noise(random, count) * decay(count, 0.004)


def _snare(timbre: Timbre, machine: bool, random: np.random.Generator) -> Float32Array:
    count = samples(0.3)
    tone = _falling_sine(count, 160 + 80 * timbre.snare, 0.3, 0.02) * decay(count, 0.06)
    wires = noise(random, count) * decay(count, (0.05 if machine else 0.1) * (0.5 + timbre.snare))
    return 0.5 * tone + np.float32(0.4 + 0.4 * timbre.breath) * wires


def _clap(_: Timbre, __: bool, random: np.random.Generator) -> Float32Array:
    count = samples(0.25)
    t = times(count)
    flams = np.exp(-(t % np.float32(0.01)) / 0.004)  # three hands, a hundredth of a second apart
    shape: Float32Array = np.where(t < 0.03, 0.8 * flams, decay(count, 0.08))
    return brightened(noise(random, count)) * shape


def _cymbal(ring: float, length: float) -> Drum:
    def strike(timbre: Timbre, machine: bool, random: np.random.Generator) -> Float32Array:
        count = samples(length)
        hiss = brightened(brightened(noise(random, count))) * np.float32(0.35)
        stretch = 1 + 0.2 * timbre.cymbal
        squares = sum((steady(hz * stretch, count) >> np.uint32(31)).astype(np.float32) - 0.5 for hz in METAL_HZ)
        metal = np.float32(0.3 if machine else 0.1 * timbre.cymbal)
        return np.asarray((hiss + metal * squares) * decay(count, ring * (0.5 + timbre.cymbal)), dtype=np.float32)

    return strike


def _skin(hz: float, fall: float, length: float) -> Drum:
    def strike(timbre: Timbre, _: bool, random: np.random.Generator) -> Float32Array:
        count = samples(length)
        tone = _falling_sine(count, hz * (0.9 + 0.25 * timbre.snare), 0.6, 0.03) * decay(count, fall)
        return tone + np.float32(0.1) * noise(random, count) * decay(count, 0.01)

    return strike


def _wood(hz: float) -> Drum:
    def strike(timbre: Timbre, _: bool, random: np.random.Generator) -> Float32Array:
        count = samples(0.08)
        tone = sine(hz * (0.9 + 0.2 * timbre.snare), count) * decay(count, 0.015)
        return tone + np.float32(0.2) * noise(random, count) * decay(count, 0.003)

    return strike


def _brush(timbre: Timbre, _: bool, random: np.random.Generator) -> Float32Array:
    count = samples(0.25)
    return noise(random, count) * decay(count, 0.05 + 0.06 * timbre.snare) * fade_in(count, 0.02)


def _shaker(timbre: Timbre, _: bool, random: np.random.Generator) -> Float32Array:
    count = samples(0.06 + 0.06 * timbre.cymbal)
    return brightened(noise(random, count)) * sine(0.5 * RATE / count, count)


DRUMS: dict[str, tuple[Drum, float]] = {  # each with its loudness at full stroke
    "kick": (_kick, 1.5),
    "snare": (_snare, 1.1),
    "clap": (_clap, 1.0),
    "closed hat": (_cymbal(0.03, 0.12), 0.45),
    "open hat": (_cymbal(0.13, 0.4), 0.45),
    "ride": (_cymbal(0.25, 0.7), 0.4),
    "crash": (_cymbal(0.5, 1.4), 0.6),
    "tom": (_skin(95, 0.12, 0.35), 1.1),
    "conga": (_skin(240, 0.07, 0.25), 0.8),
    "clave": (_wood(2300), 0.6),
    "rim": (_wood(1300), 0.6),
    "brush": (_brush, 0.5),
    "shaker": (_shaker, 0.4),
}


def applause(seconds: float, random: np.random.Generator) -> Float32Array:
    """Return many hands clapping, swelling and fading."""
    count = samples(seconds)
    claps = noise(random, count) * (random.random(count, dtype=np.float32) < 0.01)
    hand = brightened(noise(random, samples(0.02))) * decay(samples(0.02), 0.005)
    crowd: Float32Array = np.convolve(claps, hand)[:count]
    return crowd * sine(0.5 * RATE / count, count)
