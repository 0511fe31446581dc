"""Curves of known shape are found again, with where they meet; what the data cannot say is not said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq, least_squares

from bench.bootstrap import Draws
from bench.metrics import Float64Array
from reports.claims.evidence import ONE_GROUP, Evidence, Model, measured
from reports.curve_findings import CANNOT_SAY, curve_sections, draw_curves, fitted_curves
from reports.figures import svg
from reports.learning_curves import Curves, fit_curves, meeting
from reports.resampled import resample_study
from reports.study_folder import read_study_folder
from tests.factories import make_scores, make_test_part, write_scored_study

SIZES = (100, 250, 600, 1500, 4000, 10_000)
WAVEFORM, SPECTROGRAM = (0.10, 0.35, 0.40), (0.13, 0.25, 0.40)
Shape = tuple[float, float, float]


def error_at(size: float, shape: Shape) -> float:
    a, b, c = shape
    return float(a + b * (size / SIZES[0]) ** -c)


def meet(one: Shape, other: Shape) -> float:
    return float(brentq(lambda size: error_at(size, one) - error_at(size, other), SIZES[0], 1e9))


def exact(shape: Shape) -> list[Draws]:
    return [Draws(error_at(size, shape), np.full(2, error_at(size, shape))) for size in SIZES]


def observed(shapes: Sequence[Shape], seed: int, resamples: int = 200) -> list[list[Draws]]:
    """Return errors as a study finds them: all share what is odd about its test tracks, and each has its own noise."""
    draw = np.random.default_rng(seed)
    shared = draw.normal(scale=0.01, size=1 + resamples)
    return [[_noisy(error_at(size, shape), shared, draw) for size in SIZES] for shape in shapes]


def _noisy(true: float, shared: Float64Array, draw: np.random.Generator) -> Draws:
    own = draw.normal(scale=0.002, size=len(shared))
    value = true + shared[0] + own[0]
    return Draws(value, value + shared[1:] + own[1:])


def _misses(shape: Float64Array, known: Float64Array) -> Float64Array:
    a, b, c = shape
    return np.array([error_at(size, (a, b, c)) for size in SIZES]) - known


def fitted(shape: Shape) -> Curves:
    return fit_curves(SIZES, exact(shape))


@pytest.mark.parametrize("shape", [WAVEFORM, SPECTROGRAM, (0.0, 0.4, 0.2), (0.3, 0.0, 1.0)])
def test_a_curve_without_noise_is_found_again(shape: Shape) -> None:
    sizes = np.array([*SIZES, 50_000.0])
    expected = [error_at(size, shape) for size in sizes]
    np.testing.assert_allclose(fitted(shape).at(sizes), [expected] * 3, atol=1e-6)


def test_the_fit_misses_no_more_than_a_bounded_search_does() -> None:
    (errors,) = observed([SPECTROGRAM], seed=1, resamples=20)
    columns = np.stack([np.append(error.value, error.resamples) for error in errors], axis=1)
    misses = ((fit_curves(SIZES, errors).at(np.array(SIZES, dtype=float)) - columns) ** 2).sum(axis=1)
    for values, miss in zip(columns, misses, strict=True):
        searched = least_squares(
            _misses,
            args=(values,),
            x0=(0.1, 0.3, 0.4),
            bounds=([0, 0, 0.01], [np.inf, np.inf, 4]),
        )
        assert miss <= 2 * searched.cost + 1e-12


def test_errors_that_rise_are_taken_as_constant_and_none_is_below_zero() -> None:
    rising = fit_curves(SIZES, exact((0.5, -0.2, 0.3)))
    assert (rising.b == 0).all()
    falling_to_nothing = fit_curves(SIZES, exact((-0.1, 0.5, 0.2)))
    assert (falling_to_nothing.a == 0).all()


def test_two_curves_meet_where_they_are_known_to() -> None:
    near, far = (0.112, 0.29, 0.40), (0.101, 0.31, 0.38)
    for other in (SPECTROGRAM, near, far):
        assert meeting(fitted(WAVEFORM), fitted(other), SIZES[-1]).size == pytest.approx(
            meet(WAVEFORM, other), rel=0.001
        )


@pytest.mark.parametrize("repeats", [60, pytest.param(400, marks=pytest.mark.slow)])
def test_the_interval_holds_the_true_meeting_about_as_often_as_it_says(repeats: int) -> None:
    true, held = meet(WAVEFORM, SPECTROGRAM), 0
    for repeat in range(repeats):
        upper, lower = (fit_curves(SIZES, errors) for errors in observed([WAVEFORM, SPECTROGRAM], seed=repeat))
        interval = meeting(upper, lower, SIZES[-1]).interval
        held += interval.low <= true <= interval.high
    assert 0.88 <= held / repeats <= 0.99


def test_curves_that_never_meet_are_told_apart_from_those_that_have() -> None:
    better, worse = fitted((0.1, 0.3, 0.4)), fitted((0.2, 0.3, 0.4))
    apart = meeting(worse, better, SIZES[-1])
    assert (apart.size, apart.interval.high, apart.apart, apart.is_known) == (np.inf, np.inf, 1.0, False)
    passed = meeting(better, worse, SIZES[-1])
    assert (passed.size, passed.interval.low, passed.passed, passed.is_known) == (0.0, 0.0, 1.0, False)


def study(waveform: Shape, spectrogram: Shape, sizes: Sequence[int] = SIZES, seed: int = 0) -> Evidence:
    found = observed([waveform, spectrogram], seed)
    models = {}
    for family, errors in zip(("waveform", "spectrogram"), found, strict=True):
        by_size = dict(zip(SIZES, errors, strict=True))
        values = {size: {"rmse": by_size[size]} for size in sizes}
        models[family] = Model(f"{family} *net*", tuple(sizes), values)
    return Evidence(models)


def told(evidence: Evidence) -> str:
    return "\n\n".join(curve_sections(evidence, fitted_curves(evidence)))


def test_with_fewer_than_five_sizes_the_data_cannot_say() -> None:
    text = told(study(WAVEFORM, SPECTROGRAM, SIZES[:4]))
    assert f"- {CANNOT_SAY}: that takes 5 training sizes or more, and the study has 4." in text
    assert "|" not in text


def test_with_five_sizes_the_meeting_is_told_with_its_interval() -> None:
    text = told(study(WAVEFORM, SPECTROGRAM, SIZES[1:]))
    assert "**√MSE.** The waveform model meets the spectrogram model at " in text
    assert "| √MSE  | waveform \\*net\\*" in text


def test_what_lies_too_far_away_is_not_told_but_how_often_it_does() -> None:
    text = told(study((0.13, 0.35, 0.4), (0.13, 0.25, 0.4)))
    assert CANNOT_SAY in text
    assert "% of the resamples the curves do not meet within 1,000 times the largest size" in text
    assert "tracks they do not meet." in text


def test_a_waveform_model_that_is_never_worse_has_nowhere_to_meet() -> None:
    text = told(study(SPECTROGRAM, WAVEFORM))
    assert "in 100 % of the resamples it is not the worse one even at the smallest size." in text


def test_a_study_of_one_network_is_told_what_it_lacks() -> None:
    whole = study(WAVEFORM, SPECTROGRAM)
    text = told(Evidence({"spectrogram": whole.models["spectrogram"]}))
    assert f"{CANNOT_SAY}: the study has no waveform entry." in text


def test_the_figure_has_the_same_bytes_from_the_same_numbers() -> None:
    curves = fitted_curves(study(WAVEFORM, SPECTROGRAM))
    assert svg(draw_curves(curves)) == svg(draw_curves(curves))


def test_test_tracks_of_one_group_have_no_curves(tmp_path: Path) -> None:
    test = make_test_part(60)
    alone = replace(test, groups=np.full(len(test), "the only one"))
    cells = {(label, size, 0): make_scores(alone, skill=0.2) for label in ("waveform", "spectrogram") for size in SIZES}
    out = write_scored_study(tmp_path, alone, cells)
    text = told(measured(resample_study(read_study_folder(out), out)))
    assert text.split("\n\n")[1:] == [f"- {CANNOT_SAY}: {ONE_GROUP}."]
