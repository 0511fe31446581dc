"""The only decoder and resampler: an audio file becomes mono float32 at one sample rate, or is refused by name."""

import re
from pathlib import Path

import numpy as np
import soundfile
import soxr
from pydantic import BaseModel, ConfigDict, Field

from bench.corpus import Float32Array

LOUDEST_SAMPLE = 10.0  # a float file beyond this is not audio in [-1, 1] by any convention
BLOCK_FRAMES = 1 << 20
UNKNOWN_LENGTH = 0xFFFFF000  # a little under 2^32: headers of piped files count back from all ones
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
    """Return the mono samples of the first `max_seconds` of a file, and its sample rate in Hz."""
    if not path.is_file():
        raise RejectedTrackError("file is missing")
    try:
        with soundfile.SoundFile(path) as file:
            wanted = file.frames if max_seconds is None else min(file.frames, round(max_seconds * file.samplerate))
            blocks = _mono_blocks(file, wanted)
            said, rate = file.extra_info, int(file.samplerate)
    except soundfile.LibsndfileError as error:
        raise RejectedTrackError(f"cannot be decoded: {error.error_string}") from error
    samples = np.concatenate([np.empty(0, np.float32), *blocks])
    if len(samples) < wanted or _claims_more_than_there_is(said):
        raise RejectedTrackError(f"is truncated: its header promises more than the {len(samples) / rate:.2f} s found")
    return samples, rate


def _mono_blocks(file: soundfile.SoundFile, wanted: int) -> list[Float32Array]:
    """Read block by block: a header's number of frames is no reason to allocate as much."""
    blocks: list[Float32Array] = []
    while wanted > 0:
        block = file.read(min(wanted, BLOCK_FRAMES), dtype="float32", always_2d=True)
        if not len(block):
            break
        blocks.append(block.mean(axis=1))
        wanted -= len(block)
    return blocks


def _claims_more_than_there_is(said: str) -> bool:
    """Tell from libsndfile's log whether a header claims a length that the file falls short of.

    libsndfile quietly mends such a length in WAV, AIFF and W64, and reads an Ogg stream up to where it breaks off. A
    length of all ones is what a program writes that cannot seek back; it claims nothing.
    """
    claims = [(int(claim), int(actual)) for claim, actual in re.findall(r"(\d+) \(should be (\d+)\)", said)]
    return "lacks an end-of-stream bit" in said or any(actual < claim < UNKNOWN_LENGTH for claim, actual in claims)
