"""Laws are found in a few measurements, and their intervals grow with noise and with how far they are drawn."""

import numpy as np
import pytest

from bench.plan.growth import Form, Law, Measurements, fit_laws

SIZES = np.array([1000.0, 2000.0, 4000.0])


def law(costs: np.ndarray, amounts: np.ndarray | None = None, form: Form = "linear", least_noise: float = 0.05) -> Law:
    design = np.stack([np.ones_like(SIZES), SIZES], axis=1) if amounts is None else amounts
    return fit_laws({"it": Measurements(design, costs, form, 0.001)}, least_noise=least_noise)["it"]


def test_a_fixed_cost_and_a_price_are_told_apart() -> None:
    found = law(5 + 0.01 * SIZES).at((1, 1_000_000))
    assert found.mid == pytest.approx(10_005)
    assert found.low < found.mid < found.high


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
def test_a_power_is_found_where_nothing_is_known_of_a_cost(exponent: float) -> None:
    found = law(2e-5 * SIZES**exponent, SIZES[:, None], "power")
    assert found.at((1e6,)).mid == pytest.approx(2e-5 * 1e6**exponent)


def test_a_cost_that_is_fixed_for_few_tracks_is_still_taken_to_grow_with_them() -> None:
    found = law(np.array([4.9, 4.6, 5.6]), SIZES[:, None], "power")
    assert found.at((1e6,)).mid > 100


def test_a_cost_that_does_not_grow_is_not_drawn_below_what_was_measured() -> None:
    assert law(np.array([3.0, 2.0, 1.0])).at((1, 1e6)).mid >= 1.0
    assert law(np.array([3.0, 2.0, 1.0]), SIZES[:, None], "power").at((1e6,)).mid >= 1.0


def test_an_interval_is_wider_the_further_a_law_is_drawn_and_the_noisier_it_is() -> None:
    quiet, noisy = law(5 + 0.01 * SIZES), law(5 + 0.01 * SIZES * np.array([1.2, 0.8, 1.1]))
    near, far = quiet.at((1, 4000)), quiet.at((1, 4_000_000))
    assert near.high / near.mid < far.high / far.mid
    assert far.high / far.mid < noisy.at((1, 4_000_000)).high / noisy.at((1, 4_000_000)).mid


def test_the_noise_of_all_laws_is_one_and_a_cost_too_small_to_be_measured_tells_nothing_of_it() -> None:
    design = np.stack([np.ones_like(SIZES), SIZES], axis=1)
    steady = Measurements(design, 5 + 0.01 * SIZES, "linear", 0.1)
    tiny = Measurements(design, np.array([0.01, 0.09, 0.0]), "linear", 0.1)
    laws = fit_laws({"steady": steady, "tiny": tiny}, least_noise=0.02)
    assert laws["steady"].noise == laws["tiny"].noise == 0.02


def test_prices_of_amounts_that_grow_together_are_still_good_for_their_sum() -> None:
    amounts = np.stack([SIZES, 10 * SIZES], axis=1)
    assert law(0.21 * SIZES, amounts).at((8000, 80_000)).mid == pytest.approx(0.21 * 8000)


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_intervals_hold_what_they_should(share: float) -> None:
    draw = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        design = np.stack([np.ones(6), np.tile(SIZES, 2)], axis=1)
        costs = (5 + 0.01 * design[:, 1]) * (1 + share * draw.standard_normal(6))
        measured = {number: Measurements(design, costs, "linear", 0.001) for number in range(2)}
        found = fit_laws(measured, least_noise=0.01)[0].at((1, 1e5))
        inside += found.low <= 1005 <= found.high
    assert inside >= 160  # four measurements more than prices: two standard errors hold some 88 %
