"""The only decoder and resampler: an audio file becomes mono float32 at a known sample rate, or is refused by name."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import soundfile
import soxr
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bench.corpus import Float32Array

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DECODER_VERSION = 2  # raise it whenever some file would decode to other samples or be refused where it was not
LOUDEST_SAMPLE = 10.0  # a float file beyond this is not audio in [-1, 1] by any convention
BLOCK_FRAMES = 1 << 20
UNKNOWN_LENGTH = 0xFFFFF000  # a little under 2^32: headers of piped files count back from all ones
MP3_SLACK = 2 * 1152  # frames: encoders differ on whether the header frame and the decoder's delay count
FAR = 1 << 34  # bytes
LOWEST_RATE, HIGHEST_RATE = 2_000, 400_000  # Hz; a header outside this range is damaged
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


class RejectedTrackError(Exception):
    """An audio file that cannot be used; the message is the reason, in a few words."""


@dataclass(frozen=True)
class Decoded:
    """The `samples` of a file, shape (samples,), mono, in [-1, 1] unless the file is louder, and their `rate` in Hz."""

    samples: Float32Array
    rate: int


def decode(path: Path, settings: AudioSettings) -> Decoded:
    """Return what a file sounds like, at the wanted sample rate.

    Channels are averaged; the rate is changed by soxr in its HQ setting.
    Raises `RejectedTrackError` when the file is missing, cannot be decoded, is shorter than its header says, has an
    impossible sample rate, is too short, silent, or holds NaN, infinite or absurdly large samples.
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
    if settings.sample_rate != "own":
        return Decoded(_resampled(samples, rate, settings.sample_rate), settings.sample_rate)
    if not LOWEST_HEARD <= rate <= HIGHEST_HEARD:
        raise RejectedTrackError(
            f"has a sample rate of {rate} Hz, outside {LOWEST_HEARD} to {HIGHEST_HEARD} Hz; "
            "to use it, give [audio] sample_rate a number"
        )
    return Decoded(samples, rate)


def _resampled(samples: Float32Array, rate: int, wanted: int) -> Float32Array:
    if rate == wanted:
        return samples
    return np.asarray(soxr.resample(samples, rate, wanted, quality="HQ"), dtype=np.float32)


def _read(path: Path, max_seconds: float | None) -> tuple[Float32Array, int]:
    """Return the mono samples of the first `max_seconds` of a file, and its sample rate in Hz."""
    if not path.is_file():
        raise RejectedTrackError("file is missing")
    if path.suffix.lower() == ".raw":
        raise RejectedTrackError("is raw samples, whose rate and format nothing tells; write it as WAV")
    try:
        with _opened(path) as file:
            rate = int(file.samplerate)
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise RejectedTrackError(f"has a sample rate of {rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz")
            wanted = file.frames if max_seconds is None else min(file.frames, round(max_seconds * rate))
            blocks = _mono_blocks(file, wanted)
            promised, said = min(wanted, _promised_frames(file)), file.extra_info
    except soundfile.LibsndfileError as error:
        raise RejectedTrackError(f"cannot be decoded: {error.error_string}") from error
    samples = np.concatenate([np.empty(0, np.float32), *blocks])
    if len(samples) < promised or _claims_more_than_there_is(said):
        raise RejectedTrackError(f"is truncated: its header promises more than the {len(samples) / rate:.2f} s found")
    return samples, rate


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a file so that it can be read to its end.

    Where an MP3 does not state its number of frames, libsndfile guesses it from the file's size and the first frame's
    bit rate, and reads no further than the guess.
    """
    with soundfile.SoundFile(path) as file:
        if file.format != "MP3" or _mp3_states_its_length(path):
            yield file
            return
    with _EndlessFile(path) as endless, soundfile.SoundFile(endless) as file:
        yield file


def _promised_frames(file: soundfile.SoundFile) -> int:
    """Return how many frames there must be for the file to be whole."""
    if isinstance(file.name, _EndlessFile):
        return 0
    return int(file.frames) - (MP3_SLACK if file.format == "MP3" else 0)


def _mp3_states_its_length(path: Path) -> bool:
    """Tell whether the first frame is a Xing or Info header with a number of frames (its first flag)."""
    with path.open("rb") as file:
        head = file.read(10)
        while head[:3] == b"ID3":  # ID3v2: the size in four times seven bits, after it the tag
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(size, os.SEEK_CUR)
            head = file.read(10)
        return re.search(rb"(Xing|Info)\0\0\0[\x01\x03\x05\x07\x09\x0b\x0d\x0f]", head + file.read(4096)) is not None


class _EndlessFile(io.FileIO):
    """A file that says it ends far behind its last byte, and fills up what is read across that with zeros.

    So the length that libsndfile guesses is never too short, and a last frame that breaks off is no error.
    """

    _beyond = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._beyond = FAR if whence == os.SEEK_END else 0
        return super().seek(offset, whence) + self._beyond

    def tell(self) -> int:
        return super().tell() + self._beyond

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        count = super().readinto(view)
        if not count:
            return 0
        view[count:] = bytes(len(view) - count)
        return len(view)


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
