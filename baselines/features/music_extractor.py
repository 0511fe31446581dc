"""The other set of descriptors: those of essentia's stock MusicExtractor (Bogdanov et al., ISMIR 2013), for comparison.

Its settings are essentia's own but for silent frames, which are dropped: by default they are filled with fresh random
noise, so that no two runs agree. Audio is brought to its 44.1 kHz by our resampler, which is faster.
What is left out is `rhythm.beats_position`, which is as long as the track has beats.
An array is told by index, a symmetric matrix by its upper triangle, a key as twelve zeros and ones, a scale as one.
Units and sources are those of essentia's documentation, `streaming_extractor_music`.
"""

import tempfile
import wave
from functools import cache
from pathlib import Path

import essentia.standard as es
import numpy as np

from baselines.features.series import numbered
from baselines.features.stft import Float32Array
from bench.audio import resample

PREFIXES = ("lowlevel.", "rhythm.", "tonal.")
OF_VARYING_LENGTH = "rhythm.beats_position"
OF_BEATS = ("rhythm.bpm", "rhythm.beats_loudness")
KEYS = ("A", "Bb", "B", "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab")  # as essentia spells them
RATE = 44100  # Hz, at which MusicExtractor works; its own resampler takes as long as all the rest
NAMING_SECONDS = 3
INT16_SCALE = 32768


@cache
def descriptor_names() -> tuple[str, ...]:
    """Every descriptor, in order: those of pulsed noise, which lacks none."""
    time = np.arange(NAMING_SECONDS * RATE) / RATE
    noise = np.random.default_rng(0).normal(scale=0.1, size=len(time)) * np.exp(-10 * (2 * time % 1))
    return tuple(_described(noise.astype(np.float32), RATE))


def describe(samples: Float32Array, sample_rate: int) -> Float32Array:
    """Return the descriptors of a track, shape (descriptors,), in the order of `descriptor_names`.

    What MusicExtractor does not give for the track, or gives as no finite number, is nan, and so is what it says of
    beats where it finds none. Raises `RuntimeError` where it cannot work on the track at all.
    """
    values = _described(samples, sample_rate)
    if not values["rhythm.beats_count"]:  # MusicExtractor calls the tempo of no beats 0
        values = {name: value for name, value in values.items() if not name.startswith(OF_BEATS)}
    row = np.array([values.get(name, np.nan) for name in descriptor_names()], np.float32)
    row[~np.isfinite(row)] = np.nan
    return row


def _described(samples: Float32Array, sample_rate: int) -> dict[str, float]:
    extractor = es.MusicExtractor(lowlevelSilentFrames="drop", tonalSilentFrames="drop")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "track.wav"  # MusicExtractor takes nothing but a file
        _write_wav(file, resample(samples, sample_rate, RATE))
        pool, _ = extractor(str(file))
    names = [name for name in pool.descriptorNames() if name.startswith(PREFIXES) and name != OF_VARYING_LENGTH]
    return {key: value for name in sorted(names) for key, value in _numbers(name, pool[name]).items()}


def _write_wav(file: Path, samples: Float32Array) -> None:
    """Write a track at 44.1 kHz, 16 bits a sample."""
    integers = np.clip(np.rint(samples * INT16_SCALE), -INT16_SCALE, INT16_SCALE - 1).astype("<i2")
    with wave.open(str(file), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(RATE)
        output.writeframes(integers.tobytes())


def _numbers(name: str, value: float | str | Float32Array) -> dict[str, float]:
    """Return what MusicExtractor says under one name as numbers, each with a name of its own."""
    if isinstance(value, str):
        if name.endswith("scale"):
            return {f"{name}.major": float(value == "major")}
        return {f"{name}.{key}": float(value == key) for key in KEYS}
    array = np.asarray(value, np.float64)
    if array.ndim == 0:
        return {name: float(array)}
    if array.ndim == 1:
        return dict(zip(numbered(name, len(array)), array.tolist(), strict=True))
    rows, columns = np.triu_indices(len(array))
    pairs = zip(rows.tolist(), columns.tolist(), array[rows, columns].tolist(), strict=True)
    return {f"{name}.{row:02d}.{column:02d}": number for row, column, number in pairs}
