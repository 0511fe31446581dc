"""What the gate compares, and when a number is worse, better or within its margin."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.added import add_model
from bench.bootstrap import Draws
from bench.errors import InputError
from reports.gate.checks import Check, Verdict
from reports.gate.expectation import Expectation, Number
from reports.gate.found import FoundStudy, check_records, read_found
from reports.gate.trained import comparability, trained_check, trained_checks
from reports.gate.update import expectation_of
from tests.gated_study import seeds_of, study


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> FoundStudy:
    return study(tmp_path_factory.mktemp("expected") / "out", seeds_of(0.3))


def verdicts(found: FoundStudy, expected: FoundStudy) -> set[Verdict]:
    checks = trained_checks(found, expectation_of(expected, "smoke"), expected.scores)
    return {check.verdict for check in checks}


def number(margin: float = 0.02, measure: str = "roc_auc") -> Number:
    return Number.model_validate(
        {"label": "gbt", "n_train": 40, "measure": measure, "mean": 0.6, "sd": 0.01, "margin": margin, "reason": ""}
    )


@pytest.mark.parametrize(
    ("measure", "change", "spread", "verdict"),
    [
        ("roc_auc", -0.05, 0.01, "worse"),
        ("roc_auc", -0.05, 0.03, "passed"),  # other test tracks might tell otherwise
        ("roc_auc", -0.019, 0.0, "passed"),
        ("roc_auc", -0.021, 0.0, "worse"),
        ("roc_auc", 0.021, 0.0, "better"),
        ("rmse", 0.05, 0.01, "worse"),
        ("rmse", -0.05, 0.01, "better"),
        ("roc_auc", 0.05, 0.03, "passed"),
    ],
)
def test_worse_is_what_lies_beyond_the_margin_with_its_whole_bound(
    measure: str, change: float, spread: float, verdict: str
) -> None:
    before = Draws(0.6, np.full(1000, 0.6))
    noise = np.random.default_rng(0).normal(0, spread, 1000) if spread else np.zeros(1000)
    now = Draws(0.6 + change, 0.6 + change + noise)
    check = trained_check(number(measure=measure), now, before, 0.02)
    assert check.verdict == verdict


def test_the_bounds_are_paired_on_the_same_test_tracks(expected: FoundStudy) -> None:
    scores = expected.scores[expected.study.rows[0].key]
    same = expected.measured(scores)["roc_auc"] - expected.measured(scores[::-1])["roc_auc"]
    assert np.abs(same.resamples).max() < 1e-12


def test_a_new_seed_of_the_same_model_passes(tmp_path: Path, expected: FoundStudy) -> None:
    assert verdicts(study(tmp_path / "out", seeds_of(0.3, range(7, 8))), expected) == {"passed"}


def test_several_new_seeds_pass_as_a_mean(tmp_path: Path, expected: FoundStudy) -> None:
    assert verdicts(study(tmp_path / "out", seeds_of(0.3, range(7, 10))), expected) == {"passed"}


def test_a_model_with_less_skill_is_worse(tmp_path: Path, expected: FoundStudy) -> None:
    assert "worse" in verdicts(study(tmp_path / "out", seeds_of(0.0, range(7, 8))), expected)


def test_a_model_with_more_skill_is_better(tmp_path: Path, expected: FoundStudy) -> None:
    assert verdicts(study(tmp_path / "out", seeds_of(0.95, range(7, 8))), expected) >= {"better"}


def not_comparable(found: FoundStudy, expectation: Expectation) -> list[Check]:
    return [check for check in comparability(found, expectation) if check.verdict == "not comparable"]


def test_a_study_is_comparable_with_itself(expected: FoundStudy) -> None:
    assert not_comparable(expected, expectation_of(expected, "smoke")) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda _: {"corpus": "embedded 0.9"}, "corpus"),
        (lambda e: {"tags": {**e.tags, "rock": "regression"}}, "tags"),
        (lambda e: {"tags": dict(reversed(e.tags.items()))}, "tags"),
        (lambda e: {"tracks": e.tracks.model_copy(update={"test": "other"})}, "test tracks"),
        (lambda e: {"tracks": e.tracks.model_copy(update={"valid": "other"})}, "validation tracks"),
        (lambda e: {"tracks": e.tracks.model_copy(update={"train": {40: "other"}})}, "training tracks at size 40"),
        (lambda e: {"models": {"gbt": {**e.models["gbt"], "settings": {"max_depth": 3}}}}, "settings of gbt"),
        (lambda e: {"models": {"gbt": {**e.models["gbt"], "min_positives": 5}}}, "settings of gbt"),
        (lambda e: {"numbers": [*e.numbers, e.numbers[0].model_copy(update={"label": "new"})]}, "rows of the table"),
        (lambda e: {"numbers": [e.numbers[0].model_copy(update={"n_train": 80})]}, "rows of the table"),
    ],
)
def test_what_is_another_study_is_not_compared(
    change: Callable[[Expectation], dict[str, object]], name: str, expected: FoundStudy
) -> None:
    expectation = expectation_of(expected, "smoke")
    (check,) = not_comparable(expected, expectation.model_copy(update=change(expectation)))
    assert check.name == name
    assert check.expected != check.found


def test_settings_that_differ_are_named(expected: FoundStudy) -> None:
    expectation = expectation_of(expected, "smoke")
    models = {"gbt": {**expectation.models["gbt"], "settings": {"max_depth": 3}, "threads": 2}}
    (check,) = not_comparable(expected, expectation.model_copy(update={"models": models}))
    assert check.expected == "no settings, settings.max_depth = 3, threads = 2"
    assert check.found == "settings = {}, no settings.max_depth, threads = 1"


def test_an_unfinished_study_is_not_compared(tmp_path: Path) -> None:
    found = study(tmp_path / "out", seeds_of(0.3, range(2)))
    (found.folder / "cells" / found.study.finished[1].cell.digest / "record.json").unlink()
    with pytest.raises(InputError, match="not finished: 1 of its cells are missing, the first gbt · 40 · seed 1;"):
        read_found(found.folder)
    assert read_found(found.folder, 0).scores.keys() == {("gbt", 40)}
    with pytest.raises(InputError, match="has no seed 7; those finished: 0"):
        read_found(found.folder, 7)


def test_models_that_others_added_are_not_gated(tmp_path: Path, expected: FoundStudy) -> None:
    found = study(tmp_path / "out", seeds_of(0.3, range(7, 8)))
    table = pd.DataFrame(found.scores["gbt", 40][0], columns=[tag.name for tag in found.test.tags])
    table.insert(0, "id", found.test.ids)
    table.to_csv(tmp_path / "theirs.csv", index=False)
    add_model(found.folder, found.record, tmp_path / "theirs.csv", label="theirs", n_train=40)
    again = read_found(found.folder)
    assert again.scores.keys() == {("gbt", 40)}
    assert verdicts(again, expected) == {"passed"}


@pytest.mark.parametrize(
    ("path", "told"), [(("metrics", "roc_auc"), "roc_auc 0.9 "), (("per_tag", "rock", "pr_auc"), "pr_auc 0.9 (rock)")]
)
def test_a_record_that_says_otherwise_than_its_predictions_fails(
    path: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    found = study(tmp_path / "out", seeds_of(0.3, range(2)))
    assert check_records(found).verdict == "passed"
    file = found.folder / "cells" / found.study.finished[1].cell.digest / "record.json"
    content = json.loads(file.read_text())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = 0.9
    file.write_text(json.dumps(content))
    check = check_records(read_found(found.folder))
    assert (check.verdict, check.name) == ("failed", "record of gbt · 40 · seed 1")
    assert f"{check.expected} ".startswith(told)


def test_predictions_that_were_changed_are_measured_anew(tmp_path: Path, expected: FoundStudy) -> None:
    found = study(tmp_path / "out", seeds_of(0.3, range(7, 8)))
    file = found.folder / "cells" / found.study.finished[0].cell.digest / "predictions.parquet"
    table = pd.read_parquet(file)
    table[["rock", "baroque"]] = 1 - table[["rock", "baroque"]]
    table.to_parquet(file, index=False)
    changed = read_found(found.folder)
    assert "worse" in verdicts(changed, expected)
    assert check_records(changed).verdict == "failed"
