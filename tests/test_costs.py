"""Stages are charged for what they cost, each for itself, their child processes with them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.costs import Spent, recorded, stage
from tests.speed_calls import burn


def named(spent: list[Spent]) -> dict[str, Spent]:
    return {each.stage: each for each in spent}


def test_a_stage_inside_another_is_charged_for_itself_and_the_outer_one_for_the_rest(tmp_path: Path) -> None:
    with recorded([tmp_path]) as spent, stage("outer", "gbt", 12):
        burn(0.3)
        with stage("inner"):
            burn(0.6)
    costs = named(spent)
    assert costs["inner"].cost.cpu_seconds == pytest.approx(0.6, rel=0.2)
    assert costs["outer"].cost.cpu_seconds == pytest.approx(0.3, rel=0.2)
    assert (costs["inner"].label, costs["inner"].n_train) == ("gbt", 12)


def test_a_stage_pays_for_its_child_processes_whether_they_live_on_or_have_ended(tmp_path: Path) -> None:
    work = "import time\nwhile time.process_time() < 0.4: pass\nprint('done', flush=True)\n"
    with recorded([tmp_path]) as spent:
        with stage("ended"):
            subprocess.run([sys.executable, "-c", work], check=True, capture_output=True)
        with (
            stage("lives on"),
            subprocess.Popen(
                [sys.executable, "-c", work + "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as child,
        ):
            assert child.stdout is not None
            assert child.stdout.readline() == b"done\n"
            child.kill()
    assert 0.35 < named(spent)["ended"].cost.cpu_seconds < 0.8
    assert 0.35 < named(spent)["lives on"].cost.cpu_seconds < 0.8


def test_a_stage_is_charged_for_what_it_leaves_on_disk_but_for_what_goes_with_a_training(tmp_path: Path) -> None:
    (tmp_path / "cell.training").mkdir()
    with recorded([tmp_path]) as spent:
        (tmp_path / "before").write_bytes(bytes(500))
        with stage("writes"):
            (tmp_path / "kept").write_bytes(bytes(1000))
            (tmp_path / "cell.training" / "checkpoint").write_bytes(bytes(5000))
        with stage("removes"):
            (tmp_path / "kept").unlink()
    assert [each.cost.disk for each in spent] == [1000, -1000]


def test_the_peak_of_an_earlier_stage_is_not_that_of_a_later_one(tmp_path: Path) -> None:
    with recorded([tmp_path]) as spent:
        with stage("large"):
            np.ones(300_000_000, np.uint8)
        with stage("small"):
            np.ones(1_000_000, np.uint8)
    assert named(spent)["large"].cost.memory - named(spent)["small"].cost.memory > 200e6


def test_what_an_earlier_stage_has_freed_is_no_memory_that_a_later_one_finds_there(tmp_path: Path) -> None:
    with recorded([tmp_path]) as spent:
        for _ in range(2):
            with stage("the same"):
                pieces = [np.ones(100_000, np.uint8) for _ in range(1000)]
                assert len(pieces) == 1000
                del pieces
    first, second = (of.cost.memory - of.cost.held for of in spent)
    assert second == pytest.approx(first, rel=0.2)


def test_children_that_were_there_before_a_stage_are_memory_that_it_found_and_has(tmp_path: Path) -> None:
    idle = "held = bytearray(100_000_000)\nprint('there', flush=True)\ninput()"
    command = [sys.executable, "-c", idle]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        with recorded([tmp_path]) as spent, stage("short"):
            pass
        child.kill()
    (cost,) = (of.cost for of in spent)
    assert cost.memory == pytest.approx(cost.held, abs=20e6)


def test_a_stage_that_fails_is_charged_and_its_error_goes_on(tmp_path: Path) -> None:
    with recorded([tmp_path]) as spent, pytest.raises(ValueError, match="so"), stage("fails"):
        raise ValueError("so")
    assert [each.stage for each in spent] == ["fails"]


def test_where_nobody_records_stages_cost_nothing_and_tell_nothing() -> None:
    with stage("alone"):
        pass
