"""Read AAC and ALAC with essentia: MP4 files (.m4a, .mp4) and bare streams of AAC in ADTS frames (.aac).

libsndfile reads neither. Only this module of the harness imports essentia, and only when there is such a file.
"""

import importlib.util
import mmap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from bench.corpus import Float32Array
from bench.facts import BLOCK_SAMPLES, HIGHEST_RATE, LOWEST_RATE, MOST_FRAMES, RejectedTrackError, Sound

OTHERWISE = "convert it to WAV or FLAC"
NEEDS_ESSENTIA = f"is AAC or ALAC, and essentia, which decodes these, is not installed: install it, or {OTHERWISE}"
LONGEST = MOST_FRAMES / 48_000  # seconds: essentia decodes the whole file, whatever is wanted of it
SLACK = 2 * 2048  # samples: headers round, and encoders differ on whether the decoder's delay counts
ADTS_HEADER = 7  # bytes
MUST_BE_WHOLE = (b"moov", b"moof", b"mdat")
UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # durations that say nothing

Box = tuple[bytes, int, int]  # its name, where its content begins, where it ends


def is_m4a(beginning: bytes) -> bool:
    """Tell by its first bytes whether a file is an MP4 file or a stream of ADTS frames, whatever it is called."""
    if not _is_adts(beginning):
        return beginning[4:8] == b"ftyp"
    behind = beginning[_adts_length(beginning) :]
    return not behind or _is_adts(behind)


def has_essentia() -> bool:
    """Tell whether essentia is installed."""
    return importlib.util.find_spec("essentia") is not None


def load_essentia() -> ModuleType:
    """Return essentia's module of algorithms, which is kept from logging."""
    import essentia

    essentia.log.infoActive = essentia.log.warningActive = essentia.log.errorActive = False  # before it is imported
    import essentia.standard

    algorithms: ModuleType = essentia.standard
    return algorithms


def load_m4a(path: Path, max_seconds: float | None) -> Sound:
    """Decode a file and return its first `max_seconds` (none: all of it).

    Raises `RejectedTrackError` where essentia is not installed, or the file is damaged, shorter than its header says,
    longer than `LONGEST`, of an impossible sample rate, or of more than two channels.
    """
    stated = _stated_seconds(path)
    if stated is not None and stated > LONGEST:
        raise RejectedTrackError(f"lasts {stated / 3600:.1f} h, too long to decode as a whole; {OTHERWISE}")
    samples, rate = _decoded(path)
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise RejectedTrackError(f"has a sample rate of {rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if stated is not None:
        _check_length(len(samples), rate, stated)
    wanted = len(samples) if max_seconds is None else round(max_seconds * rate)
    return Sound(rate, samples.shape[1], stated, _blocks(samples[:wanted]))


def _blocks(samples: Float32Array) -> Iterator[Float32Array]:
    frames = BLOCK_SAMPLES // samples.shape[1]
    for start in range(0, len(samples), frames):
        yield np.ascontiguousarray(samples[start : start + frames])


def _decoded(path: Path) -> tuple[Float32Array, int]:
    """Return a file's samples, shape (frames, channels), and their rate in Hz."""
    try:
        algorithms = load_essentia()
    except ImportError as error:
        raise RejectedTrackError(NEEDS_ESSENTIA) from error
    try:
        samples, rate, channels, *_ = algorithms.AudioLoader(filename=str(path.absolute()))()
    except RuntimeError as error:
        if "more than 2 channels" in str(error):
            raise RejectedTrackError(f"is AAC or ALAC of more than 2 channels; {OTHERWISE}") from error
        raise RejectedTrackError(f"is truncated or damaged: essentia cannot decode it; {OTHERWISE}") from error
    return samples[:, :channels], round(rate)  # of a mono file, the second column is zeros


def _check_length(frames: int, rate: int, stated: float) -> None:
    if frames < stated * rate - SLACK:
        raise RejectedTrackError(f"is truncated: its header promises more than the {frames / rate:.2f} s found")
    if frames > 1.5 * stated * rate + SLACK:  # not by a delay, but as by a sampling rate told wrongly
        raise RejectedTrackError(
            f"states a length of {stated:.2f} s, but is decoded to {frames / rate:.2f} s; {OTHERWISE}"
        )


def _is_adts(frame: bytes) -> bool:
    """Tell whether an ADTS frame begins here (ISO/IEC 14496-3, 1.A.2.2.1)."""
    syncs = len(frame) >= ADTS_HEADER and frame[0] == 0xFF and frame[1] & 0xF6 == 0xF0
    return syncs and frame[2] >> 2 & 0xF < 13 and _adts_length(frame) > ADTS_HEADER  # of 13 sample rates


def _adts_length(frame: bytes) -> int:
    return (frame[3] & 0x3) << 11 | frame[4] << 3 | frame[5] >> 5


def _stated_seconds(path: Path) -> float | None:
    """Return the length of an MP4 file's first sound track in seconds, or None where nothing states it.

    Its edit list may leave out some of what the track holds: the lesser of both lengths is heard. Raises
    `RejectedTrackError` where the file ends before its boxes do (ISO/IEC 14496-12, section 4.2).
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[4:8] != b"ftyp":
            return None
        boxes = list(_boxes(content, 0, len(content)))
        if any(name in MUST_BE_WHOLE and end > len(content) for name, _, end in boxes):
            raise RejectedTrackError("is truncated: its last box promises more than the file holds")
        movie = next((box for box in boxes if box[0] == b"moov"), None)
        if movie is None:
            raise RejectedTrackError("is truncated or damaged: it has no index (moov), which stands at either end")
        return _track_seconds(content, movie)


def _track_seconds(content: mmap.mmap, movie: Box) -> float | None:
    header = _within(content, movie, b"mvhd")
    for track in (box for box in _boxes(content, *movie[1:]) if box[0] == b"trak"):
        media = _within(content, track, b"mdia")
        handler = _within(content, media, b"hdlr")
        if content[handler[1] + 8 : handler[1] + 12] == b"soun":
            presented = _field(content, _within(content, track, b"tkhd"), 20, 28)
            held = _within(content, media, b"mdhd")
            lengths = [
                (presented, _timescale(content, header)),
                (_field(content, held, 16, 24), _timescale(content, held)),
            ]
            return min((length / scale for length, scale in lengths if length not in UNKNOWN), default=None)
    raise RejectedTrackError("holds no sound")


def _timescale(content: mmap.mmap, box: Box) -> int:
    """Return the units a second, which stand before the duration in four bytes."""
    offset = box[1] + (20 if _is_long(content, box) else 12)
    return max(1, int.from_bytes(content[offset : offset + 4], "big"))


def _field(content: mmap.mmap, box: Box, short: int, long: int) -> int:
    """Return a duration: four bytes at the offset `short`, or eight at `long` in a box of version 1."""
    offset, length = (long, 8) if _is_long(content, box) else (short, 4)
    return int.from_bytes(content[box[1] + offset : box[1] + offset + length], "big")


def _is_long(content: mmap.mmap, box: Box) -> bool:
    """Tell whether a box's first byte is version 1, whose times have eight bytes."""
    return content[box[1] : box[1] + 1] == b"\1"


def _within(content: mmap.mmap, box: Box, name: bytes) -> Box:
    """Return the first box of a name inside another."""
    found = next((inner for inner in _boxes(content, *box[1:]) if inner[0] == name), None)
    if found is None:
        raise RejectedTrackError(f"is truncated or damaged: it has no {name.decode()} box")
    return found


def _boxes(content: mmap.mmap, start: int, end: int) -> Iterator[Box]:
    """Walk over boxes: 4 bytes of length and 4 of name; a length of 1 stands in the next 8, 0 reaches to the end."""
    while start + 8 <= end:
        length, name, behind = int.from_bytes(content[start : start + 4], "big"), content[start + 4 : start + 8], 8
        if length == 1:
            length, behind = int.from_bytes(content[start + 8 : start + 16], "big"), 16
        elif length == 0:
            length = end - start
        if length < behind:
            return
        yield name, start + behind, start + length
        start += length
