"""What the embedded corpus's songs and labels are like, over many composed tracks; no audio is made here."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.corpora.embedded import describe
from bench.corpora.embedded.annotators import annotate
from bench.corpora.embedded.artists import draw_artist, roster
from bench.corpora.embedded.composition import compose
from bench.corpora.embedded.draws import Draws
from bench.corpora.embedded.drums import DRUMS
from bench.corpora.embedded.genres import DECK, GENRES
from bench.corpora.embedded.harmony import PROGRESSIONS, Key
from bench.corpora.embedded.instruments import INSTRUMENTS
from bench.corpora.embedded.labels import REGRESSION_TAGS, TAGS, place_among, raw_scales, saliences, scales
from bench.corpora.embedded.patterns import BASS_LINES, COMPING, GROOVES, strokes
from bench.corpora.embedded.quantiles import QUANTILES
from bench.corpora.embedded.score import Note, Part, Score
from bench.corpus import Float32Array

TRACKS = 1000
CLASSIFICATION = [tag.name for tag in TAGS if tag.kind == "classification"]
SIBLINGS = {
    "East/West Coast": {"hip-hop East Coast", "hip-hop West Coast"},
    "baroque/classical period": {"baroque", "classical period"},
    "house/techno": {"house", "techno"},
    "rock/metal": {"rock", "metal"},
}


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    """Return the scores of a whole corpus."""
    return [compose(0, track, artist, 30.0) for track, artist in enumerate(roster(0, TRACKS))]


@pytest.fixture(scope="module")
def rows(scores: list[Score]) -> list[dict[str, str | float]]:
    """Return the manifest of a whole corpus."""
    return [describe(score, 0) for score in scores]


def _column(rows: list[dict[str, str | float]], name: str) -> Float32Array:
    return np.array([row[name] for row in rows], dtype=np.float32)


def test_a_track_is_composed_the_same_twice() -> None:
    assert compose(3, 17, 4, 30.0) == compose(3, 17, 4, 30.0)


def test_artists_have_two_to_twelve_songs() -> None:
    assert set(Counter(roster(0, TRACKS)).values()) <= set(range(2, 13))
    assert 120 <= len(set(roster(0, TRACKS))) <= 180


@given(st.integers(0, 5), st.integers(1, 300), st.integers(0, 300))
def test_more_tracks_move_no_earlier_track(seed: int, tracks: int, more: int) -> None:
    assert roster(seed, tracks + more)[:tracks] == roster(seed, tracks)


def test_every_deck_of_artists_holds_each_genre_in_its_share() -> None:
    dealt = [draw_artist(0, number).genre.name for number in range(2 * len(DECK))]
    for genre in GENRES.values():
        assert dealt[: len(DECK)].count(genre.name) == dealt[len(DECK) :].count(genre.name) == genre.cards


def test_most_songs_of_an_artist_share_its_genre_and_its_desk(scores: list[Score]) -> None:
    for score in scores[:200]:
        artist = draw_artist(0, score.artist)
        assert score.genre in {artist.genre.name, artist.guest.name}
        assert abs(score.mix.tilt - artist.desk.tilt) < 0.3
    own = np.mean([score.genre == draw_artist(0, score.artist).genre.name for score in scores])
    assert 0.85 < own < 0.99


def test_every_name_in_a_genre_is_one_that_can_be_played() -> None:
    for genre in GENRES.values():
        assert set(genre.grooves) <= set(GROOVES)
        assert set(genre.bass_lines) <= set(BASS_LINES)
        assert set(genre.comping) <= set(COMPING)
        assert set(genre.progressions) <= set(PROGRESSIONS)
        assert {*genre.basses, *genre.chords, *genre.solos} <= set(INSTRUMENTS)
        assert set(genre.guests) <= set(GENRES)
    assert {sound for groove in GROOVES.values() for sound in groove} <= set(DRUMS)


def test_grids_hold_one_four_four_bar() -> None:
    grids = [
        *BASS_LINES.values(),
        *(c.grid for c in COMPING.values()),
        *(g for d in GROOVES.values() for g in d.values()),
    ]
    assert {len(grid) for grid in grids} == {16}
    assert list(strokes("9..a....8.......", 3)) == [(0.0, "9"), (0.75, "a"), (2.0, "8")]


def test_chords_are_built_in_thirds_of_the_key() -> None:
    assert Key(0, minor=False).chord(0, 60, seventh=False) == [60, 64, 67]
    assert Key(0, minor=True).chord(0, 60, seventh=True) == [60, 63, 67, 70]
    assert Key(9, minor=False).chord(4, 60, seventh=False) == [64, 68, 71]  # E major in A


def test_drums_rest_in_intros_and_voices_and_solos_keep_to_their_sections(scores: list[Score]) -> None:
    homes = {"drums": {"verse", "chorus", "bridge"}, "voice": {"verse"}, "solo": {"bridge"}, "hook": {"chorus"}}
    tolerance = 0.1  # seconds: a player may come in a moment early or late
    for score in scores[:300]:
        bar = score.beats * 60 / score.bpm
        for part in score.parts:
            for note in part.notes if part.role in homes else ():
                assert any(
                    section.first_bar * bar - tolerance
                    < note.start
                    < (section.first_bar + section.bars) * bar + tolerance
                    for section in score.sections
                    if section.name in homes[part.role]
                ), (score.track, part.role, note)


def test_songs_change_on_the_way(scores: list[Score]) -> None:
    assert min(len({section.name for section in score.sections}) for score in scores) >= 3
    short = [compose(0, track, artist, 6.0) for track, artist in enumerate(roster(0, 100))]
    assert np.mean([len(score.sections) >= 2 for score in short]) > 0.9
    assert all(score.parts and note.start < 6.0 for score in short for part in score.parts for note in part.notes)


def test_about_forty_classification_tags_have_prevalences_from_one_to_forty_five_percent(
    rows: list[dict[str, str | float]],
) -> None:
    assert 36 <= len(CLASSIFICATION) <= 46
    assert all(tag.category for tag in TAGS)
    for prefix in ("", "truth/"):
        shares = {tag: float(_column(rows, prefix + tag).mean()) for tag in CLASSIFICATION}
        assert 0.01 <= min(shares.values()) < 0.03, shares
        assert 0.35 < max(shares.values()) <= 0.45, shares
    assert np.mean([list(row.values()).count(1.0) for row in rows]) < len(CLASSIFICATION) / 2


def test_regression_tags_are_spread_evenly(rows: list[dict[str, str | float]]) -> None:
    for tag in REGRESSION_TAGS:
        counts, _ = np.histogram(_column(rows, "truth/" + tag), bins=5, range=(0, 1))
        assert counts.min() > 0.1 * TRACKS, (tag, counts)
        assert counts.max() < 0.32 * TRACKS, (tag, counts)


def test_annotators_answer_on_an_eleven_point_scale_close_to_the_truth(rows: list[dict[str, str | float]]) -> None:
    for tag in REGRESSION_TAGS:
        answers, truth = _column(rows, tag), _column(rows, "truth/" + tag)
        np.testing.assert_allclose(answers * 10, np.round(answers * 10), atol=1e-5)
        assert 0.03 < np.sqrt(np.mean((answers - truth) ** 2)) < 0.12


def test_exclusive_siblings_are_declared_and_never_true_together(rows: list[dict[str, str | float]]) -> None:
    declared: dict[str, set[str]] = {}
    for tag in TAGS:
        if tag.exclusive_group:
            declared.setdefault(tag.exclusive_group, set()).add(tag.name)
    assert declared == SIBLINGS
    for one, other in (sorted(pair) for pair in SIBLINGS.values()):
        for prefix in ("", "truth/"):
            assert not (_column(rows, prefix + one) * _column(rows, prefix + other)).any()


def test_annotators_miss_imagine_and_swap(rows: list[dict[str, str | float]]) -> None:
    labels = np.stack([_column(rows, tag) for tag in CLASSIFICATION])
    truth = np.stack([_column(rows, "truth/" + tag) for tag in CLASSIFICATION])
    assert 0.05 < 1 - labels[truth == 1].mean() < 0.2
    assert 0.005 < labels[truth == 0].mean() < 0.03
    for one, other in (sorted(pair) for pair in SIBLINGS.values()):
        alone = _column(rows, "truth/" + one) == 1
        assert 0.01 < _column(rows, other)[alone].mean() < 0.25


def test_some_songs_belong_to_two_genres_and_families_follow_genres(rows: list[dict[str, str | float]]) -> None:
    genres = np.stack([_column(rows, "truth/" + name) for name in GENRES])
    assert genres.sum(axis=0).min() == 1
    assert 0.03 < (genres.sum(axis=0) == 2).mean() < 0.25
    assert genres.sum(axis=0).max() == 2
    for family in ("hip-hop", "classical", "electronic"):
        members = [_column(rows, "truth/" + genre.name) for genre in GENRES.values() if genre.family == family]
        np.testing.assert_array_equal(np.max(members, axis=0), _column(rows, "truth/" + family))


def _quartet() -> Score:
    """Return a score written by hand: a piano, faint strings, a kick drum, and a singer."""
    notes = tuple(Note(float(second), 0.5, 60, 1.0) for second in range(10))
    return replace(
        compose(0, 0, 0, 10.0),
        genre="jazz",
        guest="",
        beats=3,
        swing=True,
        minor=False,
        vintage=False,
        parts=(
            Part("chords", "piano", 0.7, notes),
            Part("hook", "strings", 0.35, notes[:2]),
            Part("drums", "acoustic", 0.7, notes),
            Part("voice", "female", 1.4, notes[4:]),
        ),
    )


def test_labels_of_a_score_written_by_hand() -> None:
    heard = saliences(_quartet())
    plainly = {"jazz", "piano", "female vocals", "swing", "triple metre"}
    assert {tag for tag, salience in heard.items() if salience == 1.0} == plainly
    assert {tag for tag, salience in heard.items() if 0 < salience < 1} == {"strings"}
    assert heard["strings"] == 0.5
    assert raw_scales(_quartet())["density"] == pytest.approx((10 + 2 + 10 + 6) / 10)


def test_annotators_never_answer_yes_to_both_siblings() -> None:
    rock = replace(_quartet(), genre="rock")
    heard, places = saliences(rock), scales(rock)
    for listener in range(3000):  # some fifteen of them imagine metal
        answers = annotate(replace(rock, track=listener, artist=listener), heard, places, 0)
        assert not (answers["rock"] and answers["metal"])


def test_an_instrumental_without_drums_is_labelled_so() -> None:
    quartet = _quartet()
    heard = saliences(replace(quartet, parts=quartet.parts[:2]))
    assert heard["instrumental"] == heard["no drums"] == 1.0
    assert heard["female vocals"] == 0.0


def test_scales_do_not_depend_on_other_tracks_and_follow_the_measure() -> None:
    quartet = _quartet()
    slower, faster = scales(replace(quartet, bpm=80.0)), scales(replace(quartet, bpm=120.0))
    assert slower["tempo"] < faster["tempo"]
    assert slower["acoustic"] == faster["acoustic"]


def test_a_place_is_read_off_between_quantiles() -> None:
    assert [place_among(value, (0.0, 1.0, 3.0)) for value in (-1, 0, 0.5, 1, 2, 3, 9)] == [0, 0, 0.25, 0.5, 0.75, 1, 1]


@given(st.sampled_from(REGRESSION_TAGS), st.floats(-50, 400), st.floats(-50, 400))
def test_places_keep_the_order_of_values(tag: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= place_among(low, QUANTILES[tag]) <= place_among(high, QUANTILES[tag]) <= 1


@given(st.integers(0, 2**32), st.dictionaries(st.text(), st.floats(0.01, 10), min_size=1))
def test_draws_stay_within_their_bounds(seed: int, weights: dict[str, float]) -> None:
    draws = Draws(seed)
    assert draws.weighted(weights) in weights
    assert 3 <= draws.integer(3, 5) <= 5
    assert 0 <= draws.near(0.9, 0.5) <= 1
    assert -3 <= draws.bell(0.0, 1.0) <= 3
    assert sorted(draws.shuffled(range(9))) == list(range(9))


def test_bell_shaped_draws_have_the_deviation_they_say() -> None:
    draws = Draws(0)
    values = [draws.bell(2.0, 0.5) for _ in range(20000)]
    assert np.mean(values) == pytest.approx(2.0, abs=0.02)
    assert np.std(values) == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_the_quantile_tables_are_those_of_their_recipe() -> None:
    measures = [raw_scales(compose(1, track, artist, 30.0)) for track, artist in enumerate(roster(1, 6000))]
    for tag, table in QUANTILES.items():
        found = np.quantile([measure[tag] for measure in measures], np.linspace(0, 1, 21))
        np.testing.assert_allclose(table, found, rtol=1e-3)
