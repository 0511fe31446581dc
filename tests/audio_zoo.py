"""A zoo of broken, odd and hostile audio files, each with what must become of it.

An outcome is the beginning of the reason for which the file is refused, or nothing where it must be described.
"""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.aac import encoded_m4a

RATE = 44100
SECONDS = 2.0
Samples = NDArray[np.float64]
Write = Callable[[Path], object]

DESCRIBED = ""
NOT_AUDIO = "is not audio in a format that can be read; if it is audio, convert it to WAV, FLAC, Ogg, MP3 or M4A"
TRUNCATED = "is truncated: its header promises more than"
DAMAGED = "is truncated or damaged: "
UNDECODABLE = "cannot be decoded: "
SILENT = "is silent in mono"
TRUNCATED_BOX = "is truncated: its last box promises more than"
NO_INDEX = "is truncated or damaged: it has no index (moov)"


@dataclass(frozen=True)
class Kind:
    """How a file called `file` is written, and its outcome at 16 kHz and, where it differs, at its `own` rate."""

    file: str
    write: Write
    outcome: str = DESCRIBED
    own: str | None = None


def music(seconds: float = SECONDS, rate: int = RATE) -> Samples:
    """Return a chord with two strokes of noise a second, shape (samples,)."""
    time = np.arange(round(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6))
    strokes = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-(time * 2 % 1) * 20)
    return np.clip(0.1 * chord + 0.1 * strokes, -1, 1)


def sound(samples: Samples, rate: int = RATE, *, form: str = "WAV", subtype: str | None = None) -> Write:
    """Return what writes samples as a sound file."""
    return lambda path: soundfile.write(path, samples, rate, format=form, subtype=subtype)


def encoded(form: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    """Return the music as a sound file's bytes."""
    buffer = io.BytesIO()
    soundfile.write(buffer, music(rate=rate), rate, format=form, subtype=subtype)
    return buffer.getvalue()


def raw(content: bytes) -> Write:
    """Return what writes bytes."""
    return lambda path: path.write_bytes(content)


def cut(content: bytes, share: float = 0.6) -> Write:
    """Return what writes the first `share` of bytes."""
    return raw(content[: int(share * len(content))])


def rotten(content: bytes, flips: int = 20, end: bytes = b"") -> Write:
    """Return what writes bytes of which some, behind any header, have changed, and an end as it is."""
    draw = np.random.default_rng(0)
    changed = np.frombuffer(content, np.uint8).copy()
    places = draw.choice(np.arange(5000, len(changed)), flips, replace=False)
    changed[places] ^= draw.integers(1, 256, flips).astype(np.uint8)
    return raw(changed.tobytes() + end)


def patched(content: bytes, **fields: tuple[int, str, int]) -> Write:
    """Return what writes bytes with the fields (offset, struct's format, value) of a header replaced."""
    changed = bytearray(content)
    for offset, form, value in fields.values():
        struct.pack_into(form, changed, offset, value)
    return raw(bytes(changed))


def stating(m4a: bytes, milliseconds: int) -> Write:
    """Return what writes an MP4 file whose track has another length in both its headers (tkhd, mdhd)."""
    lengths = {"tkhd": (24, milliseconds), "mdhd": (20, milliseconds * RATE // 1000)}
    fields = {name: (m4a.index(name.encode()) + offset, ">I", length) for name, (offset, length) in lengths.items()}
    return patched(m4a, **fields)


def zipped(path: Path) -> None:
    """Write a ZIP archive."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("song.wav", WAV)


def opus_with_a_long_comment() -> bytes:
    """Return the music as Ogg Opus with more words than libsndfile's log holds."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 48000, 1, format="OGG", subtype="OPUS") as file:
        file.title = file.comment = "words " * 250
        file.write(music(rate=48000))
    return buffer.getvalue()


def id3(size: int) -> bytes:
    """Return an ID3v2 tag of zeros: its size stands in four times seven bits."""
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def click(seconds: float) -> Samples:
    """Return silence with one full-scale sample in the middle."""
    samples = np.zeros(round(seconds * RATE))
    samples[len(samples) // 2] = 1.0
    return samples


def spoilt(value: float) -> Samples:
    """Return the music with one sample replaced."""
    samples = music()
    samples[1000] = value
    return samples


def columns(*channels: Samples) -> Samples:
    """Return channels side by side, shape (samples, channels)."""
    return np.stack(channels, axis=1)


WAV, AIFF, AU = encoded("WAV"), encoded("AIFF"), encoded("AU")
FLAC, VORBIS, OPUS = encoded("FLAC"), encoded("OGG", "VORBIS"), encoded("OGG", "OPUS", 48000)
CAF, ALAC, W64, RF64 = encoded("CAF"), encoded("CAF", "ALAC_16"), encoded("W64"), encoded("RF64")
MP3 = encoded("MP3")
MP3_FRAMES = MP3[MP3.index(MP3[:2], 4) :]  # behind the first frame, which states the length
NOISE = np.random.default_rng(0).bytes(200_000)
ULTRASONIC = np.hanning(2 * RATE) * np.cos(2 * np.pi * 18_000 / RATE * np.arange(2 * RATE))
M4A, FAST_M4A = encoded_m4a(music()), encoded_m4a(music(), flags="faststart")  # the index at the end, at the beginning
FRAGMENTS = encoded_m4a(music(), form="mp4", flags="frag_keyframe+empty_moov")
ADTS = encoded_m4a(music(), form="adts")
FLAC_FRAMES = 21  # offset: the low four bits begin a number of frames of 36 bits

BROKEN = {
    "missing": Kind("missing.wav", lambda _: None, "file is missing"),
    "folder": Kind("folder.wav", Path.mkdir, "is not a file that can be read"),
    "pipe": Kind("pipe.wav", os.mkfifo, "is not a file that can be read"),
    "dangling link": Kind("dangling.wav", lambda path: path.symlink_to("nowhere"), "is not a file that can be read"),
    "link to itself": Kind("loop.wav", lambda path: path.symlink_to(path), "is not a file that can be read"),
    "link to a device": Kind("zero.wav", lambda path: path.symlink_to("/dev/zero"), "is not a file that can be read"),
    "too long a name": Kind("n" * 300 + ".wav", lambda _: None, "file is missing"),
    "empty": Kind("empty.wav", raw(b""), NOT_AUDIO),
    "empty mp3": Kind("empty.mp3", raw(b""), NOT_AUDIO),
    "beginning of a header": Kind("riff.wav", raw(WAV[:12]), UNDECODABLE),
    "header only": Kind("header.wav", raw(WAV[:44]), TRUNCATED),
    "header of nothing": Kind("nothing.wav", sound(np.empty(0)), "lasts 0.00 s, less than 1 s"),
    "text": Kind("text.wav", raw(b"This is no audio.\n" * 1000), NOT_AUDIO),
    "text as au": Kind(
        "text.au", raw(b"This is no audio.\n" * 1000), "is not audio in a format that can be used (RAW)"
    ),
    "web page": Kind("page.mp3", raw(b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n" * 200), NOT_AUDIO),
    "zip": Kind("zip.mp3", zipped, NOT_AUDIO),
    "raw samples": Kind("samples.raw", raw(WAV[44:]), "is raw samples, whose rate and format nothing tells"),
    "matrix": Kind("matrix.mat", sound(music(), form="MAT5"), "is not audio in a format that can be used (MAT5)"),
    **{f"noise as {end}": Kind(f"noise.{end}", raw(NOISE), NOT_AUDIO) for end in ("wav", "flac", "ogg", "mp3")},
    "zeros as mp3": Kind("zeros.mp3", raw(bytes(200_000)), NOT_AUDIO),
}

CUT = {
    "cut wav": Kind("cut.wav", cut(WAV), TRUNCATED),
    "cut aiff": Kind("cut.aiff", cut(AIFF), TRUNCATED),
    "cut au": Kind("cut.au", cut(AU), TRUNCATED),
    "cut w64": Kind("cut.w64", cut(W64), TRUNCATED),
    "cut rf64": Kind("cut.rf64", cut(RF64), TRUNCATED),
    "cut caf": Kind("cut.caf", cut(CAF), DAMAGED),
    "cut alac": Kind("alac.caf", cut(ALAC), DAMAGED),
    "cut alac's table": Kind("table.caf", raw(ALAC[:-2]), TRUNCATED),
    "cut adpcm": Kind("adpcm.wav", cut(encoded("WAV", "IMA_ADPCM")), TRUNCATED),
    "cut flac": Kind("cut.flac", cut(FLAC), DAMAGED),
    "cut vorbis": Kind("cut.ogg", cut(VORBIS), TRUNCATED),
    "cut vorbis, last page": Kind("page.ogg", raw(VORBIS[:-9]), TRUNCATED),
    "vorbis without its last page": Kind("last.ogg", raw(VORBIS[: VORBIS.rindex(b"OggS")]), TRUNCATED),
    "cut opus with a long comment": Kind("words.opus", raw(opus_with_a_long_comment()[:-9]), TRUNCATED),
    "cut opus": Kind("cut.opus", cut(OPUS), TRUNCATED),
    "cut opus, last page": Kind("page.opus", raw(OPUS[:-9]), TRUNCATED),
    "cut mp3": Kind("cut.mp3", cut(MP3), TRUNCATED),
    "cut mp3 that states no length": Kind("cut2.mp3", cut(MP3_FRAMES, 0.8)),
    "mp3 that states no length": Kind("frames.mp3", raw(MP3_FRAMES)),
}

AAC = {
    "m4a": Kind("song.m4a", raw(M4A)),
    "m4a with its index first": Kind("fast.m4a", raw(FAST_M4A)),
    "m4a in fragments": Kind("fragments.mp4", raw(FRAGMENTS)),
    "m4a called mp3": Kind("m4a.mp3", raw(M4A)),
    "m4a in stereo": Kind("stereo.m4a", raw(encoded_m4a(columns(music(), 0.5 * music())))),
    "m4a of six channels": Kind(
        "six.m4a", raw(encoded_m4a(np.tile(music()[:, None], 6))), "is AAC or ALAC of more than 2 channels"
    ),
    "m4a at 8 kHz": Kind("low.m4a", raw(encoded_m4a(music(rate=8000), 8000))),
    "m4a of silence": Kind("silent.m4a", raw(encoded_m4a(np.zeros(2 * RATE))), SILENT),
    "alac in m4a": Kind("alac.m4a", raw(encoded_m4a(music(), codec="alac"))),
    "adts": Kind("song.aac", raw(ADTS)),
    "adts behind a tag": Kind("tag.aac", raw(id3(1000) + ADTS)),
    "cut m4a": Kind("cut.m4a", cut(M4A), TRUNCATED_BOX),
    "cut m4a with its index first": Kind("cut2.m4a", cut(FAST_M4A), TRUNCATED_BOX),
    "cut m4a in fragments": Kind("cut.mp4", cut(FRAGMENTS), TRUNCATED_BOX),
    "m4a cut in its index": Kind("index.m4a", raw(M4A[:-20]), TRUNCATED_BOX),
    "m4a without its index": Kind("none.m4a", raw(M4A[: M4A.index(b"moov") - 4]), NO_INDEX),
    "m4a of two bytes more than its brand": Kind("brand.m4a", raw(M4A[:30]), NO_INDEX),
    "cut adts": Kind("cut.aac", cut(ADTS)),
    "beginning of adts": Kind("short.aac", cut(ADTS, 0.2), "lasts 0."),
    "rotten m4a": Kind("rot.m4a", rotten(M4A[: M4A.index(b"moov") - 4], 200, M4A[M4A.index(b"moov") - 4 :]), TRUNCATED),
    "m4a of noise": Kind("noise.m4a", raw(M4A[:28] + NOISE), NO_INDEX),
    "beginning of an m4a and zeros": Kind("zeros.m4a", raw(M4A[:28] + bytes(200_000)), NO_INDEX),
    "m4a that states too little": Kind("little.m4a", stating(M4A, 500), "states a length of 0.50 s, but is decoded to"),
    "m4a that states too much": Kind("much.m4a", stating(M4A, 5000), TRUNCATED),
    "m4a that states 20 h": Kind("20h.m4a", stating(M4A, 72_000_000), "lasts 20.0 h, too long to decode"),
    "mp4 without sound": Kind("mute.mp4", raw(M4A.replace(b"soun", b"vide")), "holds no sound"),
    "m4a without a clock": Kind("clock.m4a", raw(M4A.replace(b"mdhd", b"free")), f"{DAMAGED}it has no mdhd box"),
}

ROTTEN = {
    "rotten wav": Kind("rot.wav", rotten(WAV)),
    "rotten aiff": Kind("rot.aiff", rotten(AIFF)),
    "rotten alac": Kind("rot.caf", rotten(ALAC)),
    "rotten w64": Kind("rot.w64", rotten(W64)),
    "rotten flac": Kind("rot.flac", rotten(FLAC), DAMAGED),
    "rotten vorbis": Kind("rot.ogg", rotten(VORBIS), TRUNCATED),
    "rotten opus": Kind("rot.opus", rotten(OPUS), DAMAGED),
    "rotten mp3": Kind("rot.mp3", rotten(MP3)),
    "very rotten mp3": Kind("rot2.mp3", rotten(MP3, 2000), TRUNCATED),
    "hole in an mp3": Kind("hole.mp3", raw(MP3[:5000] + bytes(100_000) + MP3[5000:]), DAMAGED),
    "rotten floats": Kind("float.wav", rotten(encoded("WAV", "FLOAT"), 5000), "has "),
}

ODD_SAMPLES = {
    "nan": Kind("nan.wav", sound(spoilt(np.nan), subtype="FLOAT"), "has NaN or infinite samples"),
    "inf": Kind("inf.wav", sound(spoilt(np.inf), subtype="FLOAT"), "has NaN or infinite samples"),
    "minus inf": Kind("minf.wav", sound(spoilt(-np.inf), subtype="DOUBLE"), "has NaN or infinite samples"),
    "inf against minus inf": Kind(
        "infs.wav", sound(columns(spoilt(np.inf), spoilt(-np.inf)), subtype="FLOAT"), "has NaN or infinite samples"
    ),
    "1e20": Kind("huge.wav", sound(spoilt(1e20), subtype="FLOAT"), "has samples beyond ±10"),
    "1e300": Kind("huger.wav", sound(spoilt(1e300), subtype="DOUBLE"), "has NaN or infinite samples"),
    "denormals": Kind("tiny.wav", sound(music() * 1e-40, subtype="FLOAT"), SILENT),
    "zeros": Kind("zeros.wav", sound(np.zeros(2 * RATE)), SILENT),
    "dc": Kind("dc.wav", sound(np.full(2 * RATE, 0.5)), SILENT),
    "last bit": Kind("bit.wav", sound(np.random.default_rng(0).integers(-1, 2, 2 * RATE) / 32768), SILENT),
    "opposite channels": Kind("opposite.wav", sound(columns(music(), -music())), SILENT),
    "half silence": Kind("half.wav", sound(np.concatenate([music(1), np.zeros(RATE)]))),
    "music on dc": Kind("offset.wav", sound(music() * 0.4 + 0.5)),
    "click": Kind("click.wav", sound(click(2))),
    "noise": Kind("noise.flac", sound(np.random.default_rng(0).uniform(-1, 1, 2 * RATE), form="FLAC")),
    "sine": Kind("sine.wav", sound(np.sin(np.arange(2 * RATE) * 440 * 2 * np.pi / RATE))),
    "square": Kind("square.wav", sound(np.sign(np.sin(np.arange(2 * RATE) / 100)))),
    "nyquist": Kind("nyquist.wav", sound(np.tile([0.5, -0.5], RATE))),
    "ultrasonic": Kind("ultra.wav", sound(ULTRASONIC), "is silent below 8000 Hz", own=DESCRIBED),
    "louder than full scale": Kind("loud.wav", sound(music() * 5, subtype="FLOAT")),
}

LENGTHS = {
    "one sample": Kind("one.wav", sound(np.ones(1)), "lasts 0.00 s, less than 1 s"),
    **{
        f"{seconds:g} s": Kind(f"{seconds:g}s.wav", sound(music(seconds)), f"lasts {seconds:.2f} s, less than 1 s")
        for seconds in (0.02, 0.1, 0.5, 0.99)
    },
    **{f"{seconds:g} s": Kind(f"{seconds:g}s.wav", sound(music(seconds))) for seconds in (1, 3)},
}

TOO_LOW, TOO_HIGH = "has a sample rate of {} Hz, outside 2000 to 400000 Hz", "has a sample rate of {} Hz, outside 8000"
FORMS = {
    **{
        f"{rate} Hz": Kind(f"{rate}.wav", sound(music(rate=rate), rate))
        for rate in (8000, 11025, 12000, 22050, 24000, 32000, 48000, 88200, 96000, 192000)
    },
    "odd rate": Kind("odd.wav", sound(music(rate=37813), 37813)),
    "4000 Hz": Kind("4000.wav", sound(music(rate=4000), 4000), DESCRIBED, TOO_HIGH.format(4000)),
    "384000 Hz": Kind("384000.wav", sound(music(1, 384000), 384000), DESCRIBED, TOO_HIGH.format(384000)),
    "1 Hz": Kind("1hz.wav", patched(WAV, rate=(24, "<I", 1)), TOO_LOW.format(1)),
    "0 Hz": Kind("0hz.wav", patched(WAV, rate=(24, "<I", 0)), UNDECODABLE),
    "2^31 - 1 Hz": Kind("2e31.wav", patched(WAV, rate=(24, "<I", 2**31 - 1)), TOO_LOW.format(2**31 - 1)),
    "2^31 Hz": Kind("2e31b.wav", patched(WAV, rate=(24, "<I", 2**31)), UNDECODABLE),
    **{
        subtype: Kind(f"{subtype}.wav", sound(music(), subtype=subtype))
        for subtype in ("PCM_U8", "PCM_24", "PCM_32", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM")
    },
    "gsm": Kind("gsm.wav", sound(music(rate=8000), 8000, subtype="GSM610")),
    "opus with a long comment": Kind("words.opus", raw(opus_with_a_long_comment())),
    "vorbis": Kind("song.ogg", raw(VORBIS)),
    "opus": Kind("song.opus", raw(OPUS)),
    "mp3": Kind("song.mp3", raw(MP3)),
    "alac": Kind("song.caf", raw(ALAC)),
    "au": Kind("song.au", raw(AU)),
    "w64": Kind("song.w64", raw(W64)),
    "rf64": Kind("song.rf64", raw(RF64)),
    "six channels": Kind("six.wav", sound(np.tile(music()[:, None], 6))),
    "64 channels": Kind("64.wav", sound(np.tile(music()[:, None], 64))),
    "flac called mp3": Kind("flac.mp3", raw(FLAC)),
    "mp3 called wav": Kind("mp3.wav", raw(MP3)),
    "no suffix": Kind("music", raw(WAV)),
}

HEADERS = {
    "65535 channels": Kind("channels.wav", patched(WAV, channels=(22, "<H", 65535)), UNDECODABLE),
    "0 channels": Kind("none.wav", patched(WAV, channels=(22, "<H", 0)), UNDECODABLE),
    "1e9 channels": Kind("channels.caf", patched(CAF, channels=(44, ">I", 10**9)), DAMAGED),
    "3 GB": Kind("3gb.wav", patched(WAV, data=(40, "<I", 3 * 10**9)), TRUNCATED),
    "all ones": Kind("pipe2.wav", patched(WAV, riff=(4, "<I", 2**32 - 1), data=(40, "<I", 2**32 - 1))),
    "sox's pipe": Kind("sox.wav", patched(WAV, riff=(4, "<I", 0x7FFFF024), data=(40, "<I", 0x7FFFF000))),
    "length of nothing": Kind("zero2.wav", patched(WAV, riff=(4, "<I", 0), data=(40, "<I", 0)), "lasts 0.00 s"),
    "1e9 frames": Kind("frames.flac", patched(FLAC, frames=(22, ">I", 10**9)), "claims to last 6.3 h"),
    "6e10 frames": Kind("bomb.flac", patched(FLAC, frames=(21, ">B", FLAC[21] | 0x0F)), "claims to last 405.8 h"),
    "flac of no length": Kind("pipe.flac", patched(FLAC, frames=(22, ">I", 0)), "states no length"),
    "tag only": Kind("tag.mp3", raw(id3(1000)), NOT_AUDIO),
    "tag that claims 256 MB": Kind("tag2.mp3", raw(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + MP3), NOT_AUDIO),
    "10,000 tags": Kind("tags.mp3", raw(id3(0) * 10_000 + MP3)),
    "large picture": Kind("picture.mp3", raw(id3(5_000_000) + MP3)),
    "1.5 MB of tags": Kind("several.mp3", raw(id3(500_000) * 3 + MP3)),
    "tag behind": Kind("behind.mp3", raw(MP3 + b"TAG" + bytes(125))),
}

NAMES = {
    f"called {name!r}": Kind(name, raw(WAV))
    for name in ("with spaces .wav", "Ærøskøbing ♫ 音楽.wav", "line\nbreak.wav", "-dash.wav", "quo'te\".wav", "UP.WAV")
}

ZOO: dict[str, Kind] = {**BROKEN, **CUT, **AAC, **ROTTEN, **ODD_SAMPLES, **LENGTHS, **FORMS, **HEADERS, **NAMES}
