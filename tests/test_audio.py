"""Every audio file is read rightly or refused with its reason, whatever is in it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.audio import AudioSettings, RejectedTrackError, decode

SETTINGS = AudioSettings()


def sine(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def spectral_peak(samples: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * rate / len(samples))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_becomes_the_wanted_one_at_the_same_pitch_and_length(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", sine(2, rate), rate)
    samples = decode(tmp_path / "a.wav", SETTINGS)
    assert samples.dtype == np.float32
    assert abs(len(samples) - 32000) <= 1
    assert spectral_peak(samples, 16000) == pytest.approx(440, abs=1)
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.flac", "PCM_16"), ("a.ogg", None), ("a.mp3", None), ("a.wav", "ULAW")]
)
def test_formats_are_read_alike(tmp_path: Path, name: str, subtype: str | None) -> None:
    soundfile.write(tmp_path / name, sine(2, 44100), 44100, subtype=subtype)
    samples = decode(tmp_path / name, SETTINGS)
    assert len(samples) / 16000 == pytest.approx(2, abs=0.06)  # mp3 pads to whole frames
    assert spectral_peak(samples, 16000) == pytest.approx(440, abs=1)


def test_channels_are_averaged(tmp_path: Path) -> None:
    six = np.zeros((16000, 6))
    six[:, 2] = 6 * sine(1, 16000) / 5
    soundfile.write(tmp_path / "six.wav", six, 16000, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "six.wav", SETTINGS), sine(1, 16000) / 5, atol=1e-6)


def test_an_excerpt_is_the_first_seconds(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(3, 16000), 16000, subtype="FLOAT")
    samples = decode(tmp_path / "a.wav", AudioSettings(max_seconds=1.5))
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


def test_a_file_written_through_a_pipe_claims_no_length(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(2, 16000), 16000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # the lengths of the RIFF and data chunks
    (tmp_path / "a.wav").write_bytes(content)
    assert len(decode(tmp_path / "a.wav", SETTINGS)) == 32000


def test_a_header_that_promises_more_than_memory_holds_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", sine(2, 16000), 16000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] |= 0x0F  # FLAC's STREAMINFO: the top bits of a 36-bit number of frames
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(RejectedTrackError):
        decode(tmp_path / "a.flac", SETTINGS)
