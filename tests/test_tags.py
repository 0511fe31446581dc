"""A study may say of a tag what the data set does not."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bench.corpus import Corpus, Tag
from bench.errors import InputError
from bench.tags import TagChoice, with_tag_choices

TAGS = (Tag("rock", "classification", "genre"), Tag("tempo", "regression"), Tag("loud", "regression"))
TARGETS = np.array([[0, 0.5, 0.1], [1, 0.75, 0.2], [1, 1, 0.3]], np.float32)


@pytest.fixture
def corpus() -> Corpus:
    """A corpus of three tracks with a tag of one kind and two of the other."""
    ids = np.array(["a", "b", "c"])
    return Corpus("c", "1", Path(), TAGS, ids, ids, ids, TARGETS, truth=TARGETS)


def test_what_a_study_does_not_say_stays_as_the_data_set_has_it(corpus: Corpus) -> None:
    assert with_tag_choices(corpus, {}) is corpus
    changed = with_tag_choices(corpus, {"tempo": TagChoice(category="feel", exclusive_group="speed")})
    assert changed.tags == (TAGS[0], Tag("tempo", "regression", "feel", "speed"), TAGS[2])
    np.testing.assert_array_equal(changed.targets, TARGETS)


def test_a_threshold_makes_a_classification_tag_of_targets_and_of_exact_labels(corpus: Corpus) -> None:
    changed = with_tag_choices(corpus, {"tempo": TagChoice(positive_above=0.75)})
    assert changed.tags[1].kind == "classification"
    assert changed.targets[:, 1].tolist() == [0, 0, 1]
    assert changed.truth is not None
    assert changed.truth[:, 1].tolist() == [0, 0, 1]


def test_a_tag_can_be_left_out(corpus: Corpus) -> None:
    changed = with_tag_choices(corpus, {"tempo": TagChoice(leave_out=True)})
    assert [tag.name for tag in changed.tags] == ["rock", "loud"]
    np.testing.assert_array_equal(changed.targets, TARGETS[:, [0, 2]])


def test_a_changed_corpus_has_another_version_and_digest(corpus: Corpus) -> None:
    changed = with_tag_choices(corpus, {"rock": TagChoice(kind="regression")})
    assert changed.version == "1, tags changed by the study"
    assert changed.digest != corpus.digest


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kind": "regression", "positive_above": 0.5}, "positive_above makes a classification tag"),
        ({"leave_out": True, "category": "genre"}, "leaves no room for category"),
    ],
)
def test_what_contradicts_itself_is_refused(said: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TagChoice.model_validate(said)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"temp": TagChoice(leave_out=True)}, "a tag 'temp', which corpus c does not have; did you mean 'tempo'?"),
        (
            {"tempo": TagChoice(kind="classification")},
            r"makes 'tempo' a classification tag, .* such as 0.5; say above .*: `positive_above` under \[tags",
        ),
        ({tag.name: TagChoice(leave_out=True) for tag in TAGS}, "leaves out every tag"),
    ],
)
def test_what_cannot_be_said_of_a_corpus_is_refused(
    corpus: Corpus, choices: dict[str, TagChoice], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        with_tag_choices(corpus, choices)
