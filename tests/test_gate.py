"""The gate's verdicts: what a margin is, what is worse, better or not to be compared, and how it is told."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.added import add_model
from bench.bootstrap import Draws
from bench.corpus import Tag
from bench.errors import BetterThanExpectedError, InputError, StudyFailedError
from reports.gate.checks import Check, Gated, Verdict, within
from reports.gate.expectation import (
    Expectation,
    Number,
    predictions_file,
    read_expectation,
    read_predictions,
    write_expectation,
    write_predictions,
)
from reports.gate.found import FoundStudy, check_records, read_found
from reports.gate.freezing import frozen_cells
from reports.gate.frozen import pack, relative_difference, unpack
from reports.gate.margins import FLOOR, margin_for, margin_of
from reports.gate.page import junit, page
from reports.gate.trained import comparability, trained_check, trained_checks
from reports.gate.update import expectation_of
from reports.rows import MEASURES
from tests.factories import SCORED_TAGS, make_scores, make_test_part, write_scored_study

ROC_AUC, _, RMSE = MEASURES
HOSTILE = 'a | b "c" <d> \x00 ' + "é/" * 150


def study(out: Path, skills: dict[tuple[str, int, int], float], tags: tuple[Tag, ...] = SCORED_TAGS) -> FoundStudy:
    """Write a study by label, size and seed whose models have these skills, and read it as the gate does."""
    test = make_test_part(tags=tags)
    scores = {cell: make_scores(test, skill=skill, seed=cell[2]) for cell, skill in skills.items()}
    write_scored_study(out, test, scores)
    return read_found(out)


def seeds_of(skill: float, seeds: range = range(5), label: str = "gbt") -> dict[tuple[str, int, int], float]:
    return {(label, 40, seed): skill for seed in seeds}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> FoundStudy:
    return study(tmp_path_factory.mktemp("expected") / "out", seeds_of(0.3))


def verdicts(found: FoundStudy, expected: FoundStudy) -> set[Verdict]:
    checks = trained_checks(found, expectation_of(expected, "smoke"), expected.scores)
    return {check.verdict for check in checks}


def test_a_margin_is_half_a_prediction_interval_shared_among_all_numbers() -> None:
    margin = margin_of([[0.5, 0.52, 0.54]], ROC_AUC, n_numbers=1)
    assert margin.deviation == pytest.approx(0.02)
    assert margin.margin == pytest.approx(9.925 * 0.02 * math.sqrt(1 + 1 / 3), rel=1e-4)  # t of 2, 0.995 in any book
    assert margin.reason.startswith("seed SD 2.00 points over 3 seeds; margin = t · SD · √(1 + 1/3), t = 9.92 for 2 ")
    assert margin_of([[0.5, 0.52, 0.54]], ROC_AUC, n_numbers=30).margin > margin.margin


def test_the_sizes_of_a_model_share_their_spread() -> None:
    margin = margin_of([[0.5, 0.52, 0.54], [0.7, 0.7, 0.7]], ROC_AUC, n_numbers=1)
    assert margin.deviation == pytest.approx(0.02 / math.sqrt(2))
    assert margin.margin == pytest.approx(4.604 * margin.deviation * math.sqrt(1 + 1 / 3), rel=1e-4)
    assert "over 2 sizes × 3 seeds" in margin.reason


def test_where_all_seeds_give_the_same_rounding_alone_is_allowed() -> None:
    margin = margin_of([[0.25, 0.25, 0.25]], RMSE, n_numbers=30)
    assert (margin.deviation, margin.margin) == (0, FLOOR)
    assert margin.reason == "seeds differ by next to nothing (SD 0.0000); 0.0010, for rounding between machines"


def test_new_seeds_are_within_the_margins_as_often_as_is_said() -> None:
    known = margin_of([[0.4, 0.5, 0.5, 0.5, 0.6], [0.4, 0.5, 0.5, 0.5, 0.6]], ROC_AUC, n_numbers=1)
    seeds = np.random.default_rng(0).normal(0.5, 0.02, (20_000, 2, 5))
    new = np.random.default_rng(1).normal(0.5, 0.02, 20_000)
    margins = known.margin / known.deviation * np.sqrt(seeds.var(axis=2, ddof=1).mean(axis=1))
    assert np.mean(np.abs(new - seeds[:, 0].mean(axis=1)) > margins) == pytest.approx(0.01, abs=0.002)


@given(st.integers(1, 20), st.integers(2, 20), st.floats(FLOOR, 0.5))
def test_the_mean_of_several_seeds_is_allowed_less(found: int, expected: int, margin: float) -> None:
    allowed = margin_for(margin, n_expected=expected, n_found=found)
    assert FLOOR <= allowed <= margin * (1 + 1e-12)
    assert margin_for(margin, n_expected=expected, n_found=1) == pytest.approx(margin)


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


def test_an_expectation_comes_back_from_its_files(tmp_path: Path) -> None:
    tags = (Tag("seed", "classification"), Tag("label", "classification"), Tag(HOSTILE, "regression"))
    found = study(tmp_path / "out", seeds_of(0.3, range(3), label='we "gbt"'), tags)
    expectation, file = expectation_of(found, "smoke"), tmp_path / "smoke.toml"
    write_expectation(expectation, file)
    write_predictions(found.test, found.scores, file)
    assert read_expectation(file) == expectation
    back = read_predictions(expectation, found.test, file)
    assert {key: scores.tolist() for key, scores in back.items()} == {
        key: scores.tolist() for key, scores in found.scores.items()
    }


def test_the_same_study_gives_the_same_expectation_to_the_byte(tmp_path: Path, expected: FoundStudy) -> None:
    written = []
    for name in ("one", "two"):
        file = tmp_path / name / "smoke.toml"
        file.parent.mkdir()
        write_expectation(expectation_of(expected, "smoke"), file)
        write_predictions(expected.test, expected.scores, file)
        written.append([file.read_bytes(), predictions_file(file).read_bytes()])
    assert written[0] == written[1]


@pytest.mark.parametrize(("precision", "frozen"), [("float32", {"waveform"}), ("bf16", set())])
def test_a_network_whose_scores_no_two_processors_share_is_not_frozen(
    precision: str, frozen: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = make_test_part()
    scores = {("waveform", size, seed): make_scores(test, skill=0.3) for size in (40, 80) for seed in (0, 1)}
    write_scored_study(tmp_path / "out", test, scores, settings={"precision": precision})
    found = read_found(tmp_path / "out")
    chosen = dict(frozen_cells(found))
    assert set(chosen) == frozen
    if frozen:
        assert chosen["waveform"] == found.study.finished[0].cell.digest  # the smallest size, the first seed
    else:
        assert "it is not frozen" in capsys.readouterr().err


def damaged(file: Path) -> None:
    predictions_file(file).write_bytes(b"PAR1")


def of_other_tracks(file: Path) -> None:
    table = pd.read_parquet(predictions_file(file))
    table.assign(id="x" + table["id"]).to_parquet(predictions_file(file))


def of_other_seeds(file: Path) -> None:
    table = pd.read_parquet(predictions_file(file))
    table[table["seed"] == 0].to_parquet(predictions_file(file))


@pytest.mark.parametrize("fault", [damaged, of_other_tracks, of_other_seeds])
def test_predictions_that_do_not_belong_to_an_expectation_are_refused(
    fault: Callable[[Path], None], tmp_path: Path, expected: FoundStudy
) -> None:
    file = tmp_path / "smoke.toml"
    write_predictions(expected.test, expected.scores, file)
    fault(file)
    with pytest.raises(InputError, match=r"smoke.parquet (cannot be read|is not of).*--update"):
        read_predictions(expectation_of(expected, "smoke"), expected.test, file)


def test_a_mean_that_is_not_that_of_the_expected_predictions_is_refused(expected: FoundStudy) -> None:
    expectation = expectation_of(expected, "smoke")
    changed = [expectation.numbers[0].model_copy(update={"mean": 0.9}), *expectation.numbers[1:]]
    with pytest.raises(InputError, match="mean gbt · 40 · ROC-AUC % is not that of the expected predictions"):
        list(trained_checks(expected, expectation.model_copy(update={"numbers": changed}), expected.scores))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("margin = ", "margin = -", "numbers.0.margin: input should be greater than 0"),
        ("mean = ", "meen = ", "numbers.0.mean: is missing"),
        ("[tracks]", "[tracks", "cannot be read"),
    ],
)
def test_a_mistake_in_an_expectation_is_named(
    old: str, new: str, said: str, tmp_path: Path, expected: FoundStudy
) -> None:
    file = tmp_path / "smoke.toml"
    write_expectation(expectation_of(expected, "smoke"), file)
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=f"smoke.toml:? {said}"):
        read_expectation(file)


def check(verdict: Verdict, name: str = "gbt · 40", order: float = 0.0) -> Check:
    return Check("trained models", name, verdict, "0.5", "0.4", order=order)


@pytest.mark.parametrize(
    ("found", "verdict", "raised"),
    [
        (["passed", "better"], "better", BetterThanExpectedError),
        (["better", "worse", "passed"], "worse", StudyFailedError),
        (["better", "failed", "passed"], "failed", StudyFailedError),
        (["worse", "not comparable"], "not comparable", InputError),
    ],
)
def test_the_gravest_verdict_counts(found: list[Verdict], verdict: Verdict, raised: type[Exception]) -> None:
    gated = Gated("smoke", tuple(check(one) for one in found))
    assert gated.verdict == verdict
    with pytest.raises(raised):
        gated.end()


def test_the_page_has_the_worst_first_and_no_markup_of_others() -> None:
    checks = (check("passed", HOSTILE, 0.2), check("passed", "mild", 0.1), check("worse", "bad", 2), check("better"))
    lines = [line for line in page(Gated("smoke", checks)).splitlines() if line.startswith("|")]
    assert [line[2:7].strip() for line in lines[2:6]] == ["bad", "gbt ·", "a \\|", "mild"]
    assert len({line.replace("\\|", "").count("|") for line in lines[:6]}) == 1
    assert "<d>" not in page(Gated("smoke", checks))


def test_junit_is_what_ci_reads() -> None:
    checks = (check("passed"), check("worse", HOSTILE), check("better"), check("failed"), check("not comparable"))
    suites = ET.fromstring(junit(Gated("smoke", checks)))  # noqa: S314 - our own
    (suite,) = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "3",
        "errors": "1",
    }
    assert all(case.tag == "testcase" and case.attrib.keys() == {"classname", "name"} for case in suite)
    outcomes = [[(outcome.tag, outcome.attrib["type"]) for outcome in case] for case in suite]
    assert outcomes == [
        [],
        [("failure", "worse")],
        [("failure", "better")],
        [("failure", "failed")],
        [("error", "not comparable")],
    ]
    assert suite[1].attrib["name"] == HOSTILE.replace("\x00", "�")


def test_a_descriptor_is_off_relative_to_its_size_in_any_song() -> None:
    table = pd.DataFrame({"a": [100.0, 1e-6, 0.0], "b": [math.nan, 0.0, 0.0]})
    assert relative_difference(table, table) == 0
    assert relative_difference(table, table.assign(a=[100.0, 2e-3, 0.0])) == pytest.approx(2e-5, rel=1e-3)
    assert relative_difference(table, table.assign(b=[math.nan, 0.5, 0.0])) == 0.5
    for other in (table.assign(b=0.0), table.rename(columns={"a": "c"}), table[:2]):
        assert math.isnan(relative_difference(table, other))


@pytest.mark.parametrize(("off", "verdict"), [(1e-6, "passed"), (1e-4, "failed"), (math.nan, "failed")])
def test_what_is_no_number_is_never_within_a_limit(off: float, verdict: str) -> None:
    assert within("frozen models", "scores", off, 1e-5).verdict == verdict


def test_an_archive_comes_back_and_is_the_same_to_the_byte(tmp_path: Path) -> None:
    (tmp_path / "in" / "model").mkdir(parents=True)
    (tmp_path / "in" / "model" / "a.json").write_text("{}")
    pack(tmp_path / "in", tmp_path / "one.zip")
    unpack(tmp_path / "one.zip", tmp_path / "out")
    assert (tmp_path / "out" / "model" / "a.json").read_text() == "{}"
    pack(tmp_path / "out", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 and no more"])
def test_a_damaged_archive_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "smoke.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"smoke.zip cannot be read"):
        unpack(tmp_path / "smoke.zip", tmp_path / "out")
