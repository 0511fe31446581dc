"""Excerpts are short, small, whole or absent, and what they are excerpts of."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.audio import AudioSettings
from bench.corpora import manifest
from bench.excerpts import RATE, SECONDS, excerpt, excerpt_file, write_excerpts
from bench.store import Store, prepare_store

HOSTILE = ("../../etc/passwd", "a/b", "ä" * 300, "<script>", "", "con", "\n")


def store_of(folder: Path, samples: dict[str, np.ndarray], *, rate: int = RATE, heard: int | str = RATE) -> Store:
    """Prepare tracks, by name, as they would be heard."""
    (folder / "data").mkdir(parents=True)
    for name, track in samples.items():
        soundfile.write(folder / "data" / f"{name}.wav", track, rate, subtype="PCM_16")
    lines = [f"{name}.wav,{name},{number % 2}" for number, name in enumerate(samples)]
    (folder / "data" / "manifest.csv").write_text("\n".join(["path,id,rock", *lines]) + "\n")
    settings = AudioSettings.model_validate({"sample_rate": heard})
    return prepare_store(manifest.load(folder / "data"), settings, cache=folder / "cache", workers=1)


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def loudest_hertz(samples: np.ndarray, rate: int = RATE) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * rate / len(samples))


def test_an_excerpt_is_the_middle_of_its_track(tmp_path: Path) -> None:
    track = np.concatenate([tone(440, 10), tone(880, SECONDS), tone(440, 10)])
    store = store_of(tmp_path, {"long": track, "short": tone(660, 2)})
    np.testing.assert_allclose(excerpt(store, "long"), tone(880, SECONDS), atol=1e-4)
    assert len(excerpt(store, "short")) == 2 * RATE
    write_excerpts(store, ["long", "short"], tmp_path)
    for name, seconds, hertz in (("long", SECONDS, 880), ("short", 2, 660)):
        heard, rate = soundfile.read(tmp_path / excerpt_file(name))
        assert rate == RATE
        assert heard.ndim == 1
        assert len(heard) / rate == pytest.approx(seconds, abs=0.2)  # MP3 pads
        assert loudest_hertz(heard) == pytest.approx(hertz, abs=1)


def test_the_hardest_sound_stays_below_100_kilobytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, round(20 * RATE))
    write_excerpts(store_of(tmp_path, {"noise": noise}), ["noise"], tmp_path)
    assert (tmp_path / excerpt_file("noise")).stat().st_size < 100_000


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000])
def test_a_track_heard_at_its_own_rate_is_brought_to_one_rate(tmp_path: Path, rate: int) -> None:
    store = store_of(tmp_path, {"own": tone(880, 2, rate)}, rate=rate, heard="own")
    samples = excerpt(store, "own")
    assert len(samples) == pytest.approx(2 * RATE, abs=2)
    assert loudest_hertz(samples) == pytest.approx(880, abs=1)


def test_the_same_audio_gives_the_same_bytes_and_what_is_no_longer_told_goes(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"one": tone(440, 2), "two": tone(660, 2), "three": tone(880, 2)})
    write_excerpts(store, ["one", "two"], tmp_path)
    one = tmp_path / excerpt_file("one")
    before = one.read_bytes()
    write_excerpts(store, ["one", "three"], tmp_path)
    assert one.read_bytes() == before
    assert set((tmp_path / "excerpts").iterdir()) == {one, tmp_path / excerpt_file("three")}


def test_without_audio_no_excerpt_stays(tmp_path: Path) -> None:
    write_excerpts(store_of(tmp_path, {"one": tone(440, 2)}), ["one"], tmp_path)
    write_excerpts(None, ["one"], tmp_path)
    assert list((tmp_path / "excerpts").iterdir()) == []
    write_excerpts(None, ["one"], tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_any_id_gives_a_file_name_of_its_own_that_is_safe() -> None:
    files = [excerpt_file(name) for name in HOSTILE]
    assert len(set(files)) == len(HOSTILE)
    for file in files:
        folder, name = file.split("/")
        assert folder == "excerpts"
        assert name.removesuffix(".mp3").isalnum()
        assert name.isascii()
