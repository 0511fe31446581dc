"""The other set of descriptors: those of essentia's stock MusicExtractor (Bogdanov et al., ISMIR 2013), for comparison.

Its settings are essentia's own but for silent frames, which are dropped: by default they are filled with fresh random
noise, so that no two runs agree. Audio is brought to its 44.1 kHz by our resampler, which is faster.
`baselines/features/pool.py` says how its pool becomes numbers. Units and sources are those of essentia's documentation,
`streaming_extractor_music`.
"""

import tempfile
import wave
from functools import cache
from pathlib import Path

import essentia.standard as es
import numpy as np

from baselines.features.pool import OF_VARYING_LENGTH, SECTIONS, numbers, without_tempo_of_no_beats
from baselines.features.stft import Float32Array
from baselines.features.tie_breaking import restart_noise
from bench.audio import resample

PREFIXES = tuple(f"{section}." for section in SECTIONS)
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
    values = without_tempo_of_no_beats(_described(samples, sample_rate))
    row = np.array([values.get(name, np.nan) for name in descriptor_names()], np.float32)
    row[~np.isfinite(row)] = np.nan
    return row


def _described(samples: Float32Array, sample_rate: int) -> dict[str, float]:
    extractor = es.MusicExtractor(lowlevelSilentFrames="drop", tonalSilentFrames="drop")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "track.wav"  # MusicExtractor takes nothing but a file
        _write_wav(file, resample(samples, sample_rate, RATE))
        restart_noise()
        pool, _ = extractor(str(file))
    names = [name for name in pool.descriptorNames() if name.startswith(PREFIXES) and name != OF_VARYING_LENGTH]
    return {key: value for name in sorted(names) for key, value in numbers(name, pool[name]).items()}


def _write_wav(file: Path, samples: Float32Array) -> None:
    """Write a track at 44.1 kHz, 16 bits a sample."""
    integers = np.clip(np.rint(samples * INT16_SCALE), -INT16_SCALE, INT16_SCALE - 1).astype("<i2")
    with wave.open(str(file), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(RATE)
        output.writeframes(integers.tobytes())
