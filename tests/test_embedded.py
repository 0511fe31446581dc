"""The embedded corpus as files and as a corpus: whole, repeatable, resumable, and the same whatever its size."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from bench.audio import AudioSettings, decode
from bench.corpora import embedded
from bench.corpora.embedded.artists import roster
from bench.corpora.embedded.composition import compose
from bench.corpora.embedded.labels import TAGS
from bench.corpora.embedded.rendering import render
from bench.digest import json_digest
from bench.errors import InputError

SECONDS = 4.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a corpus of twelve short tracks."""
    folder = tmp_path_factory.mktemp("embedded")
    embedded.create(folder, tracks=12, seconds=SECONDS, workers=2)
    return folder


def _written(root: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((root / "audio").iterdir())}


def test_a_created_corpus_loads_with_labels_truth_and_a_plain_note(root: Path) -> None:
    corpus = embedded.load(root, tracks=12, seconds=SECONDS)
    assert len(corpus) == 12
    assert corpus.tags == TAGS
    assert corpus.truth is not None
    assert corpus.truth.shape == corpus.targets.shape == (12, len(TAGS))
    assert "synthetic" in corpus.note
    assert "nothing about real music" in corpus.note
    assert embedded.VERSION in corpus.version


def test_every_track_is_a_readable_flac_of_the_asked_length_and_rate(root: Path) -> None:
    corpus = embedded.load(root, tracks=12, seconds=SECONDS)
    for name in corpus.files:
        info = soundfile.info(root / name)
        assert (info.format, info.samplerate, info.channels) == ("FLAC", 16000, 1)
        samples = decode(root / name, AudioSettings()).samples
        assert len(samples) == SECONDS * 16000
        assert 0.05 < np.abs(samples).max() < 1.0
        assert (np.abs(samples) > 0.99).sum() == 0


def test_files_are_clearly_smaller_than_their_samples(root: Path) -> None:
    size = sum(len(content) for content in _written(root).values())
    assert size < 0.75 * 12 * SECONDS * 16000 * 2


def test_a_larger_corpus_keeps_the_files_and_rows_of_a_smaller_one(root: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (root / "audio").iterdir()}
    embedded.create(root, tracks=14, seconds=SECONDS, workers=2)
    assert all(file.stat().st_mtime_ns == written for file, written in before.items())
    small = pd.read_parquet(root / "manifest-12.parquet")
    large = pd.read_parquet(root / "manifest-14.parquet")
    pd.testing.assert_frame_equal(large.iloc[:12], small)


def test_an_interrupted_creation_goes_on_and_ends_with_the_same_files(root: Path, tmp_path: Path) -> None:
    embedded.create(tmp_path, tracks=4, seconds=SECONDS, workers=1)
    kept, lost = tmp_path / "audio" / "00000.flac", tmp_path / "audio" / "00002.flac"
    kept_since = kept.stat().st_mtime_ns
    whole = _written(tmp_path)
    (tmp_path / "manifest-4.parquet").unlink()
    lost.replace(lost.with_suffix(".123.partial"))
    lost.with_suffix(".123.partial").write_bytes(whole["00002.flac"][:100])
    embedded.create(tmp_path, tracks=4, seconds=SECONDS, workers=1)
    assert kept.stat().st_mtime_ns == kept_since
    assert {name: content for name, content in _written(tmp_path).items() if name in whole} == whole
    assert {name: _written(root)[name] for name in whole} == whole
    assert len(embedded.load(tmp_path, tracks=4, seconds=SECONDS)) == 4


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_song_that_is_cut_off_or_has_a_wrong_bit_is_made_again_alone(root: Path, tmp_path: Path, left: int) -> None:
    shutil.copytree(root, tmp_path / "copy")
    copy, harmed = tmp_path / "copy", tmp_path / "copy" / "audio" / "00003.flac"
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in (copy / "audio").iterdir()}
    whole = before.pop(harmed)[1]
    harmed.write_bytes(whole[:left] if left >= 0 else whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    embedded.create(copy, tracks=12, seconds=SECONDS, workers=1)
    assert harmed.read_bytes() == whole
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before} == before


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_manifest_that_is_cut_off_or_has_a_wrong_bit_is_made_again(root: Path, tmp_path: Path, left: int) -> None:
    shutil.copytree(root, tmp_path / "copy")
    copy, harmed = tmp_path / "copy", tmp_path / "copy" / "manifest-12.parquet"
    songs = {file: file.stat().st_mtime_ns for file in (copy / "audio").iterdir()}
    whole = harmed.read_bytes()
    harmed.write_bytes(whole[:left] if left >= 0 else whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    embedded.create(copy, tracks=12, seconds=SECONDS, workers=1)
    assert harmed.read_bytes() == whole
    assert {file: file.stat().st_mtime_ns for file in songs} == songs


def test_a_finished_corpus_is_not_touched_again(root: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in root.rglob("*")}
    embedded.create(root, tracks=12, seconds=SECONDS, workers=1)
    assert {file: file.stat().st_mtime_ns for file in root.rglob("*")} == before


def test_labels_are_known_without_any_audio(root: Path) -> None:
    rows = [embedded.describe(compose(0, track, artist, SECONDS), 0) for track, artist in enumerate(roster(0, 12))]
    pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.read_parquet(root / "manifest-12.parquet"))


def test_another_seed_gives_other_music() -> None:
    one, other = (compose(seed, 0, 0, SECONDS) for seed in (0, 1))
    assert one.parts != other.parts
    assert not np.array_equal(render(one, 0), render(other, 1))


RENDER_ELSEWHERE = """
import sys, numpy
from bench.corpora.embedded.composition import compose
from bench.corpora.embedded.rendering import render
numpy.save(sys.argv[1], [render(compose(0, track, track // 3, 4.0), 0) for track in range(6)])
"""


def test_a_processor_without_vector_instructions_gives_the_same_audio_within_two_units(tmp_path: Path) -> None:
    extensions = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(extensions)}
    file = tmp_path / "elsewhere.npy"
    subprocess.run([sys.executable, "-c", RENDER_ELSEWHERE, str(file)], env=environment, check=True)
    here = np.array([render(compose(0, track, track // 3, SECONDS), 0) for track in range(6)])
    assert np.abs(np.load(file).astype(int) - here).max() <= 2


GOLDEN_AUDIO = Path(__file__).parent / "fixtures" / "embedded_audio.npz"


def test_labels_are_those_of_this_version_of_the_generator() -> None:
    """Raise `embedded.VERSION` with any change that this test sees: old caches then keep their music and labels."""
    rows = [embedded.describe(compose(0, track, artist, 30.0), 0) for track, artist in enumerate(roster(0, 50))]
    assert (embedded.VERSION, json_digest(rows)) == ("1.0", "b62770e2de8cb75b")


def test_audio_is_that_of_this_version_of_the_generator_within_two_units() -> None:
    with np.load(GOLDEN_AUDIO) as golden:
        for track, artist in enumerate(roster(0, 8)):
            excerpt = render(compose(0, track, artist, SECONDS), 0)[24000:26000]
            assert np.abs(excerpt.astype(int) - golden[f"track_{track}"]).max() <= 2


def test_a_missing_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest-20\.parquet"):
        embedded.load(tmp_path, tracks=20)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"tracks": 0}, "tracks = 0"), ({"seconds": 0.5}, "seconds = 0.5"), ({"seed": -1}, "seed = -1")],
)
def test_senseless_settings_are_named(tmp_path: Path, settings: dict[str, int], named: str) -> None:
    with pytest.raises(InputError, match=named):
        embedded.create(tmp_path, workers=1, **settings)
