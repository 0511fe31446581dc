"""How every track is heard: mono float32 at a known sample rate, or refused by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bench.corpus import Float32Array
from bench.facts import BLOCK_SAMPLES, LOWEST_RATE, MOST_FRAMES, FileFacts, Levels, RejectedTrackError, Sound
from bench.sound_file import open_sound

if TYPE_CHECKING:
    import soxr

DECODER_VERSION = 3  # raise it whenever some file would decode to other samples or be refused where it was not
LOUDEST_SAMPLE = 10.0  # a float file beyond this is not audio in [-1, 1] by any convention
LOWEST_HEARD, HIGHEST_HEARD = 8_000, 192_000  # Hz; the rates that every family can work at
LONGEST_FORESEEN = 600.0  # seconds; memory for more is asked for when it comes, not when a header says so
SILENCE_RMS = 1e-4  # -80 dB below full scale, after removing DC
NEVER_SILENT = SILENCE_RMS**2 * MOST_FRAMES * HIGHEST_HEARD / LOWEST_RATE  # a sum of squares too large for any track


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
    with open_sound(path, settings.max_seconds) as sound:
        wanted = _wanted_rate(sound.rate, settings)
        ear = _Ear(sound.rate, wanted, _seconds_to_hear(sound, settings.max_seconds))
        for block in sound.blocks:
            ear.hear(block)
    ear.check(settings.min_seconds)
    samples = ear.samples()
    if wanted != sound.rate and _is_silent(samples):
        raise RejectedTrackError(f"is silent below {wanted // 2} Hz")
    return Decoded(samples, wanted, _facts(sound, ear, settings.max_seconds))


def _wanted_rate(rate: int, settings: AudioSettings) -> int:
    if settings.sample_rate != "own":
        return settings.sample_rate
    if not LOWEST_HEARD <= rate <= HIGHEST_HEARD:
        limits = f"outside {LOWEST_HEARD} to {HIGHEST_HEARD} Hz"
        raise RejectedTrackError(f"has a sample rate of {rate} Hz, {limits}; give [audio] sample_rate a number")
    return rate


def _seconds_to_hear(sound: Sound, max_seconds: float | None) -> float:
    return min(seconds for seconds in (sound.seconds, max_seconds, LONGEST_FORESEEN) if seconds is not None)


def _facts(sound: Sound, ear: "_Ear", max_seconds: float | None) -> FileFacts:
    seconds = sound.seconds
    if seconds is None and (max_seconds is None or ear.frames < round(max_seconds * sound.rate)):
        seconds = ear.frames / sound.rate
    return FileFacts(sound.rate, sound.channels, seconds, ear.levels.peak, ear.levels.clipped())


class _Ear:
    """Hears a file block by block: its levels, and its channels' mean at the wanted rate.

    No block is looked at once the next is decoded: passing over a whole track again and again costs more than most of
    what is done with it.
    """

    def __init__(self, rate: int, wanted: int, seconds: float) -> None:
        self.levels = Levels()
        self.frames = 0
        self._rate = rate
        self._variation = _Variation()
        self._resampler = _resampler(rate, wanted) if rate != wanted else None
        self._tape = _Tape(round(seconds * wanted) + 1)

    def hear(self, block: Float32Array) -> None:
        """Take in the next block, shape (frames, channels)."""
        self.levels.add(block)
        mono = _mono(block)
        self.frames += len(mono)
        self._variation.add(mono)
        self._tape.add(mono if self._resampler is None else self._resampler.resample_chunk(mono))

    def check(self, min_seconds: float) -> None:
        """Raise `RejectedTrackError` where what was heard is too short, silent or no sound."""
        if not np.isfinite(self.levels.peak):
            raise RejectedTrackError("has NaN or infinite samples")
        if self.levels.peak > LOUDEST_SAMPLE:
            raise RejectedTrackError(f"has samples beyond ±{LOUDEST_SAMPLE:g}")
        if self.frames < min_seconds * self._rate:
            raise RejectedTrackError(f"lasts {self.frames / self._rate:.2f} s, less than {min_seconds:g} s")
        if self._variation.is_silence():
            raise RejectedTrackError("is silent in mono, the mean of its channels")

    def samples(self) -> Float32Array:
        """Return all that was heard, at the wanted rate; after that, nothing more can be heard."""
        if self._resampler is not None:
            self._tape.add(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))
        return self._tape.samples()


class _Tape:
    """Samples one after another in one array, which grows where more come than were expected.

    Memory costs when it is first written to: kept apart and joined at last, samples would cost it twice.
    """

    def __init__(self, expected: int) -> None:
        self._array = np.empty(expected, np.float32)
        self._count = 0

    def add(self, samples: Float32Array) -> None:
        """Append samples, shape (samples,)."""
        end = self._count + len(samples)
        if end > len(self._array):
            longer = np.empty(2 * end, np.float32)
            longer[: self._count] = self._array[: self._count]
            self._array = longer
        self._array[self._count : end] = samples
        self._count = end

    def samples(self) -> Float32Array:
        """Return all samples, shape (samples,)."""
        return self._array[: self._count]


def _mono(block: Float32Array) -> Float32Array:
    """Return the mean of a block's channels."""
    if block.shape[1] == 1:
        return block[:, 0]
    with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs; they are refused later
        if block.shape[1] != 2:
            mean: Float32Array = block.mean(axis=1)
            return mean
        mono: Float32Array = block[:, 0] + block[:, 1]  # the same to the last bit, in a fifth of the time
    mono *= np.float32(0.5)
    return mono


class _Variation:
    """The sum of squares about the mean, of blocks one after another (Chan, Golub and LeVeque, 1983).

    Where it is more than any silent track can have, nothing is added any more.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, block: Float32Array) -> None:
        """Take a block of samples into account, shape (samples,)."""
        count, before = len(block), self._count
        self._count += count
        if not count or not self._squares < NEVER_SILENT:
            return
        mean = float(block.mean(dtype=np.float64))
        with np.errstate(invalid="ignore", over="ignore"):  # they are refused for it, or loud enough
            rest = block - np.float32(mean)
            squares = float(np.dot(rest, rest))
        apart = mean - self._mean
        self._mean += apart * count / self._count
        self._squares += squares + apart**2 * before * count / self._count

    def is_silence(self) -> bool:
        """Tell whether the samples vary by less than `SILENCE_RMS`."""
        return self._squares < SILENCE_RMS**2 * self._count


def _is_silent(samples: Float32Array) -> bool:
    variation = _Variation()
    for start in range(0, len(samples), BLOCK_SAMPLES):
        variation.add(samples[start : start + BLOCK_SAMPLES])
    return variation.is_silence()


def resample(samples: Float32Array, rate: int, wanted: int) -> Float32Array:
    """Return mono samples at another rate in Hz, by soxr in its HQ setting."""
    import soxr  # by those who decode alone: a machine that trains on prepared audio need not have it

    return np.asarray(soxr.resample(samples, rate, wanted, quality="HQ"), dtype=np.float32)


def _resampler(rate: int, wanted: int) -> "soxr.ResampleStream":
    """Return what resamples mono samples chunk by chunk, to the same ones as `resample` all at once."""
    import soxr

    return soxr.ResampleStream(rate, wanted, 1, dtype="float32", quality="HQ")
