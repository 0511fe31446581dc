"""The gain of spectrogram over waveform, the best rows, and their order."""

import math

from hypothesis import given
from hypothesis import strategies as st

from bench.record import Measures
from reports.rows import MEASURES, Row, against_exact_labels, best_rows, gains, in_paper_order, mean_measures

ROC_AUC, PR_AUC, RMSE = MEASURES
fractions = st.none() | st.floats(0, 1)
measures = st.builds(Measures, roc_auc=fractions, pr_auc=fractions, rmse=fractions)


def make_row(label: str, n_train: int = 100, *, family: str = "", pair: str = "", **values: float | None) -> Row:
    scores = Measures.model_validate({"roc_auc": 0.5, "pr_auc": 0.5, "rmse": 0.5} | values)
    return Row(label, family or label, pair, n_train, per_seed=(scores,))


@given(measures, measures)
def test_exchanging_the_scores_of_a_pair_negates_its_delta(one: Measures, other: Measures) -> None:
    def delta_of(waveform: Measures, spectrogram: Measures) -> Measures:
        pair = [Row("w", "waveform", "p", 1, (waveform,)), Row("s", "spectrogram", "p", 1, (spectrogram,))]
        return gains(pair)["s", 1]

    there, back = delta_of(one, other), delta_of(other, one)
    for measure in MEASURES:
        forth, reverse = measure.of(there), measure.of(back)
        assert (forth is None) == (measure.of(one) is None or measure.of(other) is None)
        assert (forth is None and reverse is None) or (reverse is not None and forth == -reverse)


def test_delta_is_positive_where_spectrogram_is_better_and_stands_on_both_rows() -> None:
    rows = [
        make_row("w", family="waveform", pair="p", roc_auc=0.5, pr_auc=0.75, rmse=0.25),
        make_row("s", family="spectrogram", pair="p", roc_auc=0.75, pr_auc=0.5, rmse=0.125),
    ]
    expected = Measures(roc_auc=0.25, pr_auc=-0.25, rmse=0.125)
    assert gains(rows) == {("w", 100): expected, ("s", 100): expected}


def test_delta_needs_the_same_seeds_on_both_rows() -> None:
    some = Measures(roc_auc=0.5, pr_auc=0.5, rmse=0.5)
    waveform = Row("w", "waveform", "p", 100, (some, some), seeds=(0, 1))
    assert gains([waveform, Row("s", "spectrogram", "p", 100, (some,), seeds=(0,))]) == {}
    assert set(gains([waveform, Row("s", "spectrogram", "p", 100, (some, some), seeds=(1, 0))])) == {
        ("w", 100),
        ("s", 100),
    }


def test_delta_needs_one_waveform_and_one_spectrogram_row_of_the_same_pair_and_size() -> None:
    waveform = make_row("w", family="waveform", pair="p")
    assert gains([waveform]) == {}
    assert gains([waveform, make_row("s", family="spectrogram", pair="q")]) == {}
    assert gains([waveform, make_row("s", family="spectrogram", pair="p", n_train=200)]) == {}
    assert gains([waveform, make_row("w2", family="waveform", pair="p")]) == {}
    unpaired = [make_row("w", family="waveform"), make_row("s", family="spectrogram")]
    assert gains(unpaired) == {}
    third = [waveform, *(make_row(name, family="spectrogram", pair="p") for name in ("s", "s2"))]
    assert gains(third) == {}


def test_two_pairs_of_one_study_have_a_delta_each() -> None:
    rows = [
        make_row("w", family="waveform", pair="wide", roc_auc=0.5),
        make_row("s", family="spectrogram", pair="wide", roc_auc=0.625),
        make_row("w narrow", family="waveform", pair="narrow", roc_auc=0.5),
        make_row("s narrow", family="spectrogram", pair="narrow", roc_auc=0.75),
    ]
    found = gains(rows)
    assert [found[row.key].roc_auc for row in rows] == [0.125, 0.125, 0.25, 0.25]


@given(st.lists(measures, min_size=1, max_size=6))
def test_no_row_is_better_than_a_best_one(scores: list[Measures]) -> None:
    rows = [Row(str(number), "gbt", "", 1, (one,)) for number, one in enumerate(scores)]
    for measure in MEASURES:
        best = best_rows(rows, measure)
        for row in rows:
            losses = [measure.gain(row.metrics, other.metrics) for other in rows]
            beaten = any(loss is not None and loss < 0 for loss in losses)
            assert (row.key in best) == (measure.of(row.metrics) is not None and not beaten)


def test_rows_that_tie_exactly_are_all_best_and_a_tie_in_print_only_is_none() -> None:
    rows = [make_row("a", roc_auc=0.75), make_row("b", roc_auc=0.75), make_row("c", roc_auc=0.7499999)]
    assert best_rows(rows, ROC_AUC) == {("a", 100), ("b", 100)}


def test_the_lowest_error_is_the_best() -> None:
    assert best_rows([make_row("a", rmse=0.1), make_row("b", rmse=0.2)], RMSE) == {("a", 100)}


def test_a_row_is_the_mean_of_the_measures_of_its_seeds() -> None:
    seeds = [Measures(roc_auc=0.5, pr_auc=0.25, rmse=0.1), Measures(roc_auc=1.0, pr_auc=0.75, rmse=0.3)]
    mean = mean_measures(seeds)
    assert (mean.roc_auc, mean.pr_auc) == (0.75, 0.5)
    assert mean.rmse is not None
    assert math.isclose(mean.rmse, 0.2)


def test_a_measure_that_one_seed_lacks_has_no_mean() -> None:
    seeds = [Measures(roc_auc=0.5, pr_auc=None, rmse=None), Measures(roc_auc=0.75, pr_auc=0.5, rmse=None)]
    assert mean_measures(seeds) == Measures(roc_auc=0.625, pr_auc=None, rmse=None)


def test_sizes_descend_and_spectrogram_stands_directly_under_its_waveform() -> None:
    rows = [
        make_row("spectrogram", 10, pair="p"),
        make_row("prior", 10),
        make_row("narrow", 10, family="waveform", pair="q"),
        make_row("waveform", 10, pair="p"),
        make_row("gbt", 20),
        make_row("gbt", 10),
        make_row("narrow s", 10, family="spectrogram", pair="q"),
    ]
    order = [row.key for row in in_paper_order(rows)]
    assert order[:3] == [("gbt", 20), ("prior", 10), ("gbt", 10)]
    assert order[3:] == [("waveform", 10), ("spectrogram", 10), ("narrow", 10), ("narrow s", 10)]


def test_exact_labels_take_the_place_of_the_annotators_and_rows_without_them_are_left_out() -> None:
    exact = Measures(roc_auc=0.9, pr_auc=0.8, rmse=0.1)
    noisy = Measures(roc_auc=0.7, pr_auc=0.6, rmse=0.2)
    rows = [Row("a", "gbt", "", 1, (noisy,), exact_per_seed=(exact,)), make_row("b")]
    assert [(row.label, row.metrics) for row in against_exact_labels(rows)] == [("a", exact)]
