"""Speed: the cost of a call in a process of its own, how findings are told, and the command with little data."""

import json
import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from baselines.gbt import GBT
from baselines.speed.training import Contest, xgbclassifier
from bench.cli import exit_code
from bench.corpus import Tag
from bench.errors import StudyFailedError
from bench.speed import Apart, Findings, Row, call_apart, describe_machine, take_turns
from tests.conftest import TAGBENCH
from tests.speed_calls import burn, compile_by_numba, die, environment, hold, idle

MEASURED = ["descriptors_vs_musicextractor", "descriptors_vs_librosa"]
MEASURED += ["training_vs_xgbclassifier", "pr_auc_minus_xgbclassifier"]


def test_a_call_is_charged_for_work_and_not_for_waiting() -> None:
    with Apart("worker") as process:
        assert process.call(burn, 0.2).cpu_seconds >= 0.2
        assert process.call(idle, 0.2).cpu_seconds < 0.1


def test_the_peak_memory_of_a_fresh_process_is_its_own() -> None:
    ours = np.ones(300_000_000, np.uint8)
    little, much = (call_apart("worker", hold, megabytes).peak_memory for megabytes in (0, 200))
    assert little < len(ours) / 1e6
    assert 190 < much - little < 220


def test_a_process_apart_has_one_thread_and_ours_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS"]
    assert call_apart("worker", environment, names).result == ["1", "1"]
    assert environment(names) == ["7", None]


def test_what_numba_compiles_is_shared_with_no_other_process_and_goes_with_its_own() -> None:
    with Apart("one") as one, Apart("other") as other:
        files, others = (process.call(compile_by_numba).result for process in (one, other))
        assert files
        assert others
        assert not {*files} & {*others}
    assert not any(file.exists() for file in [*files, *others])


def test_a_process_that_dies_is_named_with_its_code() -> None:
    with pytest.raises(StudyFailedError, match="worker: its process ended with code 3"):
        call_apart("worker", die, 3)


def test_each_contestant_has_a_process_of_its_own_and_does_every_item_each_lap() -> None:
    taken = take_turns({"one": burn, "other": burn}, [0.0, 0.01, 0.02], laps=2, warm_up=0.0)
    one, other = ({lap.result for lap in taken[name]} for name in ("one", "other"))
    assert len(one) == len(other) == 1
    assert one != other
    assert [len(laps) for laps in taken.values()] == [6, 6]
    assert [lap.cpu_seconds >= 0.02 for lap in taken["one"]][2::3] == [True, True]


def test_findings_are_a_table_and_json() -> None:
    found = Findings((Row("trees", 12345.678, "CPU s"),)) + Findings((Row("drift", -0.00123, "MB"),), {"a_vs_b": 8.25})
    assert found.table().splitlines() == [
        "| what   |   value | unit  |",
        "| :----- | ------: | :---- |",
        "| trees  |  12,346 | CPU s |",
        "| drift  | -0.0012 | MB    |",
        "| a_vs_b |   8.250 | times |",
    ]
    content = json.loads(found.json("baseline", {"cores": 2}))
    assert content["rows"][0] == {"name": "trees", "value": 12345.678, "unit": "CPU s"}
    assert content["ratios"] == {"a_vs_b": 8.25}
    assert (content["what"], content["machine"]) == ("baseline", {"cores": 2})


def test_the_machine_is_told_with_the_versions_asked_for() -> None:
    machine = describe_machine(["numpy"])
    assert machine["versions"] == {"numpy": np.__version__}
    assert machine["processor"]
    assert machine["cores"]


def test_the_classifier_differs_from_our_trees_in_bins_and_columns_alone(tmp_path: Path) -> None:
    contest = Contest(GBT(max_depth=2, learning_rate=0.5), (Tag("rock", "classification"),), tmp_path)
    theirs, ours = xgbclassifier(contest, 0).get_params(), contest.parameters(0)
    assert [theirs[name] for name in ("max_bin", "colsample_bytree", "colsample_bynode")] == [None, None, None]
    alike = ["max_depth", "learning_rate", "min_child_weight", "reg_lambda", "subsample", "objective", "eval_metric"]
    assert [theirs[name] for name in alike] == [ours[name] for name in alike]
    stops = (theirs["n_estimators"], theirs["early_stopping_rounds"], theirs["n_jobs"])
    assert stops == (contest.settings.max_rounds, contest.settings.patience, 1)


def test_the_whole_command_with_little_data_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    file, cache = tmp_path / "speed.json", tmp_path / "cache"
    command = [TAGBENCH, "speed", "baseline", "--quick", "--json", str(file), "--cache", str(cache), "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "INFO" not in done.stderr
    content = json.loads(file.read_text())
    assert set(content) == {"what", "machine", "rows", "ratios"}
    assert list(content["ratios"]) == MEASURED
    values = {row["name"]: row["value"] for row in content["rows"]}
    told = [line.split("|")[1].strip() for line in done.stdout.splitlines()[2:]]
    assert told == [*values, *MEASURED]
    assert {"extractor_memory_growth", "training_cpu_hours_1200000x139", "training_peak_memory_gb_1200000"} <= set(told)
    assert all(content["ratios"][name] > 0 for name in MEASURED[:3])
    assert values["descriptors_number_tagbench"] > values["descriptors_number_librosa"]
    assert not list(cache.glob("speed-*"))


def test_a_json_file_in_no_folder_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["speed", "baseline", "--json", str(tmp_path / "no" / "speed.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["baseline", "prepare"])
def test_a_missing_librosa_is_one_line_that_says_how_to_get_it(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def version_of(package: str) -> str:
        if package == "librosa":
            raise PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "librosa" else name)
    monkeypatch.setattr("bench.speed.version", version_of)
    assert exit_code(["speed", what, "--quick", "--cache", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "pip install" in said
