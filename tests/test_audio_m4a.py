"""AAC and ALAC are heard through essentia, whatever the file is called, and refused by name without it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bench.audio import AudioSettings, decode
from bench.corpora import manifest
from bench.corpus import Corpus
from bench.facts import RejectedTrackError
from bench.m4a import NEEDS_ESSENTIA
from bench.store import prepare_store
from tests.aac import encoded_m4a
from tests.audio_zoo import ADTS, FRAGMENTS, M4A, columns, music
from tests.small_corpus import write_small_corpus

SETTINGS = AudioSettings()
OWN = AudioSettings(sample_rate="own")


def closest(heard: np.ndarray, original: np.ndarray, *, most_delay: int = 3000) -> float:
    """Return the correlation of what was heard with the original, at the delay of the codec that fits best."""
    spectra = np.fft.rfft(heard, 1 << 18) * np.conj(np.fft.rfft(original, 1 << 18))
    products = np.fft.irfft(spectra)[:most_delay]
    return float(products.max() / np.linalg.norm(heard) / np.linalg.norm(original))


@pytest.mark.parametrize("content", [M4A, FRAGMENTS, ADTS])
@pytest.mark.parametrize("name", ["song.m4a", "song.mp3", "song"])
def test_aac_sounds_like_what_was_encoded(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    heard = decode(tmp_path / name, OWN)
    assert heard.rate == 44100
    assert closest(heard.samples, music()) > 0.98


def test_alac_is_heard_sample_for_sample(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(encoded_m4a(music(), codec="alac"))
    np.testing.assert_allclose(decode(tmp_path / "a.m4a", OWN).samples, music(), atol=3e-5)


def test_channels_are_averaged(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(encoded_m4a(columns(music(), 0.5 * music()), codec="alac"))
    np.testing.assert_allclose(decode(tmp_path / "a.m4a", OWN).samples, 0.75 * music(), atol=3e-5)


@pytest.mark.parametrize(("channels", "rate"), [(1, 44100), (2, 44100), (1, 22050)])
def test_the_facts_are_those_of_the_file(tmp_path: Path, channels: int, rate: int) -> None:
    samples = np.tile(music(3, rate)[:, None], channels)
    (tmp_path / "a.m4a").write_bytes(encoded_m4a(samples, rate))
    for settings in (SETTINGS, OWN, AudioSettings(max_seconds=1)):
        facts = decode(tmp_path / "a.m4a", settings).facts
        assert (facts.rate, facts.channels) == (rate, channels)
        assert facts.seconds == pytest.approx(3, abs=1e-3)
        assert facts.peak == pytest.approx(np.abs(samples).max(), rel=0.3)


def test_an_excerpt_is_the_first_seconds(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(encoded_m4a(music(), codec="alac"))
    heard = decode(tmp_path / "a.m4a", AudioSettings(sample_rate="own", max_seconds=1.25)).samples
    np.testing.assert_allclose(heard, music()[:55125], atol=3e-5)


def test_what_states_no_length_has_that_of_what_was_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.aac").write_bytes(ADTS)
    heard = decode(tmp_path / "a.aac", OWN)
    assert heard.facts.seconds == len(heard.samples) / 44100
    assert decode(tmp_path / "a.aac", AudioSettings(max_seconds=1.5)).facts.seconds is None


def test_essentia_says_nothing_of_a_damaged_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = bytearray(M4A)
    broken[2000:2600] = bytes(600)
    (tmp_path / "data").mkdir()
    corpus = one_m4a(tmp_path, bytes(broken))
    prepare_store(corpus, SETTINGS, cache=tmp_path / "cache", workers=1)
    assert capfd.readouterr() == ("", "")


def one_m4a(folder: Path, content: bytes = M4A) -> Corpus:
    corpus = manifest.load(write_small_corpus(folder / "data", tracks=3))
    (corpus.root / corpus.files[0]).write_bytes(content)
    return corpus


def test_without_essentia_the_file_is_refused_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "essentia", None)  # what is None here cannot be imported
    (tmp_path / "a.m4a").write_bytes(M4A)
    with pytest.raises(RejectedTrackError, match="essentia, which decodes these, is not installed"):
        decode(tmp_path / "a.m4a", SETTINGS)


def test_what_a_machine_without_essentia_refused_is_decoded_once_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, cache = one_m4a(tmp_path), tmp_path / "cache"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import sys\nsys.modules['essentia'] = None\n")
    with monkeypatch.context() as bare:
        bare.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=":")
        bare.setattr("bench.shards.has_essentia", lambda: False)
        first = prepare_store(corpus, SETTINGS, cache=cache, workers=1)
        assert first.rejected == {"t000": NEEDS_ESSENTIA}
        shard = next(iter(first.tracks.values())).shard
        written = shard.stat().st_mtime_ns
        assert prepare_store(corpus, SETTINGS, cache=cache, workers=1) == first
        assert shard.stat().st_mtime_ns == written
    second = prepare_store(corpus, SETTINGS, cache=cache, workers=1)
    assert second.rejected == {}
    assert second.facts["t000"].rate == 44100
