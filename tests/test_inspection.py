"""What the tags of a study are like is told from targets and groups alone, by rules that are stated."""

import math
from typing import get_args

import numpy as np
import pytest

from bench.corpus import Float32Array
from bench.errors import InputError
from bench.inspection import inspect_tags
from bench.inspection.distributions import BINS, MOST_LEVELS, distribution
from bench.inspection.kinds import RULE, Shape, appearance
from bench.inspection.pairs import Pair, co_occurrence
from bench.splits import subset
from bench.study import Study
from tests.tagged_corpus import make_corpus, make_study

PARTS = ["train"] * 4 + ["valid"] * 3 + ["test"] * 5


def scale(*shares: tuple[float, int]) -> Float32Array:
    """Return targets: each value so many times."""
    return np.array([value for value, times in shares for _ in range(times)], np.float32)


@pytest.mark.parametrize(
    ("targets", "kind", "shape"),
    [
        (scale((0, 9), (1, 1)), "classification", "two values, mostly zero"),
        (scale((0, 5), (1, 5)), "classification", "two values"),
        (scale((0.02, 85), (0.5, 5), (0.97, 10)), "classification", "bi-modal, mostly zero"),
        (scale((0.02, 45), (0.98, 45), (0.5, 10)), "classification", "bi-modal"),
        (scale((0.1, 70), (0.5, 20), (0.9, 10)), "classification", "bi-modal, mostly zero"),  # 80 % at the ends
        (scale((0.1, 69), (0.5, 21), (0.9, 10)), "regression", "pseudo-uniform"),  # 79 %
        (scale((0.1, 80), (0.11, 19), (0.51, 1)), "classification", "bi-modal, mostly zero"),  # 1 % above the middle
        (scale((0.1, 800), (0.11, 191), (0.51, 9)), "regression", "one-sided"),  # 0.9 %
        (scale((0.9, 90), (0.6, 10)), "regression", "one-sided"),
        (np.linspace(0, 1, 1001, dtype=np.float32), "regression", "pseudo-uniform"),
        (np.linspace(0, 0.05, 1001, dtype=np.float32), "regression", "one-sided"),
        (scale((0, 5), (0.2, 5), (0.4, 5), (0.6, 5), (0.8, 5), (1, 5)), "regression", "pseudo-uniform"),
        (scale((0.3, 10)), None, "constant"),
        (scale((0, 10)), None, "constant"),
        (scale(), None, "constant"),
    ],
)
def test_the_rule_tells_a_kind_and_a_shape(targets: Float32Array, kind: str | None, shape: str) -> None:
    looks_like = appearance(targets)
    assert (looks_like.kind, looks_like.shape) == (kind, shape)


def test_every_shape_stands_in_the_rule() -> None:
    for shape in get_args(Shape):
        for word in shape.replace("two values", "0 or 1").replace("constant", "all the same").split(", "):
            assert word in RULE


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        (scale((0, 927), (1, 73)), "every target is 0 or 1, 7.3 % are 1"),
        (scale((0, 9999), (1, 1)), "every target is 0 or 1, less than 0.1 % are 1"),
        (scale((0.02, 85), (0.5, 5), (0.97, 10)), "85.0 % of the targets lie within 0.1 of 0, 10.0 % within 0.1 of 1"),
        (
            scale((0, 85), (0.05, 15)),
            "100.0 % of the targets lie within 0.1 of 0, 0.0 % within 0.1 of 1, but 0.0 % above 0.5",
        ),
        (scale((0.3, 10)), "every target is 0.3"),
    ],
)
def test_the_reason_has_the_numbers(targets: Float32Array, why: str) -> None:
    assert appearance(targets).why == why


def test_a_distribution_has_quantiles_and_a_histogram() -> None:
    found = distribution(np.linspace(0, 1, 101, dtype=np.float32))
    assert found.quantiles == pytest.approx((0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))
    assert found.mean == pytest.approx(0.5)
    assert found.deviation == pytest.approx(0.2915, abs=1e-4)
    assert len(found.histogram) == BINS
    assert sum(found.histogram) == 101
    assert found.levels == {}


def test_a_scale_of_few_steps_has_its_steps() -> None:
    steps = np.linspace(0, 1, MOST_LEVELS, dtype=np.float32)
    found = distribution(np.repeat(steps, 3))
    assert list(found.levels) == steps.tolist()
    assert set(found.levels.values()) == {3}
    assert distribution(np.linspace(0, 1, MOST_LEVELS + 1, dtype=np.float32)).levels == {}


def test_of_no_track_nothing_is_known() -> None:
    found = distribution(np.zeros(0, np.float32))
    assert math.isnan(found.mean)
    assert all(math.isnan(value) for value in found.quantiles)
    assert not any(found.histogram)


def test_each_part_has_its_own_prevalence() -> None:
    corpus = make_corpus(
        {"rock": [1, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0], "tempo": [0.5] * 4 + [0.1, 0.2, 0.3] + [1.0] * 5}, parts=PARTS
    )
    rock, tempo = inspect_tags(make_study(), corpus).tags
    assert [part.positives for part in rock.parts.values()] == [1, 2, 2]
    assert [part.mean for part in rock.parts.values()] == pytest.approx([1 / 4, 2 / 3, 2 / 5])
    assert rock.positives == 5
    assert [part.positives for part in tempo.parts.values()] == [None] * 3
    assert [part.mean for part in tempo.parts.values()] == pytest.approx([0.5, 0.2, 1.0])


def test_a_tag_is_too_rare_where_the_studys_scoring_would_leave_it_out() -> None:
    corpus = make_corpus(
        {
            "rock": [1] * 4 + [1, 1, 0] + [1, 1, 0, 0, 0],  # one negative in validation
            "rare": [1] * 4 + [1, 0, 0] + [1, 0, 0, 0, 0],
            "tempo": [0.5, 0.1, 0.1, 0.1] + [0.5] * 8,
        },
        parts=PARTS,
    )

    def scored(study: Study) -> list[tuple[bool, bool]]:
        """Return for each tag whether it can be scored in validation and in test."""
        return [
            (facts.parts["validation"].scored, facts.parts["test"].scored) for facts in inspect_tags(study, corpus).tags
        ]

    assert scored(make_study()) == [(False, True), (False, False), (True, True)]
    assert scored(make_study(scoring={"min_positives": 1, "min_negatives": 1})) == [(True, True)] * 3


def test_positives_at_the_smallest_size_are_those_of_its_own_tracks() -> None:
    values = [0.0] * 100
    corpus = make_corpus({"rock": values, "tempo": [0.5] * 99 + [0.1]})
    chosen = subset(corpus, 10, seed=0).ids.tolist()
    targets = np.array([float(track in chosen[:3] or track not in chosen) for track in corpus.ids.tolist()])
    corpus = make_corpus({"rock": targets.tolist(), "tempo": [0.5] * 99 + [0.1]})
    assert [facts.at_smallest for facts in inspect_tags(make_study(sizes=[50, 10]), corpus).tags] == [3, None]
    shares = make_study(sizes=[], shares=[0.1, 0.5])
    assert inspect_tags(shares, corpus).smallest == 10
    assert inspect_tags(shares, corpus).tags[0].at_smallest == 3


def test_a_smallest_size_beyond_the_training_part_is_refused_and_a_largest_is_told() -> None:
    corpus = make_corpus({"rock": [0, 1, 1]})
    with pytest.raises(InputError, match="asks for 4 training tracks; the training part of tagged has 3"):
        inspect_tags(make_study(sizes=[4]), corpus)
    assert inspect_tags(make_study(sizes=[2, 4]), corpus).largest == 4


def test_what_the_study_says_of_a_tag_holds_and_the_data_sets_own_targets_are_shown() -> None:
    tempo = [0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    study = make_study(tags={"tempo": {"positive_above": 0.65}, "rock": {"leave_out": True}})
    (facts,) = inspect_tags(study, make_corpus({"rock": [0, 1] * 4, "tempo": tempo})).tags
    assert facts.tag.kind == "classification"
    assert facts.parts["training"].positives == 3
    assert facts.given.looks_like.kind == "regression"
    assert list(facts.given.levels) == pytest.approx(tempo)
    assert facts.looks_otherwise
    assert facts.kind_is_of_study


def test_tracks_of_no_part_count_nowhere() -> None:
    corpus = make_corpus({"rock": [1, 0, 1, 1], "loud": [0.1, 0.2, 0.9, 0.9]}, parts=["train", "train", "", ""])
    found = inspect_tags(make_study(), corpus)
    assert found.unused == 2
    assert found.together.n_tracks == 2
    assert found.tags_per_track == (1, 1)
    assert found.tags[1].given.mean == pytest.approx(0.15)


def test_tracks_without_a_tag_and_groups_are_counted_by_part() -> None:
    groups = ["a", "a", "b", "c", "c", "d", "e", "a", "f", "f", "a", "d"]
    corpus = make_corpus({"rock": [1, 0] * 6, "pop": [1, 0, 0, 0] * 3, "tempo": [0.5] * 12}, groups=groups, parts=PARTS)
    found = inspect_tags(make_study(), corpus)
    counts = {name: (part.tracks, part.groups, part.untagged) for name, part in found.parts.items()}
    assert counts == {"training": (4, 3, 2), "validation": (3, 3, 1), "test": (5, 3, 3)}
    assert found.tags_per_track == (6, 3, 3)


def test_groups_that_two_parts_share_are_counted_with_their_tracks() -> None:
    groups = ["a", "a", "b", "c", "c", "d", "e", "a", "f", "a", "a", "d"]
    overlaps = inspect_tags(make_study(), make_corpus({"rock": [1, 0] * 6}, groups=groups, parts=PARTS)).overlaps
    assert [(one.first, one.second, one.groups, one.first_tracks, one.second_tracks) for one in overlaps] == [
        ("training", "validation", 1, 1, 1),
        ("training", "test", 1, 2, 3),
        ("validation", "test", 1, 1, 1),
    ]


def test_a_pair_by_hand() -> None:
    pair = Pair("rock", "guitar", n_first=20, n_second=50, both=15, n_tracks=100)
    assert (pair.expected, pair.expected_alone, pair.lift, pair.either) == (10, 10, 1.5, 55)
    assert pair.phi == pytest.approx(np.corrcoef([1] * 20 + [0] * 80, [1] * 15 + [0] * 5 + [1] * 35 + [0] * 45)[0, 1])


def test_co_occurrence_counts_what_stands_together_and_agrees_with_its_pairs() -> None:
    draw = np.random.default_rng(0)
    targets = draw.random((200, 5)) < 0.4
    targets[:, 4] = False
    together = co_occurrence(make_corpus({f"tag {n}": targets[:, n].astype(float).tolist() for n in range(5)}))
    assert (together.both == targets.T.astype(int) @ targets.astype(int)).all()
    for first in range(5):
        for second in range(5):
            assert together.phi[first, second] == pytest.approx(together.pair(first, second).phi, nan_ok=True)
    phis = [pair.phi for pair in together.strongest(100)]
    assert len(phis) == 6  # the tag without a track has no phi
    assert phis == sorted(phis, reverse=True)
    assert together.strongest(2) == together.strongest(100)[:2]


def test_regression_tags_have_no_part_in_co_occurrence() -> None:
    together = co_occurrence(make_corpus({"tempo": [0.1, 1], "rock": [1, 0], "loud": [0.5, 0.1]}))
    assert together.names == ("rock",)


def tracks(*runs: tuple[int, tuple[int, ...]]) -> dict[str, list[int]]:
    """Return the targets of tags a, b, c …: so many tracks with each of these rows."""
    rows = [row for times, row in runs for _ in range(times)]
    return {name: list(column) for name, column in zip("abcde", zip(*rows, strict=True), strict=False)}


def test_exclusive_tags_that_stand_together_are_named_with_their_first_tracks() -> None:
    corpus = make_corpus(
        tracks((3, (1, 0, 1)), (4, (1, 1, 0)), (2, (0, 1, 1))), exclusive={"a": "era", "b": "era", "c": "other"}
    )
    known = inspect_tags(make_study(), corpus).exclusive
    assert known.groups == {"era": ("a", "b")}
    (one,) = known.contradictions
    assert (one.group, one.pair.first, one.pair.second, one.pair.both, one.pair.either) == ("era", "a", "b", 4, 9)
    assert one.tracks == ("t00003", "t00004", "t00005")


def test_an_exclusive_group_of_the_study_counts_like_one_of_the_data_set() -> None:
    study = make_study(tags={name: {"exclusive_group": "era"} for name in "ab"})
    known = inspect_tags(study, make_corpus(tracks((2, (1, 1)), (2, (0, 1)), (1, (0, 0))))).exclusive
    assert [one.pair.both for one in known.contradictions] == [2]


@pytest.mark.parametrize(("n_second", "told"), [(20, 1), (19, 0)])
def test_what_never_stands_together_is_told_where_chance_would_give_ten_tracks(n_second: int, told: int) -> None:
    corpus = make_corpus(tracks((50, (1, 0)), (n_second, (0, 1)), (30 + 20 - n_second, (0, 0))))
    assert len(inspect_tags(make_study(), corpus).exclusive.never) == told


def test_what_is_declared_exclusive_is_not_suggested_again() -> None:
    rows = tracks((50, (1, 0)), (50, (0, 1)))
    assert inspect_tags(make_study(), make_corpus(rows)).exclusive.suggested == (("a", "b"),)
    known = inspect_tags(make_study(), make_corpus(rows, exclusive={"a": "era", "b": "era"})).exclusive
    assert (known.never, known.suggested, known.contradictions) == ((), (), ())


def test_tags_are_suggested_together_only_where_no_two_of_them_meet() -> None:
    rows = tracks((60, (1, 0, 0, 0)), (60, (0, 1, 0, 0)), (60, (0, 0, 1, 0)), (40, (1, 0, 0, 1)), (5, (0, 1, 0, 1)))
    known = inspect_tags(make_study(), make_corpus(rows)).exclusive
    assert {(pair.first, pair.second) for pair in known.never} == {("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")}
    assert known.suggested == (("a", "b", "c"),)


def test_a_tag_that_has_a_group_is_in_no_suggestion() -> None:
    rows = tracks((50, (1, 0)), (50, (0, 1)))
    known = inspect_tags(make_study(), make_corpus(rows, exclusive={"a": "era"})).exclusive
    assert len(known.never) == 1
    assert known.suggested == ()


@pytest.mark.parametrize(("n_first", "told"), [(20, 1), (19, 0)])
def test_a_tag_that_implies_another_is_told_where_it_could_have_stood_alone(n_first: int, told: int) -> None:
    corpus = make_corpus(tracks((n_first, (1, 1)), (50 - n_first, (0, 1)), (50, (0, 0))))
    implied = inspect_tags(make_study(), corpus).together.implied()
    assert [(pair.first, pair.second) for pair in implied] == [("a", "b")] * told


def test_one_track_against_it_and_a_tag_implies_nothing() -> None:
    corpus = make_corpus(tracks((40, (1, 1)), (1, (1, 0)), (10, (0, 1)), (50, (0, 0))))
    assert inspect_tags(make_study(), corpus).together.implied() == []


def test_tags_with_the_same_targets_are_found_whatever_their_kind_and_constant_ones_are_not() -> None:
    corpus = make_corpus(
        {"a": [0, 1, 1], "b": [0.5, 0.1, 0.2], "c": [0, 1, 1], "d": [0.5, 0.1, 0.2], "e": [0, 0, 0], "f": [0, 0, 0]}
    )
    assert inspect_tags(make_study(), corpus).identical == (("a", "c"), ("b", "d"))


def test_a_tag_the_corpus_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'rock'"):
        inspect_tags(make_study(tags={"rok": {"leave_out": True}}), make_corpus({"rock": [0, 1, 1]}))
