"""Read a sound file to its end, or say in a few words why it cannot be read: with libsndfile what that can read."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from bench.corpus import Float32Array
from bench.facts import (
    BLOCK_SAMPLES,
    CONVERT,
    HIGHEST_RATE,
    LOWEST_RATE,
    MOST_FRAMES,
    RejectedTrackError,
    Sound,
)
from bench.m4a import is_m4a, load_m4a

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3")  # of libsndfile's, those of music
NOT_AUDIO = (1, 7)  # libsndfile's errors for a file that begins like no format, and (misnamed) for an MP3 with no frame
MALFORMED = 3
NO_LENGTH = (1 << 63) - 1  # how libsndfile says that a FLAC file states none
STREAMED = (range(0x7FFFE000, 0x80000000), range(0xFFFFF000, 0x100000000))  # SoX writes the first, others all ones
MP3_SLACK = 2 * 1152  # frames: encoders differ on whether the header frame and the decoder's delay count
FAR = 1 << 34  # bytes
BEGINNING = 1 << 14  # bytes
LONGEST_OGG_PAGE = 27 + 255 + 255 * 255  # bytes


def can_be_read(path: Path) -> bool:
    """Tell whether there is a regular file, not a pipe or a device, that this user may read."""
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


@contextmanager
def open_sound(path: Path, max_seconds: float | None) -> Iterator[Sound]:
    """Open a file to read its first `max_seconds` (none: all of it).

    Raises `RejectedTrackError` when the file is missing, cannot be decoded, is longer than `MOST_FRAMES` or has an
    impossible sample rate; and on the way when it is damaged, or shorter than its header says.
    """
    if not can_be_read(path):
        raise RejectedTrackError("is not a file that can be read" if os.path.lexists(path) else "file is missing")
    if path.suffix.lower() == ".raw":
        raise RejectedTrackError(f"is raw samples, whose rate and format nothing tells; {CONVERT}")
    if is_m4a(_beginning(path)):
        yield load_m4a(path, max_seconds)
        return
    try:
        with _opened(path) as file:
            yield _sound(file, path, max_seconds)
    except soundfile.LibsndfileError as error:
        raise RejectedTrackError(_reason(error)) from error


@contextmanager
def decoders_silenced() -> Iterator[None]:
    """Keep off the terminal what C libraries write to the process's standard output and error of a damaged file.

    libsndfile's ALAC reader writes to the one, libmpg123 a line for each damaged frame to the other.
    """
    kept = {stream: os.dup(stream) for stream in (1, 2)}
    try:
        with Path(os.devnull).open("wb") as nowhere:
            for stream in kept:
                os.dup2(nowhere.fileno(), stream)
        yield
    finally:
        for stream, terminal in kept.items():
            os.dup2(terminal, stream)
            os.close(terminal)


def _reason(error: soundfile.LibsndfileError) -> str:
    if error.code in NOT_AUDIO:
        return f"is not audio in a format that can be read; if it is audio, {CONVERT}"
    return f"{'is truncated or damaged' if error.code == MALFORMED else 'cannot be decoded'}: {error.error_string}"


def _check_header(file: soundfile.SoundFile, wanted: int) -> None:
    if file.format not in FORMATS:  # text named *.au would be read as headerless samples
        raise RejectedTrackError(f"is not audio in a format that can be used ({file.format}); {CONVERT}")
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise RejectedTrackError(
            f"has a sample rate of {file.samplerate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )
    if file.frames == NO_LENGTH:
        raise RejectedTrackError("states no length, as when it was written to a pipe; write it to a file")
    if wanted > MOST_FRAMES:
        raise RejectedTrackError(f"claims to last {wanted / file.samplerate / 3600:.1f} h; {_too_long(file)}")


def _too_long(file: soundfile.SoundFile) -> str:
    hours = MOST_FRAMES / file.samplerate / 3600
    return f"to hear the beginning of a track longer than {hours:.1f} h, give [audio] max_seconds"


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a file so that it can be read to its end.

    Where an MP3 does not state its number of frames, libsndfile guesses it from the file's size and the first frame's
    bit rate, and reads no further than the guess.
    """
    with _StraightFile(path) as file:
        if file.format != "MP3" or _mp3_states_its_length(path):
            yield file
            return
    with _EndlessFile(path) as endless, _StraightFile(endless) as file:
        yield file


class _StraightFile(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read straight on.

    soundfile seeks after each reading to where it is already, which in an MP3 costs time and changes last bits.
    """

    def seekable(self) -> bool:
        """Return that nobody seeks."""
        return False


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


def _sound(file: soundfile.SoundFile, path: Path, max_seconds: float | None) -> Sound:
    rate = int(file.samplerate)
    wanted = file.frames if max_seconds is None else min(file.frames, round(max_seconds * rate))
    endless = isinstance(file.name, _EndlessFile)
    _check_header(file, 0 if endless else wanted)
    promised = 0 if endless else min(wanted, file.frames - (MP3_SLACK if file.format == "MP3" else 0))
    stated = None if endless else file.frames / rate
    return Sound(rate, file.channels, stated, _blocks(file, path, wanted, promised))


def _blocks(file: soundfile.SoundFile, path: Path, wanted: int, promised: int) -> Iterator[Float32Array]:
    """Read block by block: neither a header's number of frames nor of channels is a reason to allocate as much."""
    buffer = np.empty((max(1, BLOCK_SAMPLES // file.channels), file.channels), np.float32)
    frames = 0
    while frames < wanted:
        try:
            block: Float32Array = file.read(wanted - frames, out=buffer)
        except soundfile.LibsndfileError as error:
            raise RejectedTrackError(f"is truncated or damaged: {error.error_string}") from error
        if not len(block):
            break
        frames += len(block)
        if frames > MOST_FRAMES:
            raise RejectedTrackError(_too_long(file))
        yield block
    if frames < promised or _breaks_off(path, file.format, file.extra_info):
        found = frames / file.samplerate
        raise RejectedTrackError(f"is truncated: its header promises more than the {found:.2f} s found")


def _mp3_states_its_length(path: Path) -> bool:
    """Tell whether the first frame is a Xing or Info header with a number of frames (its first flag)."""
    frame = _beginning(path)[:4096]
    return re.search(rb"(Xing|Info)\0\0\0[\x01\x03\x05\x07\x09\x0b\x0d\x0f]", frame) is not None


def _beginning(path: Path) -> bytes:
    """Return the first bytes of a file that belong to no ID3v2 tag."""
    with path.open("rb") as file:
        head = file.read(10)
        while head[:3] == b"ID3" and len(head) == 10:  # the size in four times seven bits, after it the tag
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(size, os.SEEK_CUR)
            head = file.read(10)
        return head + file.read(BEGINNING)


def _breaks_off(path: Path, container: str, log: str) -> bool:
    """Tell whether a file ends before it should though libsndfile reads what there is of it without an error.

    libsndfile quietly mends a header's length in WAV, AIFF, AU and W64, and drops a damaged last page of an Ogg file;
    only its log tells.
    """
    claims = [(int(claim), int(actual)) for claim, actual in re.findall(r"(\d+) \(should be (\d+)\)", log)]
    if any(actual < claim and not any(claim in lie for lie in STREAMED) for claim, actual in claims):
        return True
    if container == "OGG":
        return "Junk after the last page" in log or not _ogg_ends(path)
    return container == "CAF" and not _caf_chunks_fit(path)


def _ogg_ends(path: Path) -> bool:
    """Tell whether the last page is whole and says that it is the last (RFC 3533, section 6)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * LONGEST_OGG_PAGE))
        tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or not page[5] & 4:
        return False
    segments = page[27 : 27 + page[26]]
    return len(segments) == page[26] and len(page) >= 27 + len(segments) + sum(segments)


def _caf_chunks_fit(path: Path) -> bool:
    """Tell whether each chunk (4 bytes of name, 8 of length, content) ends before the file does."""
    size, position = path.stat().st_size, 8
    with path.open("rb") as file:
        while position + 12 <= size:
            file.seek(position + 4)
            length = int.from_bytes(file.read(8), "big", signed=True)
            if length < 0:  # of unknown length: up to the end of the file
                return True
            position += 12 + length
    return position <= size
