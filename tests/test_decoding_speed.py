"""The speed of preparing audio: what is measured, on which files, and the command with little data."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.decoding_speed import CONTESTANTS, QUICK, write_songs
from bench.speed import Apart
from tests.conftest import TAGBENCH

KINDS = [f"{form}_{channels}" for form in ("mp3", "flac", "ogg") for channels in ("mono", "stereo")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def files(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return write_songs(QUICK, tmp_path_factory.mktemp("songs"), cache=cache, workers=1)


def test_songs_are_written_in_each_format_mono_and_stereo(files: dict[str, list[Path]]) -> None:
    assert list(files) == [*KINDS, "m4a_mono", "m4a_stereo"]
    for kind in KINDS:
        (file,) = files[kind]
        info = soundfile.info(file)
        assert (info.samplerate, info.channels) == (44100, 2 if kind.endswith("stereo") else 1)
        assert info.format == kind.split("_")[0].upper()
        assert info.duration == pytest.approx(QUICK.seconds, abs=0.1)


def test_the_channels_differ_and_hold_what_only_44_khz_can(files: dict[str, list[Path]]) -> None:
    samples, rate = soundfile.read(files["flac_stereo"][0])
    assert 0.1 < np.corrcoef(samples.T)[0, 1] < 0.99
    power = np.abs(np.fft.rfft(samples[:, 0])) ** 2
    high = power[round(10_000 / rate * len(samples)) :].sum() / power.sum()
    assert 1e-4 < high < 0.2


@pytest.mark.parametrize("name", CONTESTANTS)
def test_each_contestant_hears_whole_songs(files: dict[str, list[Path]], name: str) -> None:
    rate = 44100 if name == "decoding_alone" else 16000
    with Apart(name) as process:
        for kind in KINDS:
            samples = process.call(CONTESTANTS[name], files[kind][0]).result
            assert samples / rate == pytest.approx(QUICK.seconds, abs=0.1)


def test_the_whole_command_with_little_data_prints_a_table_and_writes_json(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "speed.json"
    command = [TAGBENCH, "speed", "prepare", "--quick", "--json", str(file), "--cache", str(cache), "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    assert set(content) == {"what", "machine", "rows", "ratios"}
    told = [line.split("|")[1].strip() for line in done.stdout.splitlines()[2:]]
    assert told == [*[row["name"] for row in content["rows"]], *content["ratios"]]
    values = {row["name"]: row["value"] for row in content["rows"]}
    for kind in KINDS:
        ours, theirs, least = (
            values[f"{kind}_cpu_seconds_{name}"] for name in ("tagbench", "librosa", "decoding_alone")
        )
        assert content["ratios"][f"prepare_{kind}_vs_librosa"] == pytest.approx(theirs / ours)
        assert content["ratios"][f"decoding_alone_{kind}_vs_librosa"] == pytest.approx(theirs / least)
    assert content["ratios"]["prepare_m4a_stereo_vs_essentia"] > 0
    assert not list(cache.glob("speed-*"))


def test_without_pyav_no_m4a_is_measured(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "av" else name)
    assert list(write_songs(QUICK, tmp_path, cache=cache, workers=1)) == KINDS
