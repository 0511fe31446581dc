"""A corpus refuses what cannot be one, and its parts and digests behave."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import Corpus, Tag
from bench.errors import InputError

TAGS = (Tag("rock", "classification"), Tag("tempo", "regression"))


def corpus(targets: list[list[float]], **columns: object) -> Corpus:
    n = len(targets)
    ids = np.array([f"t{i}" for i in range(n)])
    whole = Corpus("c", "1", Path(), TAGS, ids, ids, ids, np.array(targets, dtype=np.float32))
    return replace(whole, **columns)  # type: ignore[arg-type]


def test_a_part_of_a_corpus_is_a_corpus_with_all_its_columns() -> None:
    whole = corpus([[0, 0.5], [1, 0.25], [1, 1]], truth=np.ones((3, 2), np.float32), parts=np.array(["a", "b", "c"]))
    part = whole.take(np.array([2, 0]))
    assert part.ids.tolist() == ["t2", "t0"]
    assert part.targets.tolist() == [[1, 1], [0, 0.5]]
    assert part.parts is not None
    assert part.parts.tolist() == ["c", "a"]
    assert part.truth is not None
    assert len(part.truth) == len(part) == 2


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[0, 2.0]], "tag 'tempo' has a target outside"),
        ([[0, float("nan")]], "tag 'tempo' has a target outside"),
        ([[0.5, 0.5]], "classification tag 'rock'"),
    ],
)
def test_a_target_that_is_not_of_its_tags_kind_is_refused_by_name(targets: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        corpus(targets)


def test_repeated_ids_and_columns_of_other_length_are_refused() -> None:
    whole = corpus([[0, 0.5], [1, 0.5]])
    with pytest.raises(InputError, match="'t1' stands more than once"):
        replace(whole, ids=np.array(["t1", "t1"]))
    with pytest.raises(InputError, match="2 ids but 1 groups"):
        replace(whole, groups=np.array(["a"]))


def test_the_digest_ignores_the_order_of_tracks_and_sees_every_label() -> None:
    whole = corpus([[0, 0.5], [1, 0.25], [1, 1]])
    assert whole.digest == whole.take(np.array([2, 0, 1])).digest
    changed = whole.targets.copy()
    changed[1, 1] = 0.5
    others = [whole.take(np.array([0, 1])), replace(whole, targets=changed), replace(whole, version="2")]
    assert len({whole.digest, *(other.digest for other in others)}) == 4


def test_tag_rows_tell_the_two_kinds_apart() -> None:
    whole = corpus([[0, 0.5]])
    assert whole.tag_rows("classification").tolist() == [0]
    assert whole.tag_rows("regression").tolist() == [1]
