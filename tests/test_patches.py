"""Where the networks listen: what is read, from where, and what it depends on."""

from collections import Counter

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.audio import AudioSettings
from bench.corpus import Corpus, Tag
from bench.store import Int16Array, Store, prepare_store
from neural.patches import (
    TrainingPatches,
    moving_starts,
    moving_windows,
    read_patch,
    spread_starts,
    spread_windows,
    to_audio,
)

SECONDS = (1.0, 2.0, 1.5, 1.2, 1.0)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Store]:
    """Return five tracks whose samples count up, so that a patch tells where it is from: 8000 a second."""
    root = tmp_path_factory.mktemp("counting")
    for track, seconds in enumerate(SECONDS):
        samples = track * 100 + np.arange(round(seconds * 8000), dtype=np.int16)
        soundfile.write(root / f"{track}.wav", samples, 8000, subtype="PCM_16")
    names = np.array([str(track) for track in range(5)])
    targets = np.linspace(0, 1, 5, dtype=np.float32)[:, None]
    files = np.array([f"{track}.wav" for track in range(5)])
    corpus = Corpus("counting", "1", root, (Tag("number", "regression"),), names, names, files, targets)
    return corpus, prepare_store(corpus, AudioSettings(sample_rate=8000), cache=root / "cache", workers=1)


def track_of(patch: Int16Array, target: float) -> int:
    """Return the track that a patch's target tells, after checking that the patch is a stretch of that track."""
    track = round(target * 4)
    assert track * 100 <= patch[0]
    assert patch[-1] < track * 100 + SECONDS[track] * 8000
    np.testing.assert_array_equal(np.diff(patch), 1)
    return track


def test_each_track_gives_one_patch_a_round_and_it_is_its_own(prepared: tuple[Corpus, Store]) -> None:
    patches = TrainingPatches(*prepared, samples=4000, batch_size=4, seed=3)
    drawn = [pair for update in range(5) for pair in zip(*patches.batch(update), strict=True)]
    tracks = [track_of(patch, float(target[0])) for patch, target in drawn]
    for first in range(0, 20, 5):  # four rounds in five batches of four
        assert Counter(tracks[first : first + 5]) == Counter(range(5))
    assert tracks[:5] != tracks[5:10] or tracks[5:10] != tracks[10:15]


def test_a_track_is_heard_at_another_place_in_each_round(prepared: tuple[Corpus, Store]) -> None:
    corpus, store = prepared
    patches = TrainingPatches(corpus.take(np.array([1])), store, samples=4000, batch_size=50, seed=0)
    places = np.sort(patches.batch(0)[0][:, 0]) - 100
    assert len(np.unique(places)) > 45
    assert places.min() < 1500
    assert places.max() > 12_000 - 1500


def test_a_batch_depends_on_seed_and_update_alone(prepared: tuple[Corpus, Store]) -> None:
    patches = TrainingPatches(*prepared, samples=4000, batch_size=4, seed=3)
    late = patches.batch(7)
    again = TrainingPatches(*prepared, samples=4000, batch_size=4, seed=3).batch(7)
    np.testing.assert_array_equal(late[0], again[0])
    np.testing.assert_array_equal(late[1], again[1])
    assert not np.array_equal(late[0], patches.batch(8)[0])
    assert not np.array_equal(late[0], TrainingPatches(*prepared, samples=4000, batch_size=4, seed=4).batch(7)[0])


def test_a_place_depends_on_the_track_not_on_the_tracks_beside_it(prepared: tuple[Corpus, Store]) -> None:
    corpus, store = prepared
    alone = TrainingPatches(corpus.take(np.array([2])), store, samples=4000, batch_size=1, seed=9).batch(0)[0][0]
    audio, targets = TrainingPatches(corpus, store, samples=4000, batch_size=5, seed=9).batch(0)
    np.testing.assert_array_equal(audio[targets[:, 0] == 0.5][0], alone)


def test_the_first_round_has_each_track_once_and_no_more_than_asked(prepared: tuple[Corpus, Store]) -> None:
    patches = TrainingPatches(*prepared, samples=8000, batch_size=2, seed=3)
    whole = np.concatenate(list(patches.first_round(100)))
    assert len(whole) == 5
    np.testing.assert_array_equal(np.concatenate(list(patches.first_round(3))), whole[:3])


def test_a_short_track_is_repeated_until_it_fills_the_patch(prepared: tuple[Corpus, Store]) -> None:
    patch = read_patch(prepared[1], "0", 0, 20_000)
    np.testing.assert_array_equal(patch, np.tile(np.arange(8000), 3)[:20_000])


def test_sixteen_bits_become_floats_below_one() -> None:
    patches = np.array([[-32768, 0, 16384, 32767]], dtype=np.int16)
    audio = to_audio(patches, torch.device("cpu"))
    assert audio.dtype == torch.float32
    assert audio.tolist() == [[-1.0, 0.0, 0.5, 32767 / 32768]]


def test_windows_move_by_half_and_the_last_is_flush_with_the_end() -> None:
    assert moving_starts(100, 40).tolist() == [0, 20, 40, 60]
    assert moving_starts(105, 40).tolist() == [0, 20, 40, 60, 65]
    assert moving_starts(40, 40).tolist() == [0]
    assert moving_starts(39, 40).tolist() == [0]
    assert moving_starts(41, 40).tolist() == [0, 1]


@given(length=st.integers(1, 3000), samples=st.integers(1, 500))
def test_moving_windows_hear_every_sample_and_none_twice_at_one_place(length: int, samples: int) -> None:
    starts = moving_starts(length, samples)
    heard = np.zeros(max(length, samples), dtype=bool)
    for start in starts:
        heard[start : start + samples] = True
    assert heard.all()
    assert (np.diff(starts) > 0).all()
    assert starts[-1] == max(0, length - samples)


def test_a_few_windows_are_spread_evenly() -> None:
    assert spread_starts(120, 20, 1).tolist() == [50]
    assert spread_starts(120, 20, 2).tolist() == [25, 75]
    assert spread_starts(20, 20, 2).tolist() == [0]
    assert spread_starts(7, 20, 3).tolist() == [0]


@given(length=st.integers(1, 3000), samples=st.integers(1, 500), count=st.integers(1, 9))
def test_spread_windows_lie_inside_the_track(length: int, samples: int, count: int) -> None:
    starts = spread_starts(length, samples, count)
    assert 1 <= len(starts) <= count
    assert starts[0] >= 0
    assert starts[-1] <= max(0, length - samples)


def test_windows_are_listed_track_after_track(prepared: tuple[Corpus, Store]) -> None:
    windows = moving_windows(*prepared, samples=8000)
    assert windows.rows.tolist() == [0, 1, 1, 1, 2, 2, 3, 3, 4]
    assert windows.starts.tolist() == [0, 0, 4000, 8000, 0, 4000, 0, 1600, 0]
    audio = windows.batches(3)[1].read()
    assert audio.shape == (3, 8000)
    assert audio[:, 0].tolist() == [8100, 200, 4200]


def test_spread_windows_give_each_track_its_share(prepared: tuple[Corpus, Store]) -> None:
    windows = spread_windows(*prepared, samples=8000, count=2)
    assert windows.rows.tolist() == [0, 1, 1, 2, 2, 3, 3, 4]
