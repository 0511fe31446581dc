"""Singing and rapping: a harmonic source shaped by the formants of a vowel, gliding to another vowel."""

import numpy as np

from bench.corpora.embedded.score import Timbre
from bench.corpora.embedded.synthesis import (
    HARMONICS,
    Float64Array,
    brightened,
    decay,
    envelope,
    fade_in,
    gliding,
    noise,
    oscillate,
    samples,
    scoop,
    vibrato,
    wavetable,
)
from bench.corpus import Float32Array

VOWELS = {  # the first three formants of a man's vowels, Hz, after Peterson and Barney (1952), rounded
    "a": (800, 1200, 2600),
    "e": (550, 1800, 2550),
    "i": (350, 2200, 2900),
    "o": (450, 900, 2500),
    "u": (330, 750, 2400),
}
BANDWIDTHS = (130, 170, 260)  # Hz
STRENGTHS = (1.0, 0.6, 0.35)
GLIDES_TO = {"a": "i", "e": "o", "i": "u", "o": "a", "u": "e"}
THROATS = {"male": 1.0, "rap": 1.0, "female": 1.17}  # scale of the formants


def voice(
    kind: str, syllable: str, hz: float, seconds: float, timbre: Timbre, random: np.random.Generator
) -> Float32Array:
    """Return a syllable: a vowel ("a"), perhaps after a consonant ("ta"), sung, or spoken if `kind` is "rap"."""
    count = samples(seconds + 0.12)
    vowel = syllable[-1]
    throat = THROATS[kind] * (0.88 + 0.22 * timbre.throat)
    here = wavetable(_formants(vowel, hz, throat), hz)
    there = wavetable(_formants(GLIDES_TO[vowel], hz, throat), hz)
    phases = gliding(_intonation(kind, hz, seconds, count, timbre))
    moved = fade_in(count, max(seconds, 0.05))
    sound: Float32Array = (1 - moved) * oscillate(here, phases) + moved * oscillate(there, phases)
    if len(syllable) > 1:
        sound = sound + brightened(noise(random, count)) * decay(count, 0.03)
    sound = sound + np.float32(0.08 * timbre.breath) * noise(random, count)
    return sound * envelope(count, seconds, 0.01 + 0.03 * timbre.attack, 1, 0.9, 0.04)


def _formants(vowel: str, hz: float, throat: float) -> Float64Array:
    """Return the amplitudes of the harmonics under the vowel's formants."""
    bells = sum(
        strength * np.exp(-(((HARMONICS * hz - centre * throat) / width) ** 2))
        for centre, width, strength in zip(VOWELS[vowel], BANDWIDTHS, STRENGTHS, strict=True)
    )
    return np.asarray((bells + 0.02) * HARMONICS**-0.35, dtype=np.float64)


def _intonation(kind: str, hz: float, seconds: float, count: int, timbre: Timbre) -> Float64Array:
    """Return the frequency of every sample: vibrato and a scoop for singing, a falling tone for speech."""
    if kind == "rap":
        return hz * (1 - 0.1 * np.minimum(1, np.arange(count) / samples(seconds)))
    return vibrato(hz, count, 0.003 + 0.014 * timbre.vibrato, 5.0 + timbre.detune) * scoop(count, 0.03, 0.04)
