"""Matching finds shared stretches of words, at any lag, through wrong bits, and ties many copies with little work."""

import numpy as np
import pytest

from bench.fingerprint import MOST_WORDS, NOTHING, WordArray
from bench.matching import LEAST_WORDS, Matches, find_matches


def tracks(count: int, seed: int = 0) -> WordArray:
    """Return fingerprints that share nothing."""
    return np.random.default_rng(seed).integers(1, 2**16, (count, MOST_WORDS), np.uint16)


def with_wrong_bits(words: WordArray, share: float, seed: int = 1) -> WordArray:
    wrong = np.random.default_rng(seed).random((*words.shape, 16)) < share
    return words ^ np.packbits(wrong, axis=-1, bitorder="little").view(np.uint16)[..., 0]


def pairs(matches: Matches) -> list[tuple[int, int]]:
    return list(zip(matches.first.tolist(), matches.second.tolist(), strict=True))


def found(words: WordArray) -> list[tuple[int, int]]:
    return pairs(find_matches(words, workers=1))


def test_tracks_that_share_nothing_are_no_copies() -> None:
    assert found(tracks(300)) == []


@pytest.mark.parametrize("lag", [-120, -1, 0, 1, 7, 120])
def test_a_copy_is_found_wherever_it_begins(lag: int) -> None:
    words = tracks(20)
    words[5] = tracks(1, seed=2)
    length = MOST_WORDS - abs(lag)
    words[5, max(lag, 0) :][:length] = words[12, max(-lag, 0) :][:length]
    matches = find_matches(words, workers=1)
    assert pairs(matches) == [(5, 12)]
    assert matches.similarity.tolist() == [1.0]


def test_the_similarity_is_the_share_of_bits_that_agree() -> None:
    words = tracks(4)
    words[3] = with_wrong_bits(words[1], 0.1)
    matches = find_matches(words, workers=1)
    assert pairs(matches) == [(1, 3)]
    assert matches.similarity[0] == 1 - np.bitwise_count(words[1] ^ words[3]).mean() / 16


def test_too_many_wrong_bits_are_another_recording() -> None:
    words = tracks(4)
    words[3] = with_wrong_bits(words[1], 0.3)
    words[3, 50:82] = words[1, 50:82]  # 4 s alike, as a sample that both use
    assert found(words) == []


@pytest.mark.parametrize(("shared", "expected"), [(LEAST_WORDS - 1, []), (LEAST_WORDS, [(0, 1)])])
def test_copies_share_six_seconds_at_least(shared: int, expected: list[tuple[int, int]]) -> None:
    words = tracks(2)
    words[0, shared:] = NOTHING  # a short track
    words[1, 100 : 100 + shared] = words[0, :shared]
    assert found(words) == expected


def test_words_of_nothing_tell_nothing() -> None:
    words = tracks(30)
    words[:, 30:] = NOTHING
    words[10:] = NOTHING
    assert found(words) == []


def test_a_loop_within_a_track_is_no_match_and_hides_none() -> None:
    words = tracks(30)
    words[:, :] = np.tile(words[:, :16], 15)[:, :MOST_WORDS]
    words[20] = words[3]
    assert found(words) == [(3, 20)]


def test_of_several_lags_the_best_counts() -> None:
    words = tracks(3)
    words[0] = with_wrong_bits(np.tile(words[0, :60], 4)[:MOST_WORDS], 0.05)  # a loop that varies
    words[2] = with_wrong_bits(words[0], 0.01)
    matches = find_matches(words, workers=1)
    assert pairs(matches) == [(0, 2)]
    assert matches.similarity[0] > 0.98


def test_a_phrase_that_all_share_makes_no_copies_of_them_and_hides_none() -> None:
    words = tracks(200)
    words[:, 60:80] = words[0, 60:80]
    words[150] = with_wrong_bits(words[20], 0.05)
    assert found(words) == [(20, 150)]


def test_any_number_of_copies_are_tied_by_few_pairs() -> None:
    words = np.repeat(tracks(1), 200, axis=0)
    matches = find_matches(words, workers=1)
    assert len(matches.first) < 10 * len(words)
    assert set(range(200)) == {*matches.first.tolist(), *matches.second.tolist()}
    assert set(matches.similarity.tolist()) == {1.0}


def test_neither_workers_nor_passes_nor_blocks_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    words = with_wrong_bits(np.concatenate([tracks(100), tracks(100)]), 0.05)
    whole = find_matches(words, workers=1)
    assert pairs(whole) == [(row, row + 100) for row in range(100)]
    monkeypatch.setattr("bench.matching.WORDS_PER_PASS", 7000)
    monkeypatch.setattr("bench.matching.TRACKS_PER_BLOCK", 7)
    monkeypatch.setattr("bench.matching.CANDIDATES_PER_BLOCK", 50)
    parts = find_matches(words, workers=2)
    assert pairs(parts) == pairs(whole)
    np.testing.assert_array_equal(parts.similarity, whole.similarity)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_tracks_have_no_copies(count: int) -> None:
    assert found(tracks(count)) == []
