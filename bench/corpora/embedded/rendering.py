"""Rendering: a score becomes audio, each different note synthesised once and laid down wherever it recurs."""

import numpy as np
from numpy.typing import NDArray

from bench.corpora.embedded.draws import SOUND, generator
from bench.corpora.embedded.drums import DRUMS, applause
from bench.corpora.embedded.instruments import INSTRUMENTS
from bench.corpora.embedded.mixing import master
from bench.corpora.embedded.score import Note, Part, Score
from bench.corpora.embedded.synthesis import RATE, hertz, samples
from bench.corpora.embedded.voices import voice
from bench.corpus import Float32Array

LOUDNESS = 0.1  # RMS of a note's first part, so that gains mean the same for every instrument
LOUDNESS_SECONDS = 0.2
LENGTHS_PER_SECOND = 24  # notes are cached by length, rounded to this grid
FULL_SCALE = 32767


def render(score: Score, seed: int) -> NDArray[np.int16]:
    """Return the recording of a score at 16 kHz, shape (samples,)."""
    random = generator(seed, SOUND, score.track)
    players = _Players(score, random)
    dry = np.zeros(samples(score.seconds), np.float32)
    for part in score.parts:
        for note in part.notes:
            _lay_down(dry, players.sound(part, note), note.start, part.gain * note.velocity)
    recording = master(dry, score.mix, random)
    return np.rint(recording * FULL_SCALE).astype(np.int16)


def _lay_down(track: Float32Array, sound: Float32Array, start: float, gain: float) -> None:
    first = round(start * RATE)
    stretch = track[first : first + len(sound)]
    stretch += sound[: len(stretch)] * np.float32(gain)


class _Players:
    """The sounds of one song, remembered: music repeats itself."""

    def __init__(self, score: Score, random: np.random.Generator) -> None:
        self._timbre = score.timbre
        self._random = random
        self._sounds: dict[tuple[str, float, int, str], Float32Array] = {}

    def sound(self, part: Part, note: Note) -> Float32Array:
        """Return one note as that part's instrument plays it, at the common loudness."""
        length = max(1, round(note.seconds * LENGTHS_PER_SECOND))
        key = (part.instrument, note.pitch, length, note.sound)
        if key not in self._sounds:
            self._sounds[key] = self._play(part, note, length / LENGTHS_PER_SECOND)
        return self._sounds[key]

    def _play(self, part: Part, note: Note, seconds: float) -> Float32Array:
        if part.role == "drums":
            drum, loudness = DRUMS[note.sound]
            return np.float32(loudness) * _levelled(drum(self._timbre, part.instrument == "machine", self._random))
        if part.role == "voice":
            return _levelled(voice(part.instrument, note.sound, hertz(note.pitch), seconds, self._timbre, self._random))
        if part.role == "audience":
            return _levelled(applause(seconds, self._random))
        return _levelled(INSTRUMENTS[part.instrument](hertz(note.pitch), seconds, self._timbre, self._random))


def _levelled(sound: Float32Array) -> Float32Array:
    beginning = sound[: samples(LOUDNESS_SECONDS)]
    level = np.sqrt(np.mean(beginning**2)) + np.float32(1e-9)
    return np.asarray(sound * (np.float32(LOUDNESS) / level), dtype=np.float32)
