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


TIDY = "if it is no tag, remove the column or declare the tags in tags.csv"


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[0, 0.5], [0, 120]], f"tag 'tempo' is 120 for track 't1', outside [0, 1]; scale it to [0, 1], or {TIDY}"),
        ([[0, 0.5], [-1, 0.5]], f"tag 'rock' is -1 for track 't1', outside [0, 1]; scale it to [0, 1], or {TIDY}"),
        ([[0, float("inf")]], f"tag 'tempo' is inf for track 't0', outside [0, 1]; scale it to [0, 1], or {TIDY}"),
        ([[0, 0.5], [0, float("nan")]], f"tag 'tempo' has no target for track 't1'; give one, or {TIDY}"),
        ([[float("nan"), 0.5]], f"tag 'rock' has no target for track 't0'; give one, or {TIDY}"),
        (
            [[1, 0.5], [0.5, 0.5]],
            "classification tag 'rock' is 0.5 for track 't1', neither 0 nor 1; declare it as regression, of which "
            '`positive_above` under [tags."rock"] in the study makes 0 and 1',
        ),
    ],
)
def test_a_target_that_cannot_be_one_is_told_with_its_tag_its_track_and_a_remedy(
    targets: list[list[float]], message: str
) -> None:
    with pytest.raises(InputError) as refused:
        corpus(targets)
    assert str(refused.value) == f"corpus c: {message}"


def test_an_exact_label_that_cannot_be_one_is_refused_likewise() -> None:
    with pytest.raises(InputError, match="tag 'tempo' is 2 for track 't0'"):
        corpus([[0, 0.5]], truth=np.array([[0, 2]], np.float32))


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
