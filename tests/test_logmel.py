"""Log-mel spectrograms against librosa's, with its defaults."""

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.corpus import Float32Array
from bench.errors import InputError
from neural.logmel import LogMel, OnLogMel, mel_filterbank
from neural.network import build_network


def clip(samples: int, seed: int = 0) -> Float32Array:
    """Return a sweep in a little noise, shape (samples,)."""
    time = np.arange(samples) / 16_000
    noise = np.random.default_rng(seed).standard_normal(samples)
    return (0.5 * np.sin(2 * np.pi * (100 + 400 * time) * time) + 0.01 * noise).astype(np.float32)


def of_librosa(audio: Float32Array, rate: int, n_mels: int, window: int, hop: int) -> Float32Array:
    """Return shape (frames, mels)."""
    mel = librosa.feature.melspectrogram(y=audio, sr=rate, n_fft=window, hop_length=hop, n_mels=n_mels)
    return np.asarray(np.log10(10_000 * mel + 1).T, dtype=np.float32)


@pytest.mark.parametrize(
    ("rate", "n_mels", "window", "hop"), [(16_000, 90, 512, 256), (16_000, 96, 512, 512), (22_050, 40, 2048, 700)]
)
def test_log_mel_equals_librosas(rate: int, n_mels: int, window: int, hop: int) -> None:
    audio = clip(30_001)
    found = LogMel(sample_rate=rate, n_mels=n_mels, window=window, hop=hop)(torch.from_numpy(audio)[None])[0].numpy()
    np.testing.assert_allclose(found, of_librosa(audio, rate, n_mels, window, hop), atol=2e-5)


@settings(max_examples=25)
@given(
    rate=st.sampled_from([8_000, 16_000, 44_100]), window=st.sampled_from([256, 512, 1000]), n_mels=st.integers(2, 40)
)
def test_the_filterbank_is_librosas(rate: int, window: int, n_mels: int) -> None:
    expected = librosa.filters.mel(sr=rate, n_fft=window, n_mels=n_mels, dtype=np.float64)
    np.testing.assert_allclose(mel_filterbank(rate, window, n_mels), expected, rtol=1e-9, atol=1e-12)


def test_fifteen_seconds_at_the_papers_settings_are_938_frames_of_90_bins() -> None:
    log_mel = LogMel(sample_rate=16_000, n_mels=90, window=512, hop=256)
    assert log_mel(torch.zeros(2, 240_000)).shape == (2, 938, 90)


def test_silence_is_zero_before_normalisation() -> None:
    log_mel = LogMel(sample_rate=16_000, n_mels=20, window=512, hop=256)
    assert not log_mel.unnormalised(torch.zeros(1, 4_000)).any()


def test_the_training_audio_has_zero_mean_and_unit_variance_once_normalised() -> None:
    log_mel = LogMel(sample_rate=16_000, n_mels=20, window=512, hop=256)
    batches = [torch.from_numpy(np.stack([clip(8_000, seed), clip(8_000, seed + 10)])) for seed in range(3)]
    log_mel.fit_normalisation(iter(batches))
    values = torch.cat([log_mel(batch) for batch in batches])
    assert values.mean().item() == pytest.approx(0, abs=1e-4)
    assert values.var(correction=0).item() == pytest.approx(1, abs=1e-4)


def test_silence_alone_is_zero_once_normalised() -> None:
    log_mel = LogMel(sample_rate=16_000, n_mels=20, window=512, hop=256)
    log_mel.fit_normalisation([torch.zeros(2, 8_000)])
    assert not log_mel(torch.zeros(1, 8_000)).any()
    assert log_mel(torch.from_numpy(clip(8_000))[None]).isfinite().all()


def test_normalisation_is_part_of_the_models_state_and_the_filterbank_is_not() -> None:
    log_mel = LogMel(sample_rate=16_000, n_mels=20, window=512, hop=256)
    assert set(log_mel.state_dict()) == {"mean", "variance"}


def test_more_bands_than_the_window_can_tell_apart_are_refused() -> None:
    with pytest.raises(InputError, match="n_mels = 128 is too many for window = 256"):
        LogMel(sample_rate=16_000, n_mels=128, window=256, hop=256)


def test_the_shortest_audio_gives_the_fewest_frames_that_the_network_takes() -> None:
    network = build_network("spectrogram", 2, n_mels=20, num_filt=1, backend_filters=4, num_units=4)
    model = OnLogMel(LogMel(sample_rate=16_000, n_mels=20, window=512, hop=300), network).eval()
    assert model.shortest_input == 7 * 300
    assert model.log_mel(torch.zeros(1, model.shortest_input)).shape[1] == network.shortest_input
    assert model(torch.zeros(1, model.shortest_input)).shape == (1, 2)
    with pytest.raises(RuntimeError):
        model(torch.zeros(1, model.shortest_input - 1))
