"""The fingerprint hears the same in every copy of a song, something else in every other, and nothing where none is."""

import numpy as np
import pytest

from bench.audio import resample
from bench.corpus import Float32Array
from bench.fingerprint import MOST_WORDS, NOTHING, STEP_SECONDS, WordArray, fingerprint
from tests.songs import song

RATE = 16000
STEP = round(STEP_SECONDS * RATE)


def heard(samples: Float32Array, rate: int = RATE) -> WordArray:
    return fingerprint(samples, rate)


def agreement(first: WordArray, second: WordArray) -> float:
    """Return the share of bits that agree, word by word."""
    length = min(len(first), len(second))
    return 1 - float(np.bitwise_count(first[:length] ^ second[:length]).mean()) / 16


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_half_a_minute_has_as_many_words_at_every_rate_and_more_is_not_heard(rate: int) -> None:
    noise = np.random.default_rng(0).standard_normal(32 * rate).astype(np.float32)
    noise[: 30 * rate] *= 1e-4
    words = heard(noise, rate)
    assert len(words) == MOST_WORDS
    np.testing.assert_array_equal(words, heard(noise[: 30 * rate], rate))


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_the_rate_changes_few_bits(rate: int) -> None:
    assert agreement(heard(song(0, RATE)), heard(resample(song(0, RATE), RATE, rate), rate)) > 0.95


@pytest.mark.parametrize("gain", [0.01, 0.3, 3.0])
def test_gain_changes_hardly_a_bit(gain: float) -> None:
    assert agreement(heard(song(1, RATE)), heard(song(1, RATE) * np.float32(gain))) > 0.999


def test_integers_are_heard_as_the_fractions_of_full_scale_that_they_are() -> None:
    integers = np.rint(song(2, RATE) * 32768).astype(np.int16)
    words = fingerprint(integers, RATE)
    assert agreement(words, heard((integers / 32768).astype(np.float32))) > 0.999


def test_a_fixed_equaliser_changes_few_bits() -> None:
    bright = np.diff(song(0, RATE), prepend=0).astype(np.float32)  # 6 dB an octave
    assert agreement(heard(song(0, RATE)), heard(bright)) > 0.9


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_a_delay_of_whole_steps_moves_the_words(steps: int) -> None:
    late = np.concatenate([np.zeros(steps * STEP, np.float32), song(0, RATE)])
    assert agreement(heard(late)[steps + 8 :], heard(song(0, RATE))[8:]) > 0.99


@pytest.mark.parametrize("number", [0, 1, 2])
def test_half_a_step_the_worst_of_delays_changes_one_bit_in_seven_at_most(number: int) -> None:
    assert agreement(heard(song(number, RATE)), heard(song(number, RATE)[STEP // 2 :])) > 6 / 7


def test_other_songs_agree_by_chance() -> None:
    words = [heard(song(number, RATE)) for number in range(3)]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert 0.4 < agreement(words[first], words[second]) < 0.6


@pytest.mark.parametrize("band", [2, 5, 8, 12, 14])
def test_a_bit_tells_that_a_band_grew_more_than_the_next(band: int) -> None:
    centres = 200 * 15 ** ((np.arange(17) + 0.5) / 17)  # Hz
    time = np.arange(6 * RATE) / RATE
    gains = np.ones((17, 1)) + (time > 3) * np.where(np.arange(17) == band, 3, 0)[:, np.newaxis]
    words = heard((0.01 * gains * np.sin(2 * np.pi * centres[:, np.newaxis] * time)).sum(axis=0).astype(np.float32))
    rise = int(words[19])  # its frames are those from 2.43 s and from 2.94 s on
    assert rise >> band & 1 == 1
    assert rise >> (band - 1) & 1 == 0


TIME = np.arange(12 * RATE) / RATE
CHORD = sum(np.sin(2 * np.pi * hertz * TIME) for hertz in (220.0, 277.2, 329.6)) / 4
STILL = {
    "silence": np.zeros_like(TIME),
    "a constant": np.full_like(TIME, 0.25),
    "a tone": np.sin(2 * np.pi * 440 * TIME),
    "a faint tone": 0.001 * np.sin(2 * np.pi * 440 * TIME),
    "a chord": CHORD,
    "a tone in faint noise": np.sin(2 * np.pi * 333 * TIME)
    + 0.01 * np.random.default_rng(0).standard_normal(len(TIME)),
    "a sawtooth": TIME * 220 % 1 - 0.5,
}


@pytest.mark.parametrize("what", STILL)
def test_there_is_nothing_to_hear_in_what_never_changes(what: str) -> None:
    integers = np.rint(0.5 * 32767 * STILL[what]).astype(np.int16)
    assert set(fingerprint(integers, RATE).tolist()) == {NOTHING}


def test_a_pause_is_nothing_and_the_music_around_it_is_heard() -> None:
    paused = song(0, RATE).copy()
    paused[4 * RATE : 9 * RATE] = 1e-6 * np.random.default_rng(0).standard_normal(5 * RATE)
    words = heard(paused)
    within = slice(round(4.6 / STEP_SECONDS), round(8.3 / STEP_SECONDS) - 4)
    assert set(words[within].tolist()) == {NOTHING}
    assert (np.delete(words, np.arange(26, 75)) != NOTHING).all()


@pytest.mark.parametrize("seconds", [0, 0.05, 0.5, 1.0])
def test_a_very_short_track_has_no_words(seconds: float) -> None:
    assert len(heard(song(0, RATE)[: round(seconds * RATE)])) == 0
