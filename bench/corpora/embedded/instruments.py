"""Pitched instruments: each turns (frequency, length, timbre) into the samples of one note."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.corpora.embedded.score import Timbre
from bench.corpora.embedded.synthesis import (
    HARMONICS,
    TAU,
    Float64Array,
    decay,
    envelope,
    gliding,
    lowpass,
    noise,
    oscillate,
    samples,
    saturated,
    scoop,
    sine,
    steady,
    times,
    vibrato,
    wavetable,
)
from bench.corpus import Float32Array

Instrument = Callable[[float, float, Timbre, np.random.Generator], Float32Array]


def _struck_at(position: float) -> Float64Array:
    """Return the amplitudes of a string excited at a fraction of its length, where some harmonics have a node."""
    amplitudes: Float64Array = np.abs(np.sin(np.pi * HARMONICS * position)) + 0.02
    return amplitudes


def _tremolo(count: int, depth: float, rate: float) -> Float32Array:
    return 1 + np.float32(depth) * sine(rate, count)


@dataclass(frozen=True)
class String:
    """A string that is struck or plucked: bright at first, then duller, then dying away.

    `slope` is the exponent by which harmonics weaken (dull timbre), `ring` the decay of the whole note in seconds
    (short decay setting), `position` where the string is excited, `damping` the release.
    """

    slope: float
    ring: float
    position: float
    damping: float
    drive: float = 0.0

    def __call__(self, hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
        """Return a note."""
        count = samples(seconds + 3 * self.damping)
        excitation = _struck_at(self.position * (0.6 + 0.9 * timbre.hammer))
        slope = self.slope - 0.6 * timbre.bright
        bright = wavetable(excitation * HARMONICS**-slope, hz)
        dull = wavetable(excitation * HARMONICS ** -(slope + 1.0), hz)
        fading = decay(count, 0.08 + 0.22 * timbre.decay)
        phases = steady(hz, count)
        sound = fading * oscillate(bright, phases) + (1 - fading) * oscillate(dull, phases)
        ring = self.ring * (0.6 + 1.4 * timbre.decay) * (220 / hz) ** 0.5
        sound = sound * envelope(count, seconds, 0.003, ring, 0.02, self.damping)
        return saturated(sound, self.drive) if self.drive else sound


def _electric_piano(hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
    """Two-operator frequency modulation with a bell-like attack (Chowning 1973)."""
    count = samples(seconds + 0.15)
    carrier = np.float32(TAU * hz) * times(count)
    index = np.float32(0.8 + 2.2 * timbre.bright) * decay(count, 0.3)
    bell = np.float32(0.4 * timbre.hammer) * decay(count, 0.06) * np.sin(7 * carrier)
    sound = np.sin(carrier + index * np.sin(carrier)) + bell
    tremolo = _tremolo(count, 0.5 * timbre.vibrato, 4 + 2 * timbre.detune)
    shape = envelope(count, seconds, 0.004, 0.6 + timbre.decay, 0.05, 0.08)
    return np.asarray(sound * tremolo * shape, dtype=np.float32)


def _organ(hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
    count = samples(seconds + 0.1)
    drawbars = np.zeros(len(HARMONICS))
    drawbars[[0, 1, 2, 3, 5, 7]] = [
        1,
        timbre.drawbar,
        1 - timbre.drawbar,
        0.6 * timbre.bright,
        0.5 * timbre.drawbar,
        0.6 * timbre.bright,
    ]
    phases = gliding(vibrato(hz, count, 0.001 + 0.006 * timbre.vibrato, 5.5 + 1.5 * timbre.detune))
    return oscillate(wavetable(drawbars, hz), phases) * envelope(count, seconds, 0.008, 1, 1, 0.03)


def _distorted_guitar(hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
    count = samples(seconds + 0.12)
    amplitudes = _struck_at(0.1 + 0.2 * timbre.hammer) * HARMONICS**-0.8 * lowpass(hz, 1800 + 4000 * timbre.bright)
    string = oscillate(wavetable(amplitudes, hz), gliding(vibrato(hz, count, 0.003 * timbre.vibrato)))
    return saturated(string * decay(count, 2.5), 2 + 9 * timbre.drive) * envelope(count, seconds, 0.004, 2, 0.8, 0.04)


@dataclass(frozen=True)
class Bowed:
    """A bowed string, or a section of `players` slightly out of tune."""

    players: int

    def __call__(self, hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
        """Return a note."""
        count = samples(seconds + 0.3)
        amplitudes = HARMONICS ** -(1.2 - 0.4 * timbre.bright) * lowpass(hz, 1400 + 4000 * timbre.bright, 1)
        table = wavetable(amplitudes, hz)
        spread = 0.001 + 0.004 * timbre.detune
        sound = np.zeros(count, np.float32)
        for player in range(self.players):
            tuned = hz * (1 + spread * (player - self.players // 2))
            bent = vibrato(tuned, count, 0.001 + 0.007 * timbre.vibrato, 4.6 + 0.5 * player)
            sound += oscillate(table, gliding(bent, 0.37 * player))
        return sound * envelope(count, seconds, 0.03 + 0.15 * timbre.attack, 1, 0.9, 0.1)


@dataclass(frozen=True)
class Blown:
    """A wind instrument: a formant at `formant` Hz, harmonics falling by `slope`, and breath.

    `even` is the strength of even harmonics.
    """

    formant: float
    slope: float
    breath: float
    even: float = 1.0

    def __call__(self, hz: float, seconds: float, timbre: Timbre, random: np.random.Generator) -> Float32Array:
        """Return a note."""
        count = samples(seconds + 0.15)
        cutoff = self.formant * (0.7 + 0.7 * timbre.bright)
        resonance = 1 + np.exp(-(((HARMONICS * hz - 0.8 * cutoff) / 350) ** 2))
        amplitudes = HARMONICS**-self.slope * lowpass(hz, cutoff) * resonance
        amplitudes = amplitudes * np.where(HARMONICS % 2 == 0, self.even, 1.0)
        bent = vibrato(hz, count, 0.002 + 0.009 * timbre.vibrato, 4.8 + timbre.detune)
        sound = oscillate(wavetable(amplitudes, hz), gliding(bent))
        sound = sound + np.float32(self.breath * (0.3 + timbre.breath)) * noise(random, count)
        return sound * envelope(count, seconds, 0.02 + 0.05 * timbre.attack, 0.6, 0.85, 0.05)


def _theremin(hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
    count = samples(seconds + 0.25)
    bent = vibrato(hz, count, 0.02 + 0.01 * timbre.vibrato, 6.2) * scoop(count, 0.08, 0.09)
    amplitudes = HARMONICS ** -(3.2 - timbre.bright)
    return oscillate(wavetable(amplitudes, hz), gliding(bent)) * envelope(count, seconds, 0.09, 1, 1, 0.09)


@dataclass(frozen=True)
class Synthesizer:
    """Detuned sawtooth waves through a low-pass at `cutoff` Hz; `attack` to `release` shape the note, in seconds."""

    cutoff: float
    attack: float
    fall: float
    sustain: float
    release: float
    slide: float = 0.0

    def __call__(self, hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
        """Return a note."""
        count = samples(seconds + 3 * self.release)
        amplitudes = HARMONICS**-1.0 * lowpass(hz, self.cutoff * (0.4 + 1.4 * timbre.bright))
        if timbre.drawbar > 0.6:  # a hollow, square-like wave
            amplitudes = amplitudes * np.where(HARMONICS % 2 == 0, 0.05, 1.0)
        table = wavetable(amplitudes, hz)
        attack = self.attack * (0.5 + 1.5 * timbre.attack)
        shape = envelope(count, seconds, attack, self.fall * (0.5 + timbre.decay), self.sustain, self.release)
        if self.slide:
            bent = vibrato(hz, count, 0.006) * scoop(count, self.slide, 0.05)
            return oscillate(table, gliding(bent)) * shape
        detune = 0.001 + 0.009 * timbre.detune
        chorus = sum(
            oscillate(table, steady(hz * (1 + detune * voice), count, 0.3 * (voice + 1))) for voice in (-1, 0, 1)
        )
        return np.asarray(chorus * shape, dtype=np.float32)


@dataclass(frozen=True)
class Bass:
    """A bass: harmonics falling by `slope`, under `cutoff` Hz if it is a synthesizer's; two voices if `detune`."""

    slope: float
    attack: float
    fall: float
    sustain: float
    cutoff: float = 0.0
    detune: float = 0.0

    def __call__(self, hz: float, seconds: float, timbre: Timbre, _: np.random.Generator) -> Float32Array:
        """Return a note."""
        count = samples(seconds + 0.15)
        amplitudes = HARMONICS ** -(self.slope - 0.3 * timbre.bright)
        if self.cutoff:
            amplitudes = amplitudes * lowpass(hz, self.cutoff * (0.5 + 1.5 * timbre.bright))
        table = wavetable(amplitudes, hz)
        sound = oscillate(table, steady(hz * (1 - self.detune), count))
        if self.detune:
            sound = sound + oscillate(table, steady(hz * (1 + self.detune), count, 0.4))
        fall = self.fall * (0.6 + 0.8 * timbre.decay)
        return sound * envelope(count, seconds, self.attack, fall, self.sustain, 0.05)


INSTRUMENTS: dict[str, Instrument] = {
    "piano": String(slope=1.5, ring=1.1, position=0.12, damping=0.08),
    "harpsichord": String(slope=0.9, ring=0.45, position=0.14, damping=0.05),
    "acoustic guitar": String(slope=1.3, ring=0.7, position=0.2, damping=0.1),
    "clean guitar": String(slope=1.1, ring=1.0, position=0.12, damping=0.04, drive=1.6),
    "electric piano": _electric_piano,
    "organ": _organ,
    "distorted guitar": _distorted_guitar,
    "strings": Bowed(players=3),
    "cello": Bowed(players=1),
    "flute": Blown(formant=1100, slope=2.2, breath=0.09),
    "saxophone": Blown(formant=900, slope=0.6, breath=0.05, even=0.7),
    "trumpet": Blown(formant=1900, slope=0.6, breath=0.01),
    "harmonica": Blown(formant=2600, slope=0.25, breath=0.03, even=1.4),
    "theremin": _theremin,
    "pad": Synthesizer(cutoff=700, attack=0.3, fall=2.0, sustain=0.9, release=0.3),
    "stab": Synthesizer(cutoff=2200, attack=0.004, fall=0.2, sustain=0.15, release=0.06),
    "lead synth": Synthesizer(cutoff=2600, attack=0.01, fall=0.4, sustain=0.7, release=0.05),
    "whistle synth": Synthesizer(cutoff=4000, attack=0.03, fall=0.5, sustain=0.85, release=0.05, slide=0.06),
    "fingered bass": Bass(slope=1.8, attack=0.006, fall=0.6, sustain=0.4),
    "picked bass": Bass(slope=1.2, attack=0.002, fall=0.5, sustain=0.4),
    "upright bass": Bass(slope=2.0, attack=0.008, fall=0.28, sustain=0.08),
    "sub bass": Bass(slope=3.5, attack=0.01, fall=1.0, sustain=0.9),
    "synth bass": Bass(slope=1.0, attack=0.003, fall=0.2, sustain=0.5, cutoff=700),
    "reese bass": Bass(slope=1.0, attack=0.02, fall=1.0, sustain=1.0, cutoff=900, detune=0.006),
}
