"""The networks' speed: what they are compared with is the same network, and the command with little data."""

import json
import subprocess
from pathlib import Path

import pytest
import torch

from bench.speed import Findings
from neural.speed.contest import FRONT_ENDS, Contest, FrontEnd, our_step, plain_step
from neural.speed.gpu import patch_flops
from neural.speed.losses import PRECISIONS
from neural.speed.steps import reading_seconds
from tests.conftest import TAGBENCH

CPU = torch.device("cpu")
SHARES = [f"cpu_step_{which}{frontend}" for frontend in FRONT_ENDS for which in ("", "float32_")]

each_frontend = pytest.mark.parametrize("frontend", FRONT_ENDS)


@each_frontend
def test_the_plain_network_is_the_same_network(frontend: FrontEnd) -> None:
    contest = Contest(frontend, 2, 1.5, narrower=4)
    ours, plain = contest.model().state_dict(), contest.plain().state_dict()
    assert [tuple(weights.shape) for weights in ours.values()] == [tuple(weights.shape) for weights in plain.values()]
    assert contest.difference() < 1e-5


@each_frontend
def test_both_loops_learn_the_same_batch(frontend: FrontEnd) -> None:
    contest = Contest(frontend, 8, 1.5, narrower=8, dropout=0.0)
    ours, in_bf16 = (our_step(contest, precision, CPU) for precision in PRECISIONS)
    steps = (plain_step(contest, CPU), ours, in_bf16)
    plain, same, rounded = ([step(*contest.batch(CPU)) for _ in range(4)] for step in steps)
    assert len(set(plain)) == 4
    assert same == pytest.approx(plain, rel=0.005)
    assert rounded == pytest.approx(plain, rel=0.05)
    assert rounded != same


def test_our_step_drops_by_the_patches_places_as_training_does() -> None:
    told = []
    for seed in range(2):
        step = our_step(Contest("waveform", 4, 1.5, narrower=8), "float32", CPU)
        torch.manual_seed(seed)  # which dropout without keys would follow
        told.append([step(*Contest("waveform", 4, 1.5).batch(CPU)) for _ in range(3)])
    assert told[0] == told[1]


@pytest.mark.parametrize(("frontend", "giga_macs"), [("waveform", 2.15), ("spectrogram", 4.84)])
def test_the_operations_of_a_step_are_three_times_those_of_the_scores(frontend: FrontEnd, giga_macs: float) -> None:
    """The first layers hand no gradient on, so a little less."""
    assert 2.7 * 2e9 * giga_macs < patch_flops(Contest(frontend), CPU) <= 3.01 * 2e9 * giga_macs


def test_reading_is_measured_on_a_store_of_its_own(tmp_path: Path) -> None:
    assert 0 < reading_seconds(1.0, 2, laps=1, scratch=tmp_path) < 1
    assert (tmp_path / "noise.i16").stat().st_size == 64 * 60 * 16_000 * 2


def test_shares_differences_and_times_have_their_units() -> None:
    told = Findings(ratios={"cpu_step_waveform": 0.5, "a_vs_b": 2.5, "a_minus_b": 0.5}).table().splitlines()[2:]
    assert [line.split("|")[3].strip() for line in told] == ["share", "times", "difference"]


def test_the_whole_command_with_little_data_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    file, cache = tmp_path / "speed.json", tmp_path / "cache"
    command = [TAGBENCH, "speed", "neural", "--quick", "--json", str(file), "--cache", str(cache)]
    done = subprocess.run([*command, "--workers", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    values = {row["name"]: row["value"] for row in content["rows"]}
    told = [line.split("|")[1].strip() for line in done.stdout.splitlines()[2:]]
    assert told == [*values, *content["ratios"]]
    assert set(SHARES) < set(content["ratios"])
    assert {"reading_share_waveform", "loss_waveform_between_seeds"} < set(values)
    for frontend in FRONT_ENDS:
        plain, ours = values[f"step_seconds_{frontend}_plain"], values[f"step_seconds_{frontend}_bf16"]
        assert content["ratios"][f"cpu_step_{frontend}"] == pytest.approx(ours / plain)
    assert ("no GPU was measured" in done.stderr) != torch.cuda.is_available()
    assert content["machine"]["processor"]
    assert not list(cache.glob("speed-*"))
