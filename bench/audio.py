"""The only decoder and resampler: an audio file becomes mono float32 at one sample rate, or is refused by name."""

from pathlib import Path

import numpy as np
import soundfile
import soxr
from pydantic import BaseModel, ConfigDict, Field

from bench.corpus import Float32Array

LOUDEST_SAMPLE = 10.0  # a float file beyond this is not audio in [-1, 1] by any convention
SILENCE_RMS = 1e-4  # -80 dB below full scale, after removing DC


class AudioSettings(BaseModel):
    """How every track is heard: `sample_rate` in Hz, and at most its first `max_seconds` (none: the whole track).

    A track shorter than `min_seconds` is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_rate: int = Field(default=16000, ge=8000, le=192000)
    max_seconds: float | None = Field(default=None, gt=0)
    min_seconds: float = Field(default=1.0, ge=0.1)


class RejectedTrackError(Exception):
    """An audio file that cannot be used; the message is the reason, in a few words."""


def decode(path: Path, settings: AudioSettings) -> Float32Array:
    """Return the samples of a file, shape (samples,), mono, in [-1, 1] unless the file is louder.

    Channels are averaged; the rate is changed by soxr in its HQ setting.
    Raises `RejectedTrackError` when the file is missing, cannot be decoded, is shorter than its header says, too
    short, silent, or holds NaN, infinite or absurdly large samples.
    """
    samples, rate = _read(path, settings.max_seconds)
    if not np.isfinite(samples).all():
        raise RejectedTrackError("has NaN or infinite samples")
    if np.abs(samples).max(initial=0.0) > LOUDEST_SAMPLE:
        raise RejectedTrackError(f"has samples beyond ±{LOUDEST_SAMPLE:g}")
    seconds = len(samples) / rate
    if seconds < settings.min_seconds:
        raise RejectedTrackError(f"lasts {seconds:.2f} s, less than {settings.min_seconds:g} s")
    if float(np.std(samples, dtype=np.float64)) < SILENCE_RMS:
        raise RejectedTrackError("is silent")
    if rate == settings.sample_rate:
        return samples
    return np.asarray(soxr.resample(samples, rate, settings.sample_rate, quality="HQ"), dtype=np.float32)


def _read(path: Path, max_seconds: float | None) -> tuple[Float32Array, int]:
    if not path.is_file():
        raise RejectedTrackError("file is missing")
    try:
        with soundfile.SoundFile(path) as file:
            wanted = file.frames if max_seconds is None else min(file.frames, round(max_seconds * file.samplerate))
            frames = file.read(wanted, dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except soundfile.LibsndfileError as error:
        raise RejectedTrackError(f"cannot be decoded: {error.error_string}") from error
    if len(frames) < wanted:
        raise RejectedTrackError(f"is truncated: {len(frames)} of {wanted} frames can be read")
    return frames.mean(axis=1), rate
