"""Simulated annotators: they miss the faint, imagine some, confuse siblings, and answer on an 11-point scale.

An annotator works through an artist's songs together, so that part of the errors are habits that all songs of an
artist share, as in real collections.
"""

from functools import cache

from bench.corpora.embedded.draws import ANNOTATOR, HABIT, Draws
from bench.corpora.embedded.labels import TAGS
from bench.corpora.embedded.score import Score

SCALE_POINTS = 10
SCALE_NOISE, SCALE_HABIT = 0.06, 0.05  # standard deviations, on the scale from 0 to 1
SWAPPED = 0.08  # the share of songs for which exclusive siblings are taken for one another
HABITUAL = 0.4  # the share of false alarms that are habits
MISSED = 0.04  # of what is heard plainly; the faint is missed up to FAINTLY_MISSED more
FAINTLY_MISSED = 0.6
FALSE_ALARMS = {
    "genre": 0.005,
    "genre family": 0.012,
    "instrument": 0.008,
    "vocals": 0.012,
    "feel": 0.02,
    "mode": 0.04,
    "era": 0.012,
    "setting": 0.003,
}


def annotate(score: Score, heard: dict[str, float], places: dict[str, float], seed: int) -> dict[str, float]:
    """Return the annotator's answer for every tag: 0 or 1, or a point of the 11-point scale in [0, 1].

    `heard` has the saliences of the classification tags, `places` the exact regression tags.
    """
    draws = Draws(seed, ANNOTATOR, score.track)
    habits = Draws(seed, HABIT, score.artist)
    answers: dict[str, float] = {}
    for tag in TAGS:
        if tag.kind == "regression":
            bias = SCALE_HABIT * habits.bell(0.0, 1.0)
            place = draws.near(places[tag.name] + bias, SCALE_NOISE)
            answers[tag.name] = int(place * SCALE_POINTS + 0.5) / SCALE_POINTS
        else:
            alarms = FALSE_ALARMS[tag.category]
            habit = habits.chance(alarms * HABITUAL)
            slip = draws.chance(alarms * (1 - HABITUAL))
            noticed = draws.chance(_hit_rate(heard[tag.name]))
            answers[tag.name] = float(noticed if heard[tag.name] > 0 else habit or slip)
    return _settle_siblings(answers, heard, draws)


def _hit_rate(salience: float) -> float:
    return 1 - MISSED - FAINTLY_MISSED * (1 - salience)


def _settle_siblings(answers: dict[str, float], heard: dict[str, float], draws: Draws) -> dict[str, float]:
    """Confuse some exclusive siblings, and never answer yes to both."""
    for one, other in _siblings():
        if answers[one] and answers[other]:
            answers[one], answers[other] = float(heard[one] >= heard[other]), float(heard[one] < heard[other])
        if draws.chance(SWAPPED):
            answers[one], answers[other] = answers[other], answers[one]
    return answers


@cache
def _siblings() -> tuple[tuple[str, str], ...]:
    groups: dict[str, list[str]] = {}
    for tag in TAGS:
        if tag.exclusive_group:
            groups.setdefault(tag.exclusive_group, []).append(tag.name)
    return tuple((one, other) for one, other in groups.values())
