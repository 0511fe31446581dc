"""A decoded track tells of its file: rate, channels, length by the header, peak and clipping; and is heard exactly."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from bench.audio import AudioSettings, decode
from bench.facts import BLOCK_SAMPLES, FileFacts, RejectedTrackError
from tests.audio_zoo import MP3_FRAMES, music

SETTINGS = AudioSettings()


def facts_of(file: Path, settings: AudioSettings = SETTINGS) -> FileFacts:
    return decode(file, settings).facts


def test_rate_channels_and_length_are_the_files_own_however_it_is_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.tile(music(3)[:, None], 3), 44100)
    for settings in (SETTINGS, AudioSettings(sample_rate="own"), AudioSettings(max_seconds=1.5)):
        facts = facts_of(tmp_path / "a.flac", settings)
        assert (facts.rate, facts.channels, facts.seconds) == (44100, 3, 3.0)


def test_a_file_that_states_no_length_has_that_of_what_was_decoded_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(MP3_FRAMES)
    assert facts_of(tmp_path / "a.mp3").seconds == pytest.approx(2, abs=0.06)
    assert facts_of(tmp_path / "a.mp3", AudioSettings(max_seconds=10)).seconds == pytest.approx(2, abs=0.06)
    assert facts_of(tmp_path / "a.mp3", AudioSettings(max_seconds=1.5)).seconds is None


def test_the_length_of_an_mp3_is_that_of_its_header(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", music(3), 44100)
    whole, excerpt = facts_of(tmp_path / "a.mp3"), facts_of(tmp_path / "a.mp3", AudioSettings(max_seconds=1))
    assert whole.seconds == excerpt.seconds == soundfile.info(tmp_path / "a.mp3").frames / 44100


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_samples_at_full_scale_are_counted_in_every_channel(tmp_path: Path, subtype: str) -> None:
    samples = np.tile(0.5 * music(2)[:, None], 2)
    samples[:882, 0], samples[100:982, 1] = 1.0, -1.0
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype=subtype)
    facts = facts_of(tmp_path / "a.wav")
    assert facts.clipped == 0.01
    assert facts.peak == pytest.approx(1, abs=1e-4)


def test_what_only_comes_near_full_scale_is_not_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile([0.99, -0.995], 16000), 16000)
    assert facts_of(tmp_path / "a.wav").clipped == 0
    assert facts_of(tmp_path / "a.wav").peak == pytest.approx(0.995, abs=1e-4)


def test_absurd_samples_do_not_hide_in_the_mean_of_channels(tmp_path: Path) -> None:
    opposite = np.stack([music(1), music(1)], axis=1)
    opposite[500] = 20, -20
    soundfile.write(tmp_path / "a.wav", opposite, 44100, subtype="FLOAT")
    with pytest.raises(RejectedTrackError, match="beyond ±10"):
        decode(tmp_path / "a.wav", SETTINGS)


@pytest.mark.parametrize(
    ("form", "channels"),
    [("FLAC", 1), ("FLAC", 2), ("FLAC", 3), ("MP3", 1), ("MP3", 2), ("OGG", 1), ("OGG", 2)],
)
def test_a_track_of_many_blocks_is_resampled_as_all_at_once(tmp_path: Path, form: str, channels: int) -> None:
    samples = np.tile(music(16)[:, None], channels) * np.linspace(1, 0.5, channels)
    assert samples.size > 2 * BLOCK_SAMPLES
    _write_in_pieces(tmp_path / "a", samples, form)
    whole, _ = soundfile.read(tmp_path / "a", dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(whole.mean(axis=1))
    heard = decode(tmp_path / "a", SETTINGS).samples
    np.testing.assert_array_equal(heard, soxr.resample(mono, 44100, 16000, quality="HQ"))
    np.testing.assert_array_equal(decode(tmp_path / "a", AudioSettings(sample_rate="own")).samples, mono)


def test_a_track_longer_than_was_foreseen_is_heard_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", music(16), 44100)
    foreseen = decode(tmp_path / "a.wav", SETTINGS).samples
    monkeypatch.setattr("bench.audio.LONGEST_FORESEEN", 0.5)
    monkeypatch.setattr("bench.sound_file.BLOCK_SAMPLES", 5000)
    np.testing.assert_array_equal(decode(tmp_path / "a.wav", SETTINGS).samples, foreseen)


def _write_in_pieces(file: Path, samples: np.ndarray, form: str) -> None:
    with soundfile.SoundFile(file, "w", 44100, samples.shape[1], format=form) as out:
        for start in range(0, len(samples), 44100):  # libsndfile crashes when a long Vorbis file is written at once
            out.write(samples[start : start + 44100])


@pytest.mark.parametrize("sounding", [0, 5, 11])
def test_a_single_second_of_sound_far_into_silence_is_heard(tmp_path: Path, sounding: int) -> None:
    samples = np.full(12 * 44100, 0.3)
    samples[sounding * 44100 : (sounding + 1) * 44100] += 4.2e-4 * np.tile([1, -1, -1, 1], 11025)
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype="FLOAT")
    heard = decode(tmp_path / "a.wav", AudioSettings(sample_rate="own")).samples
    assert heard.std() == pytest.approx(1.21e-4, rel=0.01)
    samples[sounding * 44100 : (sounding + 1) * 44100] = 0.3 + 2e-4 * np.tile([1, -1, -1, 1], 11025)
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype="FLOAT")
    with pytest.raises(RejectedTrackError, match="is silent in mono"):
        decode(tmp_path / "a.wav", AudioSettings(sample_rate="own"))


def test_a_level_that_changes_between_blocks_is_no_silence(tmp_path: Path) -> None:
    steps = np.repeat([0.1, 0.1003], BLOCK_SAMPLES)  # each block is constant
    soundfile.write(tmp_path / "a.wav", steps, 44100, subtype="FLOAT")
    assert len(decode(tmp_path / "a.wav", AudioSettings(sample_rate="own")).samples) == len(steps)


@pytest.mark.parametrize("content", [b"ID3", b"ID3\4", b"\xff\xf1", b"\xff\xf1\x50\x80\x02\x1f\xfc", b"\0\0\0\x20ftyp"])
def test_the_first_bytes_of_a_format_alone_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(RejectedTrackError):
        decode(tmp_path / "a", SETTINGS)


def test_a_file_that_is_read_is_closed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, music(), 44100, format="WAV")
    (tmp_path / "a.wav").write_bytes(buffer.getvalue())
    before = len(list(Path("/proc/self/fd").iterdir()))
    decode(tmp_path / "a.wav", SETTINGS)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
