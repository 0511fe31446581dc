"""How every track is heard: mono float32 at a known sample rate, or refused by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bench.corpus import Float32Array
from bench.facts import FileFacts, RejectedTrackError
from bench.sound_file import read_mono

DECODER_VERSION = 2  # raise it whenever some file would decode to other samples or be refused where it was not
LOUDEST_SAMPLE = 10.0  # a float file beyond this is not audio in [-1, 1] by any convention
LOWEST_HEARD, HIGHEST_HEARD = 8_000, 192_000  # Hz; the rates that every family can work at
SILENCE_RMS = 1e-4  # -80 dB below full scale, after removing DC


class AudioSettings(BaseModel):
    """How every track is heard: `sample_rate`, and at most its first `max_seconds` (none: the whole track).

    The sample rate is in Hz, or "own": each track keeps that of its file, and one outside 8,000 to 192,000 Hz is
    refused. A track shorter than `min_seconds` is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sample_rate: int | Literal["own"] = 16000
    max_seconds: float | None = Field(default=None, gt=0)
    min_seconds: float = Field(default=1.0, ge=0.1)

    @field_validator("sample_rate", mode="before")
    @classmethod
    def _rate_can_be_worked_at(cls, rate: object) -> object:
        if rate == "own" or (isinstance(rate, int) and LOWEST_HEARD <= rate <= HIGHEST_HEARD):
            return rate
        raise ValueError(f'give a whole number of Hz from {LOWEST_HEARD} to {HIGHEST_HEARD}, or "own"')

    @model_validator(mode="after")
    def _some_track_can_pass(self) -> Self:
        if self.max_seconds is not None and self.max_seconds < self.min_seconds:
            raise ValueError(
                f"max_seconds = {self.max_seconds:g} is less than min_seconds = {self.min_seconds:g}: "
                "every track would be refused as too short; raise one or lower the other"
            )
        return self


@dataclass(frozen=True)
class Decoded:
    """The `samples` of a file, shape (samples,), mono, in [-1, 1] unless the file is louder, and their `rate` in Hz.

    `facts` are of the file itself, before channels were averaged and the rate changed.
    """

    samples: Float32Array
    rate: int
    facts: FileFacts


def decode(path: Path, settings: AudioSettings) -> Decoded:
    """Return what a file sounds like, at the wanted sample rate.

    Channels are averaged; the rate is changed by soxr in its HQ setting.
    Raises `RejectedTrackError` when the file is missing, cannot be decoded, is shorter than its header says, has an
    impossible sample rate, is too short, silent, or holds NaN, infinite or absurdly large samples.
    """
    samples, facts = read_mono(path, settings.max_seconds)
    rate = facts.rate
    _check_samples(samples, rate, settings.min_seconds)
    if settings.sample_rate != "own":
        return Decoded(_resampled(samples, rate, settings.sample_rate), settings.sample_rate, facts)
    if not LOWEST_HEARD <= rate <= HIGHEST_HEARD:
        limits = f"outside {LOWEST_HEARD} to {HIGHEST_HEARD} Hz"
        raise RejectedTrackError(f"has a sample rate of {rate} Hz, {limits}; give [audio] sample_rate a number")
    return Decoded(samples, rate, facts)


def _check_samples(samples: Float32Array, rate: int, min_seconds: float) -> None:
    highest = max(samples.max(initial=0.0), -samples.min(initial=0.0))  # nan where one is
    if not np.isfinite(highest):
        raise RejectedTrackError("has NaN or infinite samples")
    if highest > LOUDEST_SAMPLE:
        raise RejectedTrackError(f"has samples beyond ±{LOUDEST_SAMPLE:g}")
    if len(samples) < min_seconds * rate:
        raise RejectedTrackError(f"lasts {len(samples) / rate:.2f} s, less than {min_seconds:g} s")
    _check_sounds(samples, "in mono, the mean of its channels")


def _check_sounds(samples: Float32Array, how: str) -> None:
    if float(np.std(samples)) < SILENCE_RMS:
        raise RejectedTrackError(f"is silent {how}")


def resample(samples: Float32Array, rate: int, wanted: int) -> Float32Array:
    """Return mono samples at another rate in Hz, by soxr in its HQ setting."""
    import soxr  # by those who decode alone: a machine that trains on prepared audio need not have it

    return np.asarray(soxr.resample(samples, rate, wanted, quality="HQ"), dtype=np.float32)


def _resampled(samples: Float32Array, rate: int, wanted: int) -> Float32Array:
    if rate == wanted:
        return samples
    resampled = resample(samples, rate, wanted)
    _check_sounds(resampled, f"below {wanted // 2} Hz")
    return resampled
