"""Tuning gives every family the same number of trials, known beforehand, and looks at the validation part alone."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from bench.corpora import manifest
from bench.errors import InputError
from bench.families import tagger_class
from bench.record import RunRecord
from bench.splits import split
from bench.study import Entry, Study, read_study
from bench.tuning import Settings, Tuning, TuningSettings
from tests.conftest import STUDY, StudyOnDisk
from tests.installed_family import install_family

PLAIN = """
sizes = [20, 10]
[corpus]
name = "manifest"
[tuning]
trials = 4
"""

HEAD = STUDY[: STUDY.index("[[families]]")]

PRIOR = '[[families]]\nfamily = "prior"\n'

CONSTANT = """
[[families]]
family = "constant"
value = 0.9
search = {{ {} }}
"""

NETWORK = """
backend_filters = 8
num_units = 8
patch_seconds = 0.5
batch_size = 4
max_updates = 20
validate_every = 10
"""

EVERY_FAMILY = (
    STUDY
    + '[[families]]\nfamily = "gbt"\nmax_rounds = 20\n'
    + f'[[families]]\nfamily = "waveform"\nfilters = [4, 4, 4, 4, 4, 4]{NETWORK}'
    + f'[[families]]\nfamily = "spectrogram"\nnum_filt = 1{NETWORK}'
)


def tuned(text: str, *, trials: int = 3, sizes: str = "[6]") -> str:
    return text.replace("[split]", f"[tuning]\ntrials = {trials}\n\n[split]").replace("[6, 12]", sizes)


def study(tmp_path: Path, *families: str, trials: int = 4) -> Study:
    text = PLAIN.replace("trials = 4", f"trials = {trials}")
    (tmp_path / "mine.toml").write_text(text + "".join(f"[[families]]\n{family}\n" for family in families))
    return read_study(str(tmp_path / "mine.toml"))


def candidates(entry: Entry) -> list[Settings]:
    assert entry.tuning is not None
    return entry.tuning.candidates(entry.tagger)


def records(out: Path, family: str = "") -> list[RunRecord]:
    found = [RunRecord.load(folder) for folder in sorted((out / "cells").iterdir())]
    return [record for record in found if family in ("", record.family)]


def test_without_the_section_nothing_is_tuned(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(PLAIN.replace("[tuning]\ntrials = 4", "") + '[[families]]\nfamily = "gbt"\n')
    assert read_study(str(tmp_path / "mine.toml")).entries()[0].tuning is None


@pytest.mark.parametrize("family", ["linear", "gbt", "waveform", "spectrogram"])
def test_every_family_with_settings_declares_sixteen_trials_or_more_that_it_takes(tmp_path: Path, family: str) -> None:
    (entry,) = study(tmp_path, f'family = "{family}"', trials=16).entries()
    tried = candidates(entry)
    assert len(tried) == 16
    assert all(set(settings) == set(tagger_class(family).search) for settings in tried)
    assert all(settings != other for place, settings in enumerate(tried) for other in tried[:place])


def test_a_family_without_settings_to_try_is_trained_once(tmp_path: Path) -> None:
    assert study(tmp_path, 'family = "prior"').entries()[0].tuning is None


def test_the_first_trial_is_the_studys_own_settings_even_beside_those_to_try(tmp_path: Path) -> None:
    (entry,) = study(tmp_path, 'family = "gbt"\nmax_depth = 7\nsearch = {max_depth = [2, 3, 4]}').entries()
    assert candidates(entry)[0] == {"max_depth": 7}
    assert sorted(settings["max_depth"] for settings in candidates(entry)[1:]) == [2, 3, 4]


def test_fewer_trials_are_the_first_of_more_and_another_seed_draws_others() -> None:
    network = tagger_class("waveform")()
    drawn = {
        (trials, seed): Tuning.of(network, network.search, TuningSettings(trials=trials, seed=seed)).candidates(network)
        for trials, seed in [(4, 0), (12, 0), (12, 1)]
    }
    assert drawn[4, 0] == drawn[12, 0][:4]
    assert drawn[12, 0][0] == drawn[12, 1][0]
    assert drawn[12, 0] != drawn[12, 1]


def test_both_networks_try_the_same_settings_in_the_same_order(tmp_path: Path) -> None:
    waveform, spectrogram = study(tmp_path, 'family = "waveform"', 'family = "spectrogram"', trials=12).entries()
    assert candidates(waveform) == candidates(spectrogram)


def test_the_order_of_values_and_settings_in_a_study_changes_no_trial(tmp_path: Path) -> None:
    one = study(tmp_path, 'family = "gbt"\nsearch = {max_depth = [2, 3, 4], subsample = [0.5, 1]}').entries()[0]
    other = study(tmp_path, 'family = "gbt"\nsearch = {subsample = [1.0, 0.5], max_depth = [4, 2, 3]}').entries()[0]
    assert candidates(one) == candidates(other)


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ('family = "gbt"\nsearch = {colour = [1, 2, 3, 4]}', ["families.gbt.search.colour", "unknown key"]),
        ('family = "gbt"\nsearch = {max_depth = [2, 3, 4, -1]}', ["families.gbt.search.max_depth", "-1"]),
        ('family = "gbt"\nsearch = {max_depth = 3}', ["families.0.search.max_depth"]),
        ('family = "gbt"\nsearch = {max_depth = []}', ["families.0.search.max_depth"]),
        ('family = "gbt"\nsearch = {}', ["families.0.search"]),
        ('family = "gbt"\nsearch = {subsample = [0.5, 1, 1.0]}', ["families.gbt.search: subsample", "twice"]),
        ('family = "gbt"\nsearch = {max_depth = [3, 4]}', ["gbt.search: declares 2 combinations", "own", "trials = 4"]),
        ('family = "gbt"\nsearch = {max_depth = [3, 2]}\nmax_depth = 3', ["declares 2 combinations, fewer than"]),
        ('family = "waveform"\nsearch = {patience = [2, 3, 20]}', ["waveform.search", "patience = 20 is above"]),
        ('family = "waveform"\nsearch = {patch_seconds = [1, 2, 0.01]}', ["waveform.search", "needs at least"]),
        ('family = "prior"\nsearch = {value = [1, 2, 3]}', ["families.prior.search.value", "unknown key"]),
    ],
)
def test_a_search_that_cannot_work_is_refused_when_the_study_is_read(
    tmp_path: Path, family: str, names: list[str]
) -> None:
    with pytest.raises(InputError) as refused:
        study(tmp_path, family)
    assert "\n" not in str(refused.value)
    for name in [*names, "mine.toml"]:
        assert name in str(refused.value)


def test_a_search_of_more_combinations_than_can_be_ordered_is_refused() -> None:
    gbt = tagger_class("gbt")()
    search = {"max_rounds": range(1, 400), "fixed_rounds": range(1, 400)}
    with pytest.raises(InputError, match="declares 159201 combinations, more than 100000"):
        Tuning.of(gbt, search, TuningSettings(trials=4))


@pytest.mark.parametrize("trials", ["0", '"8"', "2.5"])
def test_a_number_of_trials_that_is_none_is_refused(tmp_path: Path, trials: str) -> None:
    (tmp_path / "mine.toml").write_text(PLAIN.replace("= 4", f"= {trials}") + '[[families]]\nfamily = "gbt"\n')
    with pytest.raises(InputError, match=r"mine.toml: tuning.trials: "):
        read_study(str(tmp_path / "mine.toml"))


def test_a_search_without_the_section_is_refused_as_in_vain(tmp_path: Path) -> None:
    text = PLAIN.replace("[tuning]\ntrials = 4", "") + '[[families]]\nfamily = "gbt"\nsearch = {max_depth = [2]}\n'
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(InputError, match=r"families.gbt.search: .* no \[tuning\]"):
        read_study(str(tmp_path / "mine.toml"))


def test_the_trial_of_least_validation_error_is_kept_and_no_test_track_is_asked_for_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_family(tmp_path, monkeypatch)
    on_disk = StudyOnDisk(tmp_path, tuned(HEAD, trials=4) + CONSTANT.format("value = [0.1, 0.4, 0.99]"))
    assert on_disk.run() == []
    (record,) = records(on_disk.out, "constant")
    parts = split(manifest.load(on_disk.root), valid=0.25, test=0.35, seed=0)
    asked = [json.loads(line) for line in (on_disk.cache / "asked.jsonl").read_text().splitlines()]
    assert [ids for _, ids in asked] == [parts.valid.ids.tolist()] * 4 + [parts.test.ids.tolist()]
    assert sorted(value for value, _ in asked[:4]) == [0.1, 0.4, 0.9, 0.99]
    errors = {value: np.mean((parts.valid.targets.astype(float) - value) ** 2) for value, _ in asked[:4]}
    best = min(errors, key=lambda value: errors[value])
    assert record.chosen == {"value": best}
    assert asked[4][0] == best
    assert [trial.settings["value"] for trial in record.trials] == [value for value, _ in asked[:4]]
    assert [trial.valid_mse for trial in record.trials] == pytest.approx([errors[value] for value, _ in asked[:4]])


def test_of_equal_trials_the_earlier_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_family(tmp_path, monkeypatch)
    on_disk = StudyOnDisk(tmp_path, tuned(HEAD) + CONSTANT.format("fails_at = [1, 2]"))
    assert on_disk.run() == []
    (record,) = records(on_disk.out, "constant")
    assert len({trial.valid_mse for trial in record.trials}) == 1
    assert record.chosen == record.trials[0].settings == {"fails_at": 0}


def test_a_trial_that_fails_has_no_score_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_family(tmp_path, monkeypatch)
    text = CONSTANT.format("value = [0.4, 1.5]")
    on_disk = StudyOnDisk(tmp_path, tuned(HEAD) + text)
    assert on_disk.run() == []
    (record,) = records(on_disk.out, "constant")
    failed = [trial for trial in record.trials if trial.valid_mse is None]
    assert [trial.settings["value"] for trial in failed] == [1.5]
    assert failed[0].reason == "predictions are not all numbers in [0, 1]"
    assert record.chosen == {"value": 0.4}


def test_a_cell_fails_when_all_its_trials_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_family(tmp_path, monkeypatch)
    on_disk = StudyOnDisk(tmp_path, tuned(HEAD) + PRIOR + CONSTANT.format("value = [0.1, 0.2]") + "fails_at = 6\n")
    expected = "none of 3 trials could be trained; the first: the loss is no number"
    assert on_disk.run() == [f"constant · 6 · seed 0: {expected}"]


@pytest.fixture(scope="module")
def tuned_study(tmp_path_factory: pytest.TempPathFactory) -> StudyOnDisk:
    """A study of every family with three trials, run; tests must leave it as it is."""
    on_disk = StudyOnDisk(tmp_path_factory.mktemp("tuned"), tuned(EVERY_FAMILY, sizes="[12, 15]"))
    assert on_disk.run() == []
    return on_disk


def test_every_family_and_size_has_the_same_number_of_recorded_trials(tuned_study: StudyOnDisk) -> None:
    counts = {(record.family, record.n_train): len(record.trials) for record in records(tuned_study.out)}
    families = ("prior", "linear", "gbt", "waveform", "spectrogram")
    assert counts == {(family, size): 0 if family == "prior" else 3 for family in families for size in (12, 15)}


def test_a_kept_trial_has_the_least_recorded_error_and_its_model_is_saved(tuned_study: StudyOnDisk) -> None:
    for record in records(tuned_study.out):
        errors = [math.inf if trial.valid_mse is None else trial.valid_mse for trial in record.trials]
        if errors:
            assert record.chosen == record.trials[int(np.argmin(errors))].settings
            assert math.isfinite(min(errors))
    for record in (*records(tuned_study.out, "waveform"), *records(tuned_study.out, "spectrogram")):
        model = json.loads((tuned_study.out / "cells" / record.digest / "model" / "model.json").read_text())
        assert {name: model["settings"][name] for name in record.chosen} == record.chosen


def test_trials_are_the_same_at_every_size_and_for_both_networks(tuned_study: StudyOnDisk) -> None:
    def tried(family: str) -> list[list[Settings]]:
        return [[trial.settings for trial in record.trials] for record in records(tuned_study.out, family)]

    for family in ("linear", "gbt", "waveform"):
        first, second = tried(family)
        assert first == second
    assert tried("waveform") == tried("spectrogram")


def test_the_caption_mlflow_and_the_written_study_tell_of_the_trials(tuned_study: StudyOnDisk) -> None:
    text = (tuned_study.out / "table1.md").read_text()
    assert "**Tuning.** Each model had 3 trials" in text
    assert "(prior: nothing to try)" in text
    client = MlflowClient(f"sqlite:///{tuned_study.out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "params.family = 'gbt' and params.n_train = '12'")
    (record,) = (record for record in records(tuned_study.out, "gbt") if record.n_train == 12)
    assert {f"chosen.{name}": str(value) for name, value in record.chosen.items()}.items() <= run.data.params.items()
    logged = client.get_metric_history(run.info.run_id, "trial_valid_mse")
    assert [metric.step for metric in logged] == [0, 1, 2]
    assert [metric.value for metric in logged] == pytest.approx([trial.valid_mse for trial in record.trials])
    assert read_study(str(tuned_study.out / "study.toml")).tuning == TuningSettings(trials=3)


def test_another_number_of_trials_is_another_cell_but_not_for_a_family_with_nothing_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_family(tmp_path, monkeypatch)
    families = PRIOR + CONSTANT.format("value = [0.1, 0.2, 0.4]")
    for trials in (2, 3):
        on_disk = StudyOnDisk(tmp_path, tuned(HEAD, trials=trials) + families)
        on_disk.run()
    assert len(records(on_disk.out, "constant")) == 2
    assert len(records(on_disk.out, "prior")) == 1
