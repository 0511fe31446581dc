"""Shipped descriptors are read as numbers with names of their own, and nothing but the sound is told by them."""

import wave
from pathlib import Path
from typing import Any

import essentia.standard as es
import numpy as np
import pytest

from baselines.acousticbrainz import NoDescriptorsError, read_descriptors
from baselines.features import music_extractor
from tests.small_descriptors import document, write_document

RATE = 44100


def read(folder: Path, content: object) -> dict[str, float]:
    return read_descriptors(write_document(folder / "track.json", content))


def test_every_number_has_a_name_of_its_own(tmp_path: Path) -> None:
    content = {
        "lowlevel": {
            "average_loudness": 0.9,
            "barkbands": {"mean": [1, 2.5], "var": [3, 4]},
            "mfcc": {"cov": [[1, 2], [2, 3]]},
        },
        "rhythm": {"bpm": 120, "beats_count": 3, "beats_position": [0.5, 1, 1.5]},
        "tonal": {"key_key": "C#", "key_scale": "major", "chords_scale": "minor"},
    }
    keys = {
        f"tonal.key_key.{key}": float(key == "C#") for key in ("A", "Bb", "B", "C", "C#", "D", "Eb", "E", "F", "F#")
    }
    assert read(tmp_path, content) == {
        "lowlevel.average_loudness": 0.9,
        "lowlevel.barkbands.mean.00": 1,
        "lowlevel.barkbands.mean.01": 2.5,
        "lowlevel.barkbands.var.00": 3,
        "lowlevel.barkbands.var.01": 4,
        "lowlevel.mfcc.cov.00.00": 1,
        "lowlevel.mfcc.cov.00.01": 2,
        "lowlevel.mfcc.cov.01.01": 3,
        "rhythm.bpm": 120,
        "rhythm.beats_count": 3,
        **keys,
        "tonal.key_key.G": 0,
        "tonal.key_key.Ab": 0,
        "tonal.key_scale.major": 1,
        "tonal.chords_scale.major": 0,
    }


def test_nothing_of_the_metadata_and_of_what_models_guessed_is_a_descriptor(tmp_path: Path) -> None:
    content = document(release="2.1-beta5")
    told = read(tmp_path, content)
    assert {name.split(".")[0] for name in told} == {"lowlevel", "rhythm", "tonal"}
    other = document(1.0, 1.0)["metadata"] | {"tags": {"genre": ["rock"], "year": 1999}, "bpm": 3}
    assert read(tmp_path, content | {"metadata": other}) == told
    assert read(tmp_path, content | {"highlevel": {"genre_rosamerica": {"probability": 0.9}}, "mbid": 7}) == told
    del content["metadata"]
    assert read(tmp_path, content) == told


@pytest.mark.parametrize("title", [b"Caf\xe9", b"a\x01\nb", "音楽".encode(), b'a nan, inf "b'.replace(b'"', b'\\"')])
def test_a_title_in_any_encoding_costs_nothing(tmp_path: Path, title: bytes) -> None:
    content = b'{"metadata": {"tags": {"title": ["' + title + b'"]}}, "rhythm": {"bpm": 90, "onset_rate": nan}}'
    assert read(tmp_path, content) == {"rhythm.bpm": 90}


@pytest.mark.parametrize(
    "value", ["nan", "-nan", "inf", "-inf", "NaN", "-Infinity", "1e400", "1e39", "null", "9" * 4000]
)
def test_what_is_no_finite_number_is_missing(tmp_path: Path, value: str) -> None:
    text = (
        f'{{"rhythm": {{"bpm": 90, "onset_rate": {value},\n"beats_loudness": {{"mean": [1, {value}, 3, {value}]}}}}}}'
    )
    told = read(tmp_path, text)
    told.pop("rhythm.beats_loudness.mean.00", None)  # an integer beyond all bounds costs its list
    told.pop("rhythm.beats_loudness.mean.02", None)
    assert told == {"rhythm.bpm": 90}


def test_a_number_beside_one_that_is_not_finite_stays(tmp_path: Path) -> None:
    assert read(tmp_path, '{"lowlevel": {"mfcc": {"mean": [nan, 2, -inf]}}}') == {"lowlevel.mfcc.mean.01": 2}


def test_a_key_has_one_name_however_a_release_spells_it(tmp_path: Path) -> None:
    for sharp, flat in (("A#", "Bb"), ("D#", "Eb"), ("G#", "Ab")):
        told = read(tmp_path, {"tonal": {"key_key": sharp}})
        assert told == read(tmp_path, {"tonal": {"key_key": flat}})
        assert told[f"tonal.key_key.{flat}"] == 1
        assert sum(told.values()) == 1
        assert len(told) == 12


def test_a_track_without_beats_has_no_tempo(tmp_path: Path) -> None:
    rhythm: dict[str, Any] = {"beats_count": 0, "bpm": 0, "bpm_histogram": [0, 0], "onset_rate": 1.5}
    rhythm["beats_loudness"] = {"mean": 0}
    assert read(tmp_path, {"rhythm": rhythm}) == {"rhythm.beats_count": 0, "rhythm.onset_rate": 1.5}


@pytest.mark.parametrize(
    "odd",
    ["a word", ["A", "Bm"], [[1, 2], [3]], [[1, 2, 3], [4, 5, 6]], [[[1]]], [], {}, None, [{"a": 1}], [1, "x"]],
    ids=str,
)
def test_what_is_told_otherwise_than_essentia_does_is_left_out_alone(tmp_path: Path, odd: object) -> None:
    content = {"rhythm": {"bpm": 90}, "tonal": {"chords_progression": odd, "key_key": "H"}}
    assert read(tmp_path, content) == {"rhythm.bpm": 90}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is no JSON"),
        (b"{", "the file is no JSON"),
        (b"\x89PNG\r\n\x1a\n", "the file is no JSON"),
        (b"[" * 100_000, "the file is no JSON"),
        (b'{"lowlevel":' * 100_000, "the file is no JSON"),
        (b"[]", "the file holds none"),
        (b"null", "the file holds none"),
        (b"{}", "the file holds none"),
        (b'{"lowlevel": [1, 2], "rhythm": 3, "tonal": "A"}', "the file holds none"),
        (b'{"lowlevel": {"average_loudness": nan}}', "the file holds none"),
        ({"metadata": document()["metadata"]}, "the file holds none"),
    ],
    ids=range(11),
)
def test_a_file_without_descriptors_says_why(tmp_path: Path, content: object, why: str) -> None:
    with pytest.raises(NoDescriptorsError) as refused:
        read(tmp_path, content)
    assert str(refused.value) == why


def write_noise(file: Path) -> np.ndarray:
    time = np.arange(3 * RATE) / RATE
    noise = 0.1 * np.random.default_rng(1).standard_normal(len(time)) * np.exp(-10 * (2 * time % 1))
    samples = np.rint(noise * 32768).clip(-32768, 32767)
    with wave.open(str(file), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(RATE)
        output.writeframes(samples.astype("<i2").tobytes())
    return (samples / 32768).astype(np.float32)


def test_a_file_that_essentia_wrote_reads_as_its_own_extractor_tells(tmp_path: Path) -> None:
    samples = write_noise(tmp_path / "track.wav")
    extractor = es.MusicExtractor(lowlevelSilentFrames="drop", tonalSilentFrames="drop")
    pool, _ = extractor(str(tmp_path / "track.wav"))
    es.YamlOutput(filename=str(tmp_path / "track.json"), format="json")(pool)
    assert '"file_name": "track.wav"' in (tmp_path / "track.json").read_text()
    told = read_descriptors(tmp_path / "track.json")
    names = music_extractor.descriptor_names()
    assert set(told) == set(names)
    row = music_extractor.describe(samples, RATE)
    np.testing.assert_allclose([told[name] for name in names], row, rtol=1e-5)
