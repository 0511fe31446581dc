"""Splits never divide a group; subsets are nested; new tracks move no other."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.corpus import Corpus, Tag
from bench.errors import InputError
from bench.splits import official_split, split, subset


def corpus(tracks: int, per_group: int = 3) -> Corpus:
    ids = np.array([f"t{i}" for i in range(tracks)])
    groups = np.array([f"g{i // per_group}" for i in range(tracks)])
    return Corpus("c", "", Path(), (Tag("x", "regression"),), ids, groups, ids, np.zeros((tracks, 1), np.float32))


@given(tracks=st.integers(1, 200), seed=st.integers(0, 5), valid=st.floats(0.05, 0.4), test=st.floats(0.05, 0.5))
def test_parts_are_disjoint_by_group_and_cover_the_corpus(tracks: int, seed: int, valid: float, test: float) -> None:
    whole = corpus(tracks)
    parts = split(whole, valid=valid, test=test, seed=seed)
    groups = [set(part.groups.tolist()) for part in (parts.train, parts.valid, parts.test)]
    assert sum(map(len, groups)) == len(groups[0] | groups[1] | groups[2])
    ids = np.concatenate([parts.train.ids, parts.valid.ids, parts.test.ids])
    assert sorted(ids.tolist()) == sorted(whole.ids.tolist())


def test_shares_of_groups_are_about_those_asked_for() -> None:
    parts = split(corpus(9000), valid=0.2, test=0.3, seed=0)
    assert abs(len(parts.test) / 9000 - 0.3) < 0.03
    assert abs(len(parts.valid) / 9000 - 0.2) < 0.03


def test_another_seed_gives_another_split() -> None:
    first, second = (split(corpus(300), valid=0.2, test=0.3, seed=seed).test.ids.tolist() for seed in (0, 1))
    assert first != second


@given(tracks=st.integers(1, 100), more=st.integers(0, 50))
def test_adding_tracks_moves_no_other(tracks: int, more: int) -> None:
    small, large = (split(corpus(n), valid=0.2, test=0.3, seed=0) for n in (tracks, tracks + more))
    assert set(small.test.ids.tolist()) <= set(large.test.ids.tolist())
    assert set(small.train.ids.tolist()) <= set(large.train.ids.tolist())


@given(st.lists(st.integers(0, 60), min_size=2, max_size=2, unique=True), st.integers(0, 3))
def test_smaller_subsets_lie_inside_larger_ones(sizes: list[int], seed: int) -> None:
    small, large = (subset(corpus(60), size, seed=seed) for size in sorted(sizes))
    assert len(small) == min(sizes)
    assert set(small.ids.tolist()) <= set(large.ids.tolist())


def test_a_subset_does_not_depend_on_the_order_of_the_corpus() -> None:
    whole = corpus(50)
    turned = whole.take(np.arange(50)[::-1])
    assert subset(whole, 20, seed=1).digest == subset(turned, 20, seed=1).digest
    assert subset(whole, 20, seed=1).digest != subset(whole, 20, seed=2).digest


def test_a_subset_larger_than_the_corpus_is_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=r"asks for 61 training tracks; the training part of c has 60"):
        subset(corpus(60), 61, seed=0)


def test_an_official_split_is_taken_as_it_is_and_must_exist() -> None:
    whole = corpus(4)
    with pytest.raises(InputError, match="no official split"):
        official_split(whole)
    parts = np.array(["test", "train", "", "valid"])
    divided = official_split(
        Corpus("c", "", Path(), whole.tags, whole.ids, whole.groups, whole.files, whole.targets, parts=parts)
    )
    assert [part.ids.tolist() for part in (divided.train, divided.valid, divided.test)] == [["t1"], ["t3"], ["t0"]]
