"""Every audio file is read rightly or refused with its reason, whatever is in it."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from bench.audio import AudioSettings, decode
from bench.facts import RejectedTrackError

SETTINGS = AudioSettings()


def sine(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def spectral_peak(samples: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * rate / len(samples))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_becomes_the_wanted_one_at_the_same_pitch_and_length(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", sine(2, rate), rate)
    samples = decode(tmp_path / "a.wav", SETTINGS).samples
    assert samples.dtype == np.float32
    assert abs(len(samples) - 32000) <= 1
    assert spectral_peak(samples, 16000) == pytest.approx(440, abs=1)
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.flac", "PCM_16"), ("a.ogg", None), ("a.mp3", None), ("a.wav", "ULAW")]
)
def test_formats_are_read_alike(tmp_path: Path, name: str, subtype: str | None) -> None:
    soundfile.write(tmp_path / name, sine(2, 44100), 44100, subtype=subtype)
    samples = decode(tmp_path / name, SETTINGS).samples
    assert len(samples) / 16000 == pytest.approx(2, abs=0.06)  # mp3 pads to whole frames
    assert spectral_peak(samples, 16000) == pytest.approx(440, abs=1)


def test_channels_are_averaged(tmp_path: Path) -> None:
    six = np.zeros((16000, 6))
    six[:, 2] = 6 * sine(1, 16000) / 5
    soundfile.write(tmp_path / "six.wav", six, 16000, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "six.wav", SETTINGS).samples, sine(1, 16000) / 5, atol=1e-6)


def test_an_excerpt_is_the_first_seconds(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(3, 16000), 16000, subtype="FLOAT")
    samples = decode(tmp_path / "a.wav", AudioSettings(max_seconds=1.5)).samples
    np.testing.assert_allclose(samples, sine(1.5, 16000), atol=1e-6)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RejectedTrackError, match="is missing"):
        decode(tmp_path / "nothing.wav", SETTINGS)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"this is no audio\n" * 50, bytes(range(256)) * 40])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.xyz"])
def test_what_is_no_audio_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RejectedTrackError):
        decode(tmp_path / name, SETTINGS)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac", "a.ogg", "a.mp3"])
def test_a_file_shorter_than_its_header_says_is_refused(tmp_path: Path, name: str) -> None:
    draw = np.random.default_rng(0)
    soundfile.write(tmp_path / name, draw.uniform(-0.5, 0.5, 48000), 16000)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RejectedTrackError, match=r"is truncated|cannot be decoded"):
        decode(tmp_path / name, SETTINGS)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(32000), "is silent"),
        (np.full(32000, 0.3), "is silent"),
        (np.where(np.arange(32000) == 5, np.nan, 0.1), "NaN"),
        (np.where(np.arange(32000) == 5, np.inf, 0.1), "NaN or infinite"),
        (np.where(np.arange(32000) == 5, 1e20, 0.1), "beyond"),
        (sine(0.02, 16000), "lasts 0.02 s"),
        (np.zeros(0), "lasts 0.00 s"),
        (np.ones(1), "lasts 0.00 s"),
    ],
)
def test_samples_that_no_descriptor_may_see_are_refused(tmp_path: Path, samples: np.ndarray, reason: str) -> None:
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="DOUBLE")
    with pytest.raises(RejectedTrackError, match=reason):
        decode(tmp_path / "a.wav", SETTINGS)


def mp3(draw_from: np.ndarray) -> tuple[bytes, bytes]:
    """Return the first frame (which states the length) and the rest of an MP3 at 44100 Hz of variable bit rate."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 44100, 1, format="MP3", bitrate_mode="VARIABLE") as file:
        file.write(draw_from)
    content = buffer.getvalue()
    second = content.index(content[:2], 4)
    assert content[:second].count(b"Xing") == 1
    return content[:second], content[second:]


ID3 = b"ID3\4\0\0" + bytes([0, 3, 0x10, 0]) + bytes(0xC800)  # 50 KB of an ID3v2 tag


@pytest.mark.parametrize("quiet_first", [True, False])
@pytest.mark.parametrize("tag", [b"", ID3])
def test_an_mp3_that_does_not_state_its_length_is_read_to_its_end(
    tmp_path: Path, tag: bytes, *, quiet_first: bool
) -> None:
    level = np.where(np.arange(441000) < 220500, 1e-4, 0.2)
    samples = np.random.default_rng(0).standard_normal(441000) * (level if quiet_first else level[::-1])
    _, frames = mp3(samples)
    (tmp_path / "a.mp3").write_bytes(tag + frames)
    assert len(decode(tmp_path / "a.mp3", SETTINGS).samples) / 16000 == pytest.approx(10, abs=0.1)
    assert len(decode(tmp_path / "a.mp3", AudioSettings(max_seconds=7)).samples) == 7 * 16000


def test_an_mp3_that_states_no_length_and_ends_within_a_frame_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    _, frames = mp3(sine(10, 44100))
    (tmp_path / "a.mp3").write_bytes(frames[: len(frames) // 2 + 77])
    assert len(decode(tmp_path / "a.mp3", SETTINGS).samples) / 16000 == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize("tag", [b"", ID3, ID3 + ID3])
def test_an_mp3_that_falls_short_of_its_stated_length_is_refused(tmp_path: Path, tag: bytes) -> None:
    header, frames = mp3(sine(10, 44100))
    (tmp_path / "a.mp3").write_bytes(tag + header + frames)
    assert len(decode(tmp_path / "a.mp3", SETTINGS).samples) == 160000
    (tmp_path / "a.mp3").write_bytes(tag + header + frames[: len(frames) // 2])
    with pytest.raises(RejectedTrackError, match="is truncated"):
        decode(tmp_path / "a.mp3", SETTINGS)


def test_an_mp3_whose_encoder_counted_its_header_too_is_whole(tmp_path: Path) -> None:
    header, frames = mp3(sine(10, 44100))
    count = header.index(b"Xing") + 8
    more = int.from_bytes(header[count : count + 4], "big") + 1
    (tmp_path / "a.mp3").write_bytes(header[:count] + more.to_bytes(4, "big") + header[count + 4 :] + frames)
    assert len(decode(tmp_path / "a.mp3", SETTINGS).samples) / 16000 == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("name", ["a.raw", "a.RAW"])
def test_raw_samples_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(range(256)) * 1000)
    with pytest.raises(RejectedTrackError, match="is raw samples"):
        decode(tmp_path / name, SETTINGS)


@pytest.mark.parametrize("rate", [1, 1999, 400001])
def test_a_sample_rate_that_no_recording_has_is_refused(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", sine(1, 16000), rate)
    with pytest.raises(RejectedTrackError, match=f"has a sample rate of {rate} Hz"):
        decode(tmp_path / "a.wav", SETTINGS)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 192000])
def test_a_track_may_keep_its_own_rate_sample_for_sample(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", sine(1, rate), rate, subtype="FLOAT")
    heard = decode(tmp_path / "a.wav", AudioSettings(sample_rate="own"))
    assert heard.rate == rate
    np.testing.assert_array_equal(heard.samples, sine(1, rate).astype(np.float32))


@pytest.mark.parametrize("rate", [7999, 192001])
def test_a_rate_that_no_family_works_at_is_heard_at_another_but_not_at_its_own(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", sine(1, rate), rate)
    assert decode(tmp_path / "a.wav", SETTINGS).rate == 16000
    with pytest.raises(RejectedTrackError, match=f"sample rate of {rate} Hz, outside 8000 to 192000 Hz"):
        decode(tmp_path / "a.wav", AudioSettings(sample_rate="own"))


@pytest.mark.parametrize("rate", [7999, 192001, 16000.5, "16000", "owned", True, None])
def test_a_rate_is_in_hertz_or_own(rate: object) -> None:
    with pytest.raises(ValidationError, match='give a whole number of Hz from 8000 to 192000, or "own"'):
        AudioSettings.model_validate({"sample_rate": rate})


@pytest.mark.parametrize("field", ["max_seconds", "min_seconds"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_settings_are_finite(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        AudioSettings.model_validate({field: value})


def test_an_excerpt_shorter_than_the_shortest_track_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"max_seconds = 0\.5 is less than min_seconds = 1"):
        AudioSettings(max_seconds=0.5)
    assert AudioSettings(max_seconds=0.5, min_seconds=0.5).max_seconds == 0.5


def test_a_file_written_through_a_pipe_claims_no_length(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(2, 16000), 16000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # the lengths of the RIFF and data chunks
    (tmp_path / "a.wav").write_bytes(content)
    assert len(decode(tmp_path / "a.wav", SETTINGS).samples) == 32000


@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
def test_a_track_too_long_for_memory_is_heard_at_its_beginning_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "a.mp3").write_bytes(mp3(sine(3, 44100))[1])  # which states no length
    soundfile.write(tmp_path / "a.flac", sine(3, 44100), 44100)
    monkeypatch.setattr("bench.sound_file.MOST_FRAMES", 2 * 44100)
    with pytest.raises(RejectedTrackError, match=r"to hear the beginning of .* give \[audio\] max_seconds"):
        decode(tmp_path / name, SETTINGS)
    assert len(decode(tmp_path / name, AudioSettings(max_seconds=1.5)).samples) == 24000


def test_a_header_that_promises_more_than_memory_holds_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", sine(2, 16000), 16000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] |= 0x0F  # FLAC's STREAMINFO: the top bits of a 36-bit number of frames
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(RejectedTrackError):
        decode(tmp_path / "a.flac", SETTINGS)
