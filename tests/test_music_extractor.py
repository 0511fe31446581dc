"""Essentia's stock MusicExtractor as a set of descriptors: one list of names, and the same values every time."""

import numpy as np
import pytest

from baselines.features.music_extractor import PREFIXES, describe, descriptor_names
from bench.corpora.embedded.artists import roster
from bench.corpora.embedded.composition import compose
from bench.corpora.embedded.rendering import render
from bench.corpus import Float32Array

RATE = 16000


def song(track: int, seconds: float) -> Float32Array:
    samples = render(compose(0, track, roster(0, track + 1)[track], seconds), 0)
    return samples.astype(np.float32) / np.float32(32768)


def described(samples: Float32Array) -> dict[str, float]:
    return dict(zip(descriptor_names(), describe(samples, RATE).tolist(), strict=True))


def test_names_are_unique_begin_with_their_group_and_leave_out_what_varies_in_length() -> None:
    names = descriptor_names()
    assert len(set(names)) == len(names) > 1000
    assert all(name.startswith(PREFIXES) for name in names)
    assert not any(name.startswith("rhythm.beats_position") for name in names)
    wanted = {"lowlevel.mfcc.mean.12", "lowlevel.mfcc.cov.00.12", "rhythm.bpm", "tonal.key_edma.key.C#"}
    assert wanted <= set(names)
    assert "lowlevel.mfcc.cov.12.00" not in names  # the same as 00.12


@pytest.mark.parametrize(("track", "seconds"), [(0, 6.0), (3, 2.0)])
def test_a_song_lacks_nothing_and_gives_the_same_values_again(track: int, seconds: float) -> None:
    samples = song(track, seconds)
    row = describe(samples, RATE)
    assert np.isfinite(row).all()
    np.testing.assert_array_equal(describe(samples, RATE), row)


def test_silence_within_a_track_does_not_make_its_values_random() -> None:
    samples = song(0, 3)
    samples[RATE : 2 * RATE] = 0
    np.testing.assert_array_equal(describe(samples, RATE), describe(samples, RATE))


def test_a_key_is_one_of_twelve_and_major_or_not() -> None:
    values = described(song(0, 6))
    one_hot = [value for name, value in values.items() if name.startswith("tonal.key_edma.key.")]
    assert sorted(one_hot) == [0.0] * 11 + [1.0]
    assert values["tonal.key_edma.scale.major"] in (0, 1)


def test_a_track_without_beats_has_no_tempo() -> None:
    values = described(song(0, 2)[: RATE // 10])
    assert values["rhythm.beats_count"] == 0
    missing = {name for name, value in values.items() if np.isnan(value)}
    assert {"rhythm.bpm", "rhythm.beats_loudness.mean", "rhythm.bpm_histogram.120"} <= missing
    assert all(name.startswith("rhythm.b") for name in missing)


def test_a_track_that_it_cannot_take_says_why() -> None:
    with pytest.raises(RuntimeError, match="completely silent"):
        describe(np.zeros(RATE, np.float32), RATE)
