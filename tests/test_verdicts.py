"""Verdicts are wrong no more often than they say, whatever the parts; p-values agree with the intervals."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import f, norm

from bench.bootstrap import Draws
from bench.metrics import Float64Array
from reports.claims.evidence import LackingError
from reports.claims.residuals import spread_part
from reports.claims.sentences import ratio_interval
from reports.claims.verdicts import LEVEL, Claim, Part, Verdict, holm, judged, p_above_zero, p_at_least

RESAMPLES = 1000


def drawn(true: Sequence[float], seed: int, *, correlation: float = 0.0, resamples: int = RESAMPLES) -> list[Draws]:
    """Return quantities with errors of variance 1, on the sample and on resamples of it, all correlated alike."""
    draw = np.random.default_rng(seed)
    shared, own = draw.normal(size=(1 + resamples, 1)), draw.normal(size=(1 + resamples, len(true)))
    errors = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    values = np.array(true) + errors[0]
    return [Draws(float(value), value + each[1:]) for value, each in zip(values, errors.T, strict=True)]


def claim(quantities: Sequence[Draws], needed: int | None = None) -> Claim:
    parts = tuple(Part("", each) for each in quantities)
    return Claim(parts, len(parts) if needed is None else needed)


def verdicts(claims: Sequence[Claim]) -> list[Verdict]:
    numbered = dict(enumerate(claims))
    return judged(dict.fromkeys(numbered, ""), numbered, {})


def spread_about(value: float, noise: Float64Array) -> Draws:
    return Draws(value, value + noise)


@pytest.mark.parametrize("shift", np.linspace(-4, 4, 33))
def test_a_sentence_of_one_part_is_decided_where_its_interval_is_on_one_side_of_zero(shift: float) -> None:
    noise = np.random.default_rng(0).gamma(3, size=RESAMPLES)  # skewed, and the resamples are biased
    draws = spread_about(shift, noise)
    interval = draws.interval()
    expected = "holds" if interval.low > 0 else "fails" if interval.high < 0 else "undecided"
    (verdict,) = verdicts([claim([draws])])
    assert verdict.outcome == expected


def test_a_difference_that_is_zero_on_every_resample_decides_nothing() -> None:
    (verdict,) = verdicts([claim([Draws(0.0, np.zeros(RESAMPLES))])])
    assert (verdict.outcome, verdict.p) == ("undecided", 1.0)


def test_a_conjunction_has_the_p_value_of_its_least_clear_part() -> None:
    p = [p_above_zero(each) for each in drawn([3.0, 2.0, 6.0], seed=2)]
    assert p_at_least(p, 3) == max(p)


def test_a_partial_conjunction_has_the_hand_computed_p_values() -> None:
    noise = np.array([-1.0, 1.0]) / np.sqrt(2)  # of standard error 1
    quantities = [Draws(value, value + noise) for value in (2.0, -1.0, 1.0)]
    p = [norm.sf(2.0), norm.sf(1.0), norm.sf(-1.0)]
    found = [p_above_zero(each) for each in quantities]
    assert [p_at_least(found, needed) for needed in (1, 2, 3)] == pytest.approx([3 * p[0], 2 * p[1], p[2]])


def test_most_of_three_need_two_and_none_of_the_rest() -> None:
    quantities = drawn([-40.0, 40.0, 40.0], seed=3)
    assert [verdict.outcome for verdict in verdicts([claim(quantities, 2), claim(quantities, 3)])] == ["holds", "fails"]
    assert verdicts([claim([each * -1 for each in quantities], 2)])[0].outcome == "fails"


def test_a_conjunction_of_many_parts_fails_by_one_of_them_among_nine_sentences() -> None:
    broken = claim(drawn([30.0] * 11 + [-30.0], seed=4))
    others = [claim(drawn([0.0], seed=seed)) for seed in range(8)]
    assert verdicts([broken, *others])[0].outcome == "fails"


def test_what_is_clear_by_itself_is_not_so_among_nine() -> None:
    near = Draws(2.2, 2.2 + norm.ppf((np.arange(RESAMPLES) + 0.5) / RESAMPLES))
    alone, *_ = verdicts([claim([near])])
    among = verdicts([claim([near]), *(claim(drawn([0.0], seed=seed)) for seed in range(8))])[0]
    assert (alone.outcome, among.outcome) == ("holds", "undecided")
    assert "clear by itself" in among.reason


def test_holms_procedure_gives_the_hand_computed_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("correlation", "repeats"),
    [(0.8, 100), pytest.param(0.0, 1000, marks=pytest.mark.slow), pytest.param(0.8, 1000, marks=pytest.mark.slow)],
)
def test_the_chance_of_any_wrong_verdict_is_kept(correlation: float, repeats: int) -> None:
    """Each sentence stands where it is most easily taken for what it is not: one part at zero, the others far away.

    The first four are conjunctions that are not true, by a hair: it is wrong to say that they hold. The next four are
    true, by a hair in all parts: it is wrong to say that they fail. The last needs two of three and has one.
    """
    far = 8.0
    truths = [*[[0.0, *[far] * parts] for parts in (0, 2, 2, 8)], *[[0.0] * parts for parts in (1, 3, 3, 9)]]
    wrong = 0
    for repeat in range(repeats):
        quantities = [
            drawn(true, seed=10 * repeat + number, correlation=correlation, resamples=500)
            for number, true in enumerate([*truths, [far, 0.0, 0.0]])
        ]
        found = verdicts([*map(claim, quantities[:8]), claim(quantities[8], needed=2)])
        outcomes = [verdict.outcome for verdict in found]
        wrong += "holds" in [*outcomes[:4], outcomes[8]] or "fails" in outcomes[4:8]
    assert wrong / repeats <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / repeats)


def test_the_interval_of_a_ratio_is_fiellers() -> None:
    draw = np.random.default_rng(5)
    top, bottom = draw.normal(size=(2, 100_000))
    interval = ratio_interval(spread_about(3.0, top), spread_about(6.0, bottom))
    z = norm.ppf(0.975)
    roots = np.sort(np.roots([6.0**2 - z**2, -2 * 3.0 * 6.0, 3.0**2 - z**2]))
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(roots.tolist(), abs=0.02)


def test_a_ratio_to_what_may_be_zero_has_no_interval() -> None:
    noise = np.random.default_rng(6).normal(size=RESAMPLES)
    assert ratio_interval(spread_about(3.0, noise), spread_about(1.0, noise)) is None


def test_the_ratio_of_spreads_has_the_classical_interval() -> None:
    one, other = [1.0, 2.0, 3.0, 4.0, 6.0], [1.0, 1.5, 2.0, 2.2, 2.4]
    found = spread_part("", one, other)
    ratio = np.var(one, ddof=1) / np.var(other, ddof=1)
    expected = 0.5 * np.log(ratio / f.ppf([0.975, 0.025], 4, 4))
    assert (found.interval.low, found.interval.high) == pytest.approx(expected.tolist())
    with pytest.raises(LackingError, match="gave the same"):
        spread_part("", one, [1.0] * 5)


def test_spreads_are_told_apart_by_the_tails_of_f_and_not_of_the_normal_distribution() -> None:
    draw = np.random.default_rng(7)
    parts = [spread_part("", *draw.normal(size=(2, 5))) for _ in range(20_000)]
    above, below = np.array([part.p for part in parts]).T
    for level in (0.025, 0.005, 0.001):
        error = np.sqrt(level * (1 - level) / len(parts))
        assert [np.mean(p <= level) for p in (above, below)] == pytest.approx([level, level], abs=3 * error)


def test_a_ratio_of_spreads_that_only_the_normal_distribution_finds_clear_is_undecided_among_nine() -> None:
    ratio = 5.3
    found = Claim((spread_part("", [0.0, 0.0, 0.0, 0.0, ratio], [0.0, 0.0, 0.0, 0.0, 1.0]),), 1)
    assert 9 * norm.sf(np.log(ratio) / np.std(np.log(f.ppf((np.arange(999) + 0.5) / 999, 4, 4)) / 2)) < LEVEL / 2
    assert verdicts([found])[0].outcome == "holds"
    among = verdicts([found, *(claim(drawn([0.0], seed=seed)) for seed in range(8))])[0]
    assert among.outcome == "undecided"
    assert among.p == pytest.approx(2 * 9 * f.sf(ratio**2, 4, 4))
