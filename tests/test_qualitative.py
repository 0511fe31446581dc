"""Told are the tracks a user chose, the best, the worst and the most disputed by a stated measure, some at random."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from bench.added import add_model
from bench.corpus import Corpus, Float32Array, Tag
from bench.excerpts import excerpt_file
from bench.output import write_scores
from reports.qualitative import Stories, TagList, TrackStory, ranking_precision, tell_stories, told_tracks
from reports.study_folder import read_study_folder
from reports.track_sections import how_chosen
from tests.factories import make_scores, make_test_part, write_scored_study

TAGS = (*(Tag(f"tag {number}", "classification") for number in range(14)), Tag("energy", "regression"))
Scores = dict[tuple[str, int, int], Float32Array]


def stories_of(out: Path, test: Corpus, scores: Scores) -> Stories:
    write_scored_study(out, test, scores)
    return tell_stories(read_study_folder(out), test, out)


def usual(test: Corpus) -> Scores:
    """Return what a study of a baseline and both networks might predict, at two sizes."""
    skills = {"gbt": 0.3, "waveform": 0.2, "spectrogram": 0.4}
    return {
        (label, size, 0): make_scores(test, skill=skill * size / 320, seed=size + number)
        for size in (40, 320)
        for number, (label, skill) in enumerate(skills.items())
    }


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 6))
def test_the_precision_of_a_track_is_scikit_learns_average_precision_ties_included(
    seed: int, tags: int, levels: int
) -> None:
    draw = np.random.default_rng(seed)
    given_tags = draw.random((20, tags)) < 0.4
    scores = (draw.integers(levels, size=(20, tags)) / levels).astype(np.float32)
    found = ranking_precision(given_tags, scores)
    for track in range(20):
        if given_tags[track].any():
            assert found[track] == pytest.approx(average_precision_score(given_tags[track], scores[track]))
        else:
            assert np.isnan(found[track])


def test_the_best_network_of_the_largest_size_tells_and_the_trees_beside_it(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    scores = usual(test)
    scores |= {("linear", 320, 0): make_scores(test, skill=0.9), ("spectrogram", 40, 0): test.targets}
    stories = stories_of(tmp_path, test, scores)
    assert stories.network is not None
    assert stories.network.row.key == ("spectrogram", 320)
    assert stories.baseline is not None
    assert stories.baseline.row.key == ("gbt", 320)
    np.testing.assert_array_equal(stories.network.scores, scores["spectrogram", 320, 0])


def test_chosen_are_the_best_the_worst_and_those_on_which_the_models_differ_most(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    stories = stories_of(tmp_path, test, usual(test))
    assert stories.network is not None
    assert stories.baseline is not None
    own, lead = stories.network.precision, stories.network.precision - stories.baseline.precision
    place = {track: row for row, track in enumerate(test.ids.tolist())}
    rows = {why: [place[one.id] for one in stories.tracks if one.why == why] for why in ("best", "worst", "disputed")}
    assert own[rows["best"][0]] == np.nanmax(own)
    assert own[rows["worst"][0]] == np.nanmin(own)
    ahead, behind = rows["disputed"][:2], rows["disputed"][2:]
    assert lead[ahead[0]] == np.nanmax(lead)
    assert lead[behind[0]] == np.nanmin(lead)
    assert [story.why for story in stories.tracks] == ["best"] * 2 + ["worst"] * 2 + ["disputed"] * 4 + ["random"] * 4
    assert len({story.id for story in stories.tracks}) == 12
    for kind in (rows["best"], rows["worst"], ahead, behind):
        assert len({test.groups[row] for row in kind}) == 2


def test_tracks_that_a_user_chose_come_first_in_that_order_and_once(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    usually = [story.id for story in stories_of(tmp_path, test, usual(test)).tracks]
    chosen = [usually[0], *test.ids[[5, 4]].tolist(), usually[0]]
    stories = tell_stories(read_study_folder(tmp_path), test, tmp_path, chosen)
    assert [(one.id, one.why) for one in stories.tracks[:3]] == [(track, "chosen") for track in chosen[:3]]
    assert [one.why for one in stories.tracks[3:]] == ["best"] * 2 + ["worst"] * 2 + ["disputed"] * 4 + ["random"] * 4
    assert len({one.id for one in stories.tracks}) == 15
    assert told_tracks(tmp_path, chosen) == [one.id for one in stories.tracks]
    assert "3 that the reader chose, 2 that the network tags best" in how_chosen(stories)


def test_one_artist_does_not_fill_a_kind(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    test.targets[:3, 0] = 1
    scores = make_scores(test, skill=0)
    scores[:3] = test.targets[:3]  # all tracks of the first artist are tagged without a fault
    stories = stories_of(tmp_path, test, {("spectrogram", 320, 0): scores})
    best = [story.id for story in stories.tracks if story.why == "best"]
    assert best[0] in test.ids[:3]
    assert best[1] not in test.ids[:3]


def test_the_order_of_the_tracks_changes_no_story(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    told = stories_of(tmp_path / "as_it_is", test, usual(test)).tracks
    scores = {key: each[::-1].copy() for key, each in usual(test).items()}
    assert stories_of(tmp_path / "turned", test.take(np.arange(len(test))[::-1]), scores).tracks == told


def test_a_story_has_the_tags_of_all_three_and_ratings_apart(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    stories = stories_of(tmp_path, test, usual(test))
    story = next(story for story in stories.tracks if story.why == "best")
    row = test.ids.tolist().index(story.id)
    assert story.file == test.files[row]
    assert story.annotators == tuple(TAGS[tag].name for tag in range(14) if test.targets[row, tag])
    assert story.network is not None
    assert stories.network is not None
    own = stories.network.scores[row, :14]
    assert [tag.score for tag in story.network.tags] == np.sort(own)[::-1][:10].tolist()
    assert all(tag.given == (tag.name in story.annotators) for tag in story.network.tags)
    assert story.network.precision == pytest.approx(average_precision_score(test.targets[row, :14], own))
    (rating,) = story.ratings
    assert (rating.name, rating.annotators) == ("energy", test.targets[row, 14])
    assert rating.network == stories.network.scores[row, 14]


def test_excerpts_are_named_where_they_are_there(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    first, second = (story.id for story in stories_of(tmp_path, test, usual(test)).tracks[:2])
    (tmp_path / "excerpts").mkdir()
    (tmp_path / excerpt_file(first)).write_bytes(b"sound")
    stories = tell_stories(read_study_folder(tmp_path), test, tmp_path)
    assert [story.excerpt for story in stories.tracks[:2]] == [excerpt_file(first), None]
    assert told_tracks(tmp_path)[:2] == [first, second]


@pytest.mark.parametrize(
    ("labels", "network", "baseline"),
    [
        (["prior", "linear"], None, "linear"),
        (["prior", "linear", "gbt"], None, "gbt"),
        (["waveform"], "waveform", None),
        (["linear", "waveform"], "waveform", "linear"),
    ],
)
def test_a_study_without_trees_or_networks_has_stories_too(
    tmp_path: Path, labels: list[str], network: str | None, baseline: str | None
) -> None:
    test = make_test_part(tags=TAGS)
    scores = {(label, 40, 0): make_scores(test, skill=number / 10) for number, label in enumerate(labels)}
    stories = stories_of(tmp_path, test, scores)
    told = [None if one is None else one.row.label for one in (stories.network, stories.baseline)]
    assert told == [network, baseline]
    assert all((story.network is None) == (network is None) for story in stories.tracks)
    disputed = [story for story in stories.tracks if story.why == "disputed"]
    assert bool(disputed) == (network is not None and baseline is not None)


def test_a_model_that_was_added_tells_no_story(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    write_scored_study(tmp_path, test, {("linear", 40, 0): make_scores(test, skill=0.2)})
    predictions = tmp_path / "theirs.parquet"
    write_scores(test, make_scores(test, skill=0.8), predictions)
    record = read_study_folder(tmp_path).finished[0].record
    add_model(tmp_path, record, predictions, label="theirs", n_train=40)
    stories = tell_stories(read_study_folder(tmp_path), test, tmp_path)
    assert stories.baseline is not None
    assert stories.baseline.row.label == "linear"


def test_of_several_seeds_the_first_tells(tmp_path: Path) -> None:
    test = make_test_part(tags=TAGS)
    scores = {("gbt", 40, seed): make_scores(test, skill=0.3, seed=seed) for seed in (7, 8)}
    stories = stories_of(tmp_path, test, scores)
    assert stories.baseline is not None
    assert stories.baseline.cell.seed == 7


def test_tracks_without_tags_are_neither_best_nor_worst_and_a_track_is_told_once(tmp_path: Path) -> None:
    test = make_test_part(9, tags=TAGS)
    test.targets[3:, :14] = 0  # one artist has tags
    stories = stories_of(tmp_path, test, usual(test))
    assert len({story.id for story in stories.tracks}) == len(stories.tracks)
    untagged = [story for story in stories.tracks if not story.annotators]
    assert untagged
    assert all(story.why == "random" for story in untagged)
    assert all(told.precision is None for story in untagged for told in _lists(story))


def _lists(story: TrackStory) -> list[TagList]:
    return [told for told in (story.network, story.baseline) if told is not None]


def test_a_corpus_of_ratings_alone_has_tracks_at_random(tmp_path: Path) -> None:
    test = make_test_part(tags=(Tag("energy", "regression"), Tag("tempo", "regression")))
    scores = {("waveform", 40, 0): make_scores(test, skill=0.2), ("spectrogram", 40, 0): make_scores(test, skill=0.5)}
    stories = stories_of(tmp_path, test, scores)
    assert stories.network is not None
    assert stories.network.row.label == "spectrogram"
    assert [story.why for story in stories.tracks] == ["random"] * 4
    assert all(len(story.ratings) == 2 for story in stories.tracks)


def test_ids_tags_and_files_are_told_as_they_are(tmp_path: Path) -> None:
    tags = tuple(replace(tag, name=f"<b>{tag.name}|`*`") for tag in TAGS)
    test = make_test_part(tags=tags)
    ids = np.array([f"../<script>{number}|ä\u202e" for number in range(len(test))])
    hostile = replace(test, ids=ids)
    stories = stories_of(tmp_path, hostile, usual(hostile))
    assert {story.id for story in stories.tracks} <= set(ids.tolist())
    assert all(name in {tag.name for tag in tags} for story in stories.tracks for name in story.annotators)
