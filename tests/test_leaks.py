"""What the parts of a corpus share is found, and can be taken out of training."""

from pathlib import Path

import numpy as np
import pytest

from bench.corpus import Corpus, Tag
from bench.duplicates import Duplicate
from bench.leaks import find_leaks, leaking_from_training, without
from bench.splits import Split


def part(*tracks: str) -> Corpus:
    """Return a corpus of tracks that are each called "artist/track"."""
    ids = np.array(tracks, np.str_)
    artists = np.array([track.split("/")[0] for track in tracks], np.str_)
    return Corpus(
        "c", "1", Path(), (Tag("rock", "classification"),), ids, artists, ids, np.zeros((len(ids), 1), np.float32)
    )


@pytest.fixture
def parts() -> Split:
    """Three parts; the artist a is in training and test, b in all three."""
    return Split(part("a/1", "a/2", "b/3", "c/4"), part("b/5", "d/6"), part("a/7", "b/8", "e/9"))


def alike(track: str, copy_of: str, similarity: float = 1.0) -> Duplicate:
    return Duplicate(track, copy_of, "exact" if similarity == 1 else "near", similarity)


def test_groups_in_several_parts_are_counted(parts: Split) -> None:
    leaks = find_leaks(parts, [])
    assert leaks.groups.to_dict("records") == [
        {"group": "a", "train": 2, "valid": 0, "test": 1},
        {"group": "b", "train": 1, "valid": 1, "test": 1},
    ]
    assert leaks.shared_groups("train", "test") == (2, 2)
    assert leaks.shared_groups("train", "valid") == (1, 1)
    assert leaks.shared_groups("valid", "test") == (1, 1)


def test_parts_without_a_common_group_share_none() -> None:
    assert find_leaks(Split(part("a/1"), part("b/2"), part("c/3")), []).groups.empty


def test_tracks_that_sound_like_the_same_track_are_one_cluster(parts: Split) -> None:
    copies = find_leaks(parts, [alike("a/7", "a/1"), alike("a/2", "a/1", 0.9), alike("e/9", "d/6", 0.8)]).duplicates
    assert copies[["cluster", "id", "part"]].values.tolist() == [
        [1, "a/1", "train"],
        [1, "a/2", "train"],
        [1, "a/7", "test"],
        [2, "d/6", "valid"],
        [2, "e/9", "test"],
    ]
    assert copies["copy_of"].fillna("").tolist() == ["", "a/1", "a/1", "", "d/6"]
    assert copies["kind"].fillna("").tolist() == ["", "near", "exact", "", "near"]
    assert copies["similarity"].fillna(0).tolist() == [0, 0.9, 1, 0, 0.8]


def test_only_copies_across_parts_leak(parts: Split) -> None:
    leaks = find_leaks(parts, [alike("a/2", "a/1"), alike("b/8", "b/3")])
    assert leaks.leaking_duplicates["id"].tolist() == ["b/3", "b/8"]


def test_a_training_track_leaks_through_its_copy_in_training(parts: Split) -> None:
    leaks = find_leaks(parts, [alike("a/2", "a/1"), alike("e/9", "a/1")])
    assert leaking_from_training(leaks) == {"a/1": "sounds like e/9 (test)", "a/2": "sounds like e/9 (test)"}
    kept = without(parts, leaking_from_training(leaks))
    assert kept.train.ids.tolist() == ["b/3", "c/4"]
    assert kept.valid is parts.valid
    assert kept.test is parts.test


def test_without_copies_nothing_is_taken_out(parts: Split) -> None:
    leaks = find_leaks(parts, [])
    assert leaks.duplicates.empty
    assert leaking_from_training(leaks) == {}
