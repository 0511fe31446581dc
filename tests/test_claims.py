"""Each of the paper's sentences holds, fails or stays undecided where the predictions say so; so do printed tables."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.corpus import Float32Array, Tag
from reports.claims.evidence import ONE_GROUP, measured
from reports.claims.sentences import SENTENCES
from reports.claims.verdicts import Outcome, Verdict
from reports.claims.writing import claim_notes, claims_json, claims_sections, judge, judge_study, judge_table
from reports.published import published
from reports.resampled import ResampledStudy, resample_study
from reports.study_folder import read_study_folder
from tests.factories import make_record, make_scores, make_test_part, write_scored_study

SMALL, LARGE = 40, 320
Scores = dict[tuple[str, int, int], Float32Array]
TEST = make_test_part(300)
CLASSES = TEST.tag_rows("classification")


@dataclass
class Predicted:
    """What the cells of a study predicted, and what else is told of it."""

    scores: Scores
    said: dict[str, Any] = field(default_factory=dict)


def by_skill(*, noise: bool = False, **skills: tuple[float, ...]) -> Predicted:
    """Return models of some skill at both sizes, or at the largest; with `noise` each has its own, otherwise one."""
    scores: Scores = {}
    for label, each in skills.items():
        for size, skill in zip((SMALL, LARGE)[-len(each) :], each, strict=True):
            seed = len(scores) if noise else 0
            scores[label, size, 0] = make_scores(TEST, skill=skill, seed=seed)
    return Predicted(scores)


def with_false_alarms(scores: Float32Array) -> Float32Array:
    """Return scores that rank a few negatives above all else: this costs precision above all."""
    wrong = (TEST.targets == 0) & (scores > np.quantile(scores, 0.8, axis=0))
    wrong[:, TEST.tag_rows("regression")] = False
    return np.where(wrong, np.float32(1), scores)


def gain_in_precision(*, gained: bool) -> Predicted:
    good = make_scores(TEST, skill=0.2)
    scores: Scores = {("gbt", LARGE, 0): with_false_alarms(good) if gained else good}
    better = good if gained else make_scores(TEST, skill=0.2)
    if not gained:
        graded = TEST.tag_rows("regression")
        better[:, graded] = TEST.targets[:, graded]
    return Predicted(scores | {(label, LARGE, 0): better for label in ("waveform", "spectrogram")})


def whole_songs(*, windows: float, whole: float, noise: int = 0) -> Predicted:
    networks = [(label, LARGE, 0) for label in ("waveform", "spectrogram")]
    songs = {cell: make_scores(TEST, skill=whole, seed=noise) for cell in networks}
    return Predicted({cell: make_scores(TEST, skill=windows) for cell in networks}, {"whole_song": songs})


def residual_entries(*, seeds: int = 6, spread: float, plain_spread: float, help_: float) -> Predicted:
    """Return a network with and without residual connections, each seed with a skill of its own."""
    steps = np.linspace(-1, 1, seeds)
    scores: Scores = {}
    for seed, step in enumerate(steps):
        scores["waveform", LARGE, seed] = make_scores(TEST, skill=0.2 + help_ + spread * step)
        scores["plain", LARGE, seed] = make_scores(TEST, skill=0.2 + plain_spread * step)
    settings = {label: {"residual": label == "waveform", "dropout": 0.5} for label in ("waveform", "plain")}
    of_label = {label: {"family": "waveform", "settings": said} for label, said in settings.items()}
    return Predicted(scores, {"of_label": of_label})


def popularity(network: Float32Array, baseline: Float32Array) -> Predicted:
    return Predicted({("gbt", LARGE, 0): baseline, ("spectrogram", LARGE, 0): network})


def by_prevalence(power: float) -> Float32Array:
    """Return as the score of each tag its prevalence to some power, for every track."""
    prevalence = TEST.targets.mean(axis=0)
    return np.tile(prevalence**power, (len(TEST), 1)).astype(np.float32)


def of_right_tags(scores: Float32Array) -> Float32Array:
    """Return scores that are twice as high where the annotators gave the tag."""
    return (scores * (0.5 + 0.5 * TEST.targets)).astype(np.float32)


def of_either_tag() -> Float32Array:
    """Return scores that hear that one of two exclusive tags is there, but not which."""
    scores = np.full(TEST.targets.shape, 0.1, dtype=np.float32)
    scores[:, :2] += 0.6 * TEST.targets[:, :2].sum(axis=1, keepdims=True)
    return scores


def of_one_tag_each() -> Float32Array:
    """Return scores that give each track one of two exclusive tags, and of four tracks one the wrong tag."""
    scores = np.full(TEST.targets.shape, 0.1, dtype=np.float32)
    right = np.arange(len(TEST)) % 4 > 0
    scores[:, 0] += 0.6 * (right == (TEST.targets[:, 0] > 0))
    scores[:, 1] = 0.8 - scores[:, 0]
    return scores


ALL_HIGH = np.full(TEST.targets.shape, 0.7, dtype=np.float32)

CASES: Mapping[tuple[int, Outcome], Callable[[], Predicted]] = {
    (0, "holds"): lambda: by_skill(waveform=(0.1, 0.2), spectrogram=(0.2, 0.3)),
    (0, "fails"): lambda: by_skill(waveform=(0.1, 0.3), spectrogram=(0.2, 0.2)),
    (0, "undecided"): lambda: by_skill(waveform=(0.2, 0.2), spectrogram=(0.2, 0.2), noise=True),
    (1, "holds"): lambda: by_skill(gbt=(0.2, 0.2), spectrogram=(0.1, 0.3)),
    (1, "fails"): lambda: by_skill(gbt=(0.2, 0.2), spectrogram=(0.3, 0.1)),
    (1, "undecided"): lambda: by_skill(gbt=(0.2, 0.2), spectrogram=(0.2, 0.2), noise=True),
    (2, "holds"): lambda: by_skill(gbt=(0.2, 0.3), waveform=(0.1, 0.4), spectrogram=(0.1, 0.4)),
    (2, "fails"): lambda: by_skill(gbt=(0.2, 0.3), waveform=(0.1, 0.4), spectrogram=(0.3, 0.4)),
    (2, "undecided"): lambda: by_skill(gbt=(0.2, 0.2), waveform=(0.2, 0.2), spectrogram=(0.2, 0.2), noise=True),
    (3, "holds"): lambda: by_skill(waveform=(0.05, 0.29), spectrogram=(0.25, 0.3)),
    (3, "fails"): lambda: by_skill(waveform=(0.2, 0.1), spectrogram=(0.25, 0.3)),
    (3, "undecided"): lambda: by_skill(waveform=(0.2, 0.2), spectrogram=(0.2, 0.2), noise=True),
    (4, "holds"): lambda: gain_in_precision(gained=True),
    (4, "fails"): lambda: gain_in_precision(gained=False),
    (4, "undecided"): lambda: by_skill(gbt=(0.2,), waveform=(0.2,), spectrogram=(0.2,), noise=True),
    (5, "holds"): lambda: whole_songs(windows=0.3, whole=0.2),
    (5, "fails"): lambda: whole_songs(windows=0.2, whole=0.3),
    (5, "undecided"): lambda: whole_songs(windows=0.2, whole=0.2, noise=1),
    (6, "holds"): lambda: residual_entries(spread=0.001, plain_spread=0.05, help_=0.1),
    (6, "fails"): lambda: residual_entries(spread=0.05, plain_spread=0.001, help_=-0.1),
    (6, "undecided"): lambda: residual_entries(spread=0.02, plain_spread=0.02, help_=0.0),
    (7, "holds"): lambda: popularity(of_right_tags(by_prevalence(2.0)), of_either_tag()),
    (7, "fails"): lambda: popularity(of_either_tag(), of_right_tags(by_prevalence(2.0))),
    (7, "undecided"): lambda: popularity(TEST.targets, of_either_tag()),
    (8, "holds"): lambda: by_skill(gbt=(0.2,), waveform=(0.3,)),
    (8, "fails"): lambda: by_skill(gbt=(0.3,), waveform=(0.2,)),
    (8, "undecided"): lambda: by_skill(gbt=(0.2,), waveform=(0.2,), noise=True),
}


def study_of(out: Path, predicted: Predicted) -> ResampledStudy:
    write_scored_study(out, TEST, predicted.scores, **predicted.said)
    return resample_study(read_study_folder(out), out)


def verdicts(study: ResampledStudy) -> list[Verdict]:
    return judge(measured(study))


@pytest.mark.parametrize(("number", "outcome"), CASES)
def test_a_sentence_has_the_verdict_that_its_predictions_call_for(
    tmp_path: Path, number: int, outcome: Outcome
) -> None:
    verdict = verdicts(study_of(tmp_path, CASES[number, outcome]()))[number]
    assert (verdict.number, verdict.outcome) == (number, outcome), verdict.reason
    assert verdict.p is not None
    assert (verdict.p <= 0.05) == (outcome != "undecided")
    assert all(part.interval is not None for part in verdict.parts)


def test_one_part_that_is_not_clear_leaves_a_conjunction_undecided(tmp_path: Path) -> None:
    clear, unclear = by_skill(waveform=(0.2, 0.2), spectrogram=(0.2, 0.3)).scores, make_scores(TEST, skill=0.2, seed=1)
    verdict = verdicts(study_of(tmp_path, Predicted(clear | {("spectrogram", SMALL, 0): unclear})))[0]
    assert verdict.outcome == "undecided"
    assert sum(part.interval is not None and part.interval.low > 0 for part in verdict.parts) >= 3
    assert f"at {SMALL}" in verdict.reason


@pytest.mark.parametrize(
    ("network", "baseline", "reason"),
    [
        (of_right_tags(by_prevalence(-3.0)), of_either_tag(), "popularity lift"),
        (of_right_tags(by_prevalence(2.0)), of_one_tag_each(), "by how much higher than by chance gbt at 320"),
        (by_prevalence(2.0), of_right_tags(of_either_tag()), "ROC-AUC within exclusive pairs, spectrogram at 320"),
    ],
    ids=["popularity", "at once", "told apart"],
)
def test_each_part_of_what_is_said_of_exclusive_and_popular_tags_can_fail_alone(
    tmp_path: Path, network: Float32Array, baseline: Float32Array, reason: str
) -> None:
    verdict = verdicts(study_of(tmp_path, popularity(network, baseline)))[7]
    assert verdict.outcome == "fails"
    assert reason in verdict.reason
    assert sum(part.value > 0 for part in verdict.parts) == 2


@pytest.mark.parametrize(
    ("network", "baseline"),
    [(of_right_tags(by_prevalence(2.0)), ALL_HIGH), (by_prevalence(2.0), of_either_tag())],
    ids=["a baseline that scores all tags high", "a network that scores tags by their prevalence"],
)
def test_how_high_scores_are_says_nothing_of_exclusive_tags(
    tmp_path: Path, network: Float32Array, baseline: Float32Array
) -> None:
    assert verdicts(study_of(tmp_path, popularity(network, baseline)))[7].outcome == "undecided"


def test_scores_of_half_the_height_give_the_same_numbers_of_popular_and_exclusive_tags(tmp_path: Path) -> None:
    network, baseline = make_scores(TEST, skill=0.3), make_scores(TEST, skill=0.2, seed=1)
    both = popularity(network, baseline), popularity(network * np.float32(0.5), baseline * np.float32(0.25))
    found = [verdicts(study_of(tmp_path / f"{number}", each))[7] for number, each in enumerate(both)]
    assert [str(part) for part in found[0].parts] == [str(part) for part in found[1].parts]


@pytest.mark.parametrize(
    ("predicted", "number", "reason"),
    [
        (by_skill(gbt=(0.2,), spectrogram=(0.3,)), 0, "the study has no waveform entry"),
        (by_skill(waveform=(0.2,), spectrogram=(0.3,)), 1, "the study has no gbt entry"),
        (by_skill(gbt=(0.2,), waveform=(0.2,), spectrogram=(0.3,)), 2, "the study has one training size"),
        (by_skill(gbt=(0.2,), waveform=(0.2,), spectrogram=(0.3,)), 3, "the study has one training size"),
        (by_skill(gbt=(0.2,), waveform=(0.2,), spectrogram=(0.3,)), 5, "waveform was not tried on whole songs"),
        (by_skill(gbt=(0.2,)), 6, "the study has no two entries that differ in residual connections alone"),
        (
            residual_entries(seeds=4, spread=0.001, plain_spread=0.05, help_=0.1),
            6,
            "with and without residual connections the study has 4 of the 5 seeds that it takes",
        ),
        (
            Predicted(by_skill(gbt=(0.2, 0.2)).scores, {"unfinished": [make_record("waveform", LARGE)]}),
            8,
            f"the study is unfinished: waveform at {LARGE} is missing",
        ),
    ],
    ids=lambda each: None if isinstance(each, Predicted) else str(each),
)
def test_what_a_study_lacks_is_told_in_one_reason(
    tmp_path: Path, predicted: Predicted, number: int, reason: str
) -> None:
    verdict = verdicts(study_of(tmp_path, predicted))[number]
    assert (verdict.outcome, verdict.reason, verdict.p) == ("undecided", reason, None)


def test_without_exclusive_tags_nothing_is_said_of_them(tmp_path: Path) -> None:
    test = make_test_part(tags=(Tag("rock", "classification"), Tag("jazz", "classification")))
    cells = {(label, LARGE, 0): make_scores(test, skill=0.2) for label in ("gbt", "spectrogram")}
    write_scored_study(tmp_path, test, cells)
    verdict = verdicts(resample_study(read_study_folder(tmp_path), tmp_path))[7]
    assert verdict.reason == "the corpus has no mutually exclusive tags that are scored"


def test_of_exclusive_tags_that_only_come_together_nothing_is_said(tmp_path: Path) -> None:
    test = replace(TEST, targets=TEST.targets.copy())
    test.targets[:, 1] = test.targets[:, 0]
    cells = {(label, LARGE, 0): make_scores(test, skill=0.2) for label in ("gbt", "spectrogram")}
    write_scored_study(tmp_path, test, cells)
    verdict = verdicts(resample_study(read_study_folder(tmp_path), tmp_path))[7]
    assert verdict.reason == "no two exclusive tags are each alone on a test track"


def test_a_baseline_that_gives_exclusive_tags_no_score_is_not_judged_by_them(tmp_path: Path) -> None:
    silent = TEST.targets.copy()
    silent[:, :2] = 0
    verdict = verdicts(study_of(tmp_path, popularity(TEST.targets, silent)))[7]
    assert verdict.reason == "the baseline gives no two exclusive tags any score"


def test_a_corpus_without_regression_tags_is_judged_by_the_measures_it_has(tmp_path: Path) -> None:
    test = make_test_part(300, tags=tuple(tag for tag in TEST.tags if tag.kind == "classification"))
    cells = {("gbt", LARGE, 0): make_scores(test, skill=0.2), ("waveform", LARGE, 0): make_scores(test, skill=0.3)}
    write_scored_study(tmp_path, test, cells)
    verdict = verdicts(resample_study(read_study_folder(tmp_path), tmp_path))[8]
    assert verdict.outcome == "holds"
    assert [part.text.split(",")[0] for part in verdict.parts] == ["ROC-AUC", "PR-AUC"]


def test_of_several_entries_the_first_baseline_and_the_first_pair_are_judged(tmp_path: Path) -> None:
    labels = {"gbt": "gbt", "gbt, timbre": "gbt", "lone": "waveform", "one": "waveform", "two": "spectrogram"}
    of_label = {label: {"family": family} for label, family in labels.items()}
    cells = {(label, LARGE, 0): make_scores(TEST, skill=0.2) for label in labels}
    said = {"of_label": of_label, "pairs": {"one": "networks", "two": "networks"}}
    evidence = measured(study_of(tmp_path, Predicted(cells, said)))
    judged = {family: model.label for family, model in evidence.models.items()}
    assert judged == {"gbt": "gbt", "waveform": "one", "spectrogram": "two"}


WORKSHOP, ISMIR = published().tables


def test_the_papers_own_table_says_of_each_sentence_what_its_numbers_say() -> None:
    found = judge_table(WORKSHOP)
    assert [verdict.outcome for verdict in found] == [
        "holds", "holds", "fails", "fails", "holds", "undecided", "undecided", "undecided", "holds",
    ]  # fmt: skip
    assert found[2].reason == "√MSE, GBT + features at 1.2M against Spectrogram at 100k: -0.0027"
    assert "PR-AUC, by how much it is less than half (ratio 0.53)" in found[3].reason
    assert found[3].reason.startswith("Δ ROC-AUC, by how much it is less than half (ratio 0.62): -0.11 points")
    assert "(ratio 0.43)" in found[3].parts[-1].text
    assert {found[number].reason for number in (5, 6, 7)} == {"the table alone cannot tell"}
    (against,) = [part for part in found[8].parts if part.value < 0]
    assert against.text.startswith("ROC-AUC, Waveform at 1M")
    assert all(part.interval is None for verdict in found for part in verdict.parts)


def test_the_later_version_of_the_paper_says_otherwise() -> None:
    outcomes = [verdict.outcome for verdict in judge_table(ISMIR)]
    assert outcomes == ["fails", "holds", "fails", "fails", "holds", "undecided", "undecided", "undecided", "holds"]


def test_verdicts_are_written_with_their_intervals_and_beside_the_papers(tmp_path: Path) -> None:
    claims = judge_study(study_of(tmp_path, by_skill(gbt=(0.2,), waveform=(0.3,))), published().tables)
    sections = "\n\n".join(claims_sections(claims))
    (line,) = [line for line in sections.splitlines() if "beats the baseline on most measures" in line]
    assert "| **holds**" in line
    assert " to +" in line
    assert line.endswith("| \\< 0.001 |")
    assert "| workshop 2017, as printed" in sections
    assert "| ISMIR 2018, as quoted, not confirmed" in sections
    assert "**With fewer than 5 seeds** a verdict is one on these very trainings" in sections
    written = json.loads(claims_json(claims))
    assert [each["number"] for each in written["these data"]] == [sentence.number for sentence in SENTENCES]
    eighth = written["these data"][8]
    assert (eighth["verdict"], len(eighth["parts"])) == ("holds", 3)
    assert all(part["low"] < part["value"] < part["high"] for part in eighth["parts"])
    assert written["workshop 2017, as printed"][0]["parts"][0]["low"] is None


def test_hostile_labels_are_no_markup(tmp_path: Path) -> None:
    name = "a|b *c* <i>"
    cells = {(name, LARGE, 0): make_scores(TEST, skill=0.3), ("gbt", LARGE, 0): make_scores(TEST, skill=0.2)}
    study = study_of(tmp_path, Predicted(cells, {"of_label": {name: {"family": "waveform"}}}))
    sections = "\n".join(claims_sections(judge_study(study, ())))
    assert name not in sections
    assert "a\\|b \\*c\\* \\<i\\>" in sections


def test_test_tracks_of_one_group_decide_nothing(tmp_path: Path) -> None:
    alone = replace(TEST, groups=np.full(len(TEST), "the only one"))
    cells = by_skill(gbt=(0.1, 0.1), waveform=(0.2, 0.3), spectrogram=(0.3, 0.4)).scores
    write_scored_study(tmp_path, alone, cells)
    study = resample_study(read_study_folder(tmp_path), tmp_path)
    assert {(verdict.outcome, verdict.reason) for verdict in verdicts(study)} == {("undecided", ONE_GROUP)}


@pytest.mark.parametrize(("groups", "judged"), [(9, False), (10, True)])
def test_below_ten_groups_no_sentence_is_judged(tmp_path: Path, groups: int, judged: bool) -> None:
    few = replace(TEST, groups=np.array([f"artist {number % groups}" for number in range(len(TEST))]))
    cells = by_skill(gbt=(0.1, 0.1), waveform=(0.2, 0.3), spectrogram=(0.3, 0.4)).scores
    write_scored_study(tmp_path, few, cells)
    study = resample_study(read_study_folder(tmp_path), tmp_path)
    reason = "the test tracks are of 9 groups, and below 10 the chance of a wrong verdict is not kept"
    found = verdicts(study)
    assert (
        all((verdict.outcome, verdict.reason, verdict.p) == ("undecided", reason, None) for verdict in found) != judged
    )
    assert ("holds" in {verdict.outcome for verdict in found}) == judged
    assert ("**Only 10 groups:**" in "\n".join(claim_notes(measured(study)))) == judged


def test_of_few_groups_the_table_says_that_its_p_values_are_too_small(tmp_path: Path) -> None:
    notes = "\n".join(claim_notes(measured(study_of(tmp_path, by_skill(gbt=(0.2,), waveform=(0.3,))))))
    assert "**Only 100 groups:** expect the intervals to be too narrow and p too small" in notes


def test_a_share_is_in_percent_and_a_difference_of_shares_in_points(tmp_path: Path) -> None:
    parts = verdicts(study_of(tmp_path, gain_in_precision(gained=True)))[4].parts
    assert [part.unit for part in parts] == ["%", "points", "points"] * 2


def test_a_model_is_named_with_its_family_where_its_label_says_another(tmp_path: Path) -> None:
    cells = {(label, LARGE, 0): make_scores(TEST, skill=0.2) for label in ("gbt", "mine")}
    study = study_of(tmp_path, Predicted(cells, {"of_label": {"mine": {"family": "waveform"}}}))
    assert next(iter(claim_notes(measured(study)))).startswith("**Judged by** gbt, mine (waveform); the baseline")


def test_only_the_models_that_are_judged_are_asked_for_their_seeds(tmp_path: Path) -> None:
    cells = {("gbt", LARGE, seed): make_scores(TEST, skill=0.2, seed=seed) for seed in range(5)}
    cells["prior", LARGE, 0] = make_scores(TEST, skill=0.0)
    notes = "\n".join(claim_notes(measured(study_of(tmp_path, Predicted(cells)))))
    assert "fewer than 5 seeds" not in notes


@pytest.mark.parametrize("wrong", [0, 1])  # without any error, or without any on resamples that lack an artist
def test_of_a_baseline_without_errors_nothing_is_left_to_remove(tmp_path: Path, wrong: int) -> None:
    right = TEST.targets.copy()
    right[:wrong] = 1 - right[:wrong]
    predicted = by_skill(waveform=(0.3, 0.4), spectrogram=(0.4, 0.5))
    claims = judge_study(
        study_of(tmp_path, Predicted(predicted.scores | {("gbt", LARGE, 0): right})), published().tables
    )
    (line,) = [line for line in "\n".join(claims_sections(claims)).splitlines() if "largest gain over" in line]
    assert "**holds**" not in line
    written = json.loads(claims_json(claims), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert written["these data"][1]["verdict"] == "fails"
