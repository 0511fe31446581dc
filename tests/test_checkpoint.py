"""A training that is killed, at any moment, goes on as if it had not been, bit for bit."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from bench.corpus import Float32Array
from bench.errors import StudyFailedError
from bench.store import Int16Array
from bench.tuning import Tuning, TuningSettings, fit_tuned
from neural.checkpoint import CHECKPOINT_FILE, Checkpoints, Progress, optimiser_tensors
from neural.patches import TrainingPatches
from neural.tagger import TrainedNetwork
from neural.training import TRAINING_VERSION, Training, copied
from tests.conftest import STUDY, StudyOnDisk
from tests.small_corpus import write_small_corpus
from tests.small_training import FAMILIES, fit, parts_of

ROOT = Path(__file__).parents[1]
Batch = tuple[Int16Array, Float32Array]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_corpus(tmp_path_factory.mktemp("tones"), tracks=32, seconds=1.0)


@pytest.fixture(scope="module")
def undisturbed(corpus: Path) -> dict[str, TrainedNetwork]:
    return {family: fit(corpus, family, None) for family in FAMILIES}


def signalled(told: str, point: str, number: int, seconds: float, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a process that is sent a signal in its training; a checkpoint is due every so many seconds."""
    arguments = [sys.executable, "-m", "tests.signalled", told, point, str(number), str(seconds), *map(str, command)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)


def assert_same(one: TrainedNetwork, other: TrainedNetwork) -> None:
    weights = safetensors.torch.save(dict(one.model.state_dict()))
    assert weights == safetensors.torch.save(dict(other.model.state_dict()))
    pd.testing.assert_frame_equal(one.summary.curves, other.summary.curves, check_exact=True)
    assert one.summary.hit_cap == other.summary.hit_cap


@pytest.mark.parametrize(
    ("family", "point", "number", "seconds", "step"),
    [
        ("spectrogram", "update", 1, 0, None),
        ("spectrogram", "update", 19, 0, 18),
        ("spectrogram", "update", 19, 300, 16),
        ("waveform", "validation", 2, 0, 8),
        ("spectrogram", "after the validation", 3, 300, 8),
        ("waveform", "rename", 12, 0, 9),
        ("waveform", "validation", 6, 0, 22),
    ],
)
def test_a_killed_training_goes_on_to_the_same_weights(
    corpus: Path,
    undisturbed: dict[str, TrainedNetwork],
    tmp_path: Path,
    family: str,
    point: str,
    number: int,
    seconds: float,
    step: int | None,
) -> None:
    killed = signalled("SIGKILL", point, number, seconds, "fit", corpus, family, tmp_path)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert step_in(tmp_path) == step
    assert_same(fit(corpus, family, tmp_path), undisturbed[family])


def step_in(folder: Path) -> int | None:
    """Return the updates that the checkpoint in a folder has."""
    file = folder / CHECKPOINT_FILE
    if not file.exists():
        return None
    with safetensors.safe_open(file, framework="pt") as opened:
        return int(json.loads(opened.metadata()["progress"])["step"])


@pytest.fixture
def half_way(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a waveform training that was interrupted after 10 updates."""
    with monkeypatch.context() as interrupted:
        interrupted.setattr(TrainingPatches, "batch", interrupting(TrainingPatches.batch, at=10))
        with pytest.raises(KeyboardInterrupt):
            fit(corpus, "waveform", tmp_path)
    assert step_in(tmp_path) == 10
    return tmp_path


def interrupting(batch: Callable[[TrainingPatches, int], Batch], *, at: int) -> Callable[[TrainingPatches, int], Batch]:
    def batch_or_interrupt(patches: TrainingPatches, update: int) -> Batch:
        if update == at:
            raise KeyboardInterrupt
        return batch(patches, update)

    return batch_or_interrupt


def test_a_training_that_was_done_makes_no_update_again(
    corpus: Path, undisturbed: dict[str, TrainedNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(corpus, "spectrogram", tmp_path)
    monkeypatch.delattr(Training, "update")
    again = fit(corpus, "spectrogram", tmp_path)
    assert_same(again, undisturbed["spectrogram"])
    assert again.summary.earlier_seconds > 0


def test_trials_go_on_each_from_its_own_checkpoint(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = FAMILIES["waveform"]
    tuning = Tuning.of(tagger, {"dropout": (0.5, 0.2)}, TuningSettings(trials=2))
    train, valid, context = parts_of(corpus, tmp_path)
    first = fit_tuned(tagger, tuning, train, valid, context, cell="a cell")
    monkeypatch.delattr(Training, "update")
    again = fit_tuned(tagger, tuning, train, valid, context, cell="a cell")
    assert [trial.valid_mse for trial in again.trials] == [trial.valid_mse for trial in first.trials]
    assert again.trained.summary.earlier_seconds > 0


def test_a_training_has_several_rates_so_that_there_is_something_to_keep(
    undisturbed: dict[str, TrainedNetwork],
) -> None:
    for trained in undisturbed.values():
        assert trained.summary.curves["learning_rate"].is_monotonic_decreasing
        assert trained.summary.curves["learning_rate"].iloc[-1] < trained.settings.learning_rate
        assert (trained.summary.curves["gradient_norm"] > 0).all()


def flipped(content: bytes) -> bytes:
    return content[:-1000] + bytes([content[-1000] ^ 1]) + content[-999:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[: len(content) // 2],
        lambda _: b"nonsense" * 100,
        flipped,
        lambda content: content.replace(b'\\"stale\\":', b'\\"stall\\":'),
        lambda _: safetensors.torch.save({"weights.a": torch.zeros(3)}),
    ],
    ids=["empty", "half", "nonsense", "one bit", "header", "another file"],
)
def test_a_damaged_checkpoint_is_told_in_a_line_and_training_starts_anew(
    corpus: Path,
    undisturbed: dict[str, TrainedNetwork],
    half_way: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[bytes], bytes],
) -> None:
    file = half_way / CHECKPOINT_FILE
    file.write_bytes(damage(file.read_bytes()))
    trained = fit(corpus, "waveform", half_way)
    assert capsys.readouterr().err.strip() == f"{file} is damaged; training starts anew"
    assert_same(trained, undisturbed["waveform"])
    assert trained.summary.earlier_seconds == 0


def test_the_checkpoint_of_another_training_is_told_in_a_line_and_left_alone(
    corpus: Path, half_way: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = fit(corpus, "waveform", half_way, seed=1)
    assert (
        capsys.readouterr().err.strip() == f"{tmp_path / CHECKPOINT_FILE} is of another training; this one starts anew"
    )
    assert_same(trained, fit(corpus, "waveform", None, seed=1))


@pytest.mark.parametrize(
    ("part", "name", "shape"),
    [
        ("weights", "frontend.layers.0.conv.weight", None),
        ("weights", "frontend.layers.0.conv.weight", (5, 1, 3)),
        ("weights", "another.layer", (3,)),
        ("best", "frontend.layers.0.conv.weight", (5, 1, 3)),
        ("optimiser", "0.exp_avg", None),
        ("optimiser", "0.exp_avg", (5, 1, 3)),
        ("optimiser", "900.step", ()),
    ],
)
def test_a_checkpoint_that_does_not_fit_the_network_counts_as_damaged(
    corpus: Path,
    undisturbed: dict[str, TrainedNetwork],
    half_way: Path,
    capsys: pytest.CaptureFixture[str],
    part: str,
    name: str,
    shape: tuple[int, ...] | None,
) -> None:
    tagger = FAMILIES["waveform"]
    checkpoints = Checkpoints(half_way, tagger.identity(*parts_of(corpus, half_way)))
    found = checkpoints.load(tagger.build(3, 16_000))
    assert found is not None
    progress, parts = found
    changed = {kept: tensor for kept, tensor in parts[part].items() if kept != name}
    changed |= {} if shape is None else {name: torch.zeros(shape)}
    checkpoints.save(progress, {**parts, part: changed})
    trained = fit(corpus, "waveform", half_way)
    file = half_way / CHECKPOINT_FILE
    assert capsys.readouterr().err.strip() == f"{file} is damaged; training starts anew"
    assert_same(trained, undisturbed["waveform"])
    assert trained.summary.earlier_seconds == 0


def test_a_checkpoint_of_an_earlier_way_to_train_is_of_another_training(
    corpus: Path, half_way: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neural.tagger.TRAINING_VERSION", TRAINING_VERSION + 1)
    assert fit(corpus, "waveform", half_way).summary.earlier_seconds == 0
    assert "is of another training; this one starts anew" in capsys.readouterr().err


def test_a_checkpoint_holds_no_pickle_and_leaves_nothing_beside_it(half_way: Path) -> None:
    assert [file.name for file in half_way.iterdir()] == [CHECKPOINT_FILE]
    safetensors.torch.load_file(half_way / CHECKPOINT_FILE)


def test_numbers_come_back_from_a_checkpoint_as_they_were(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.rand(1, 3)).sum().backward()
    optimiser.step()
    losses = torch.rand(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).tolist()
    progress = Progress(
        identity="one",
        step=3,
        seconds=0.1,
        learning_rate=0.1 / 3,
        best_loss=float("inf"),
        stale=0,
        curves=[{"step": 2, "valid_loss": 1e-300}],
        losses=losses,
        gradient_norms=losses,
    )
    checkpoints = Checkpoints(tmp_path, "one")
    weights = model.state_dict()
    parts = {"weights": weights, "best": copied(weights), "optimiser": optimiser_tensors(optimiser)}
    checkpoints.save(progress, parts)
    found = checkpoints.load(model)
    assert found is not None
    assert found[0] == progress
    torch.testing.assert_close(found[1], parts, rtol=0, atol=0)


def test_a_loss_that_is_no_number_is_told_with_its_tracks_and_the_checkpoint_stays(
    corpus: Path, half_way: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = TrainingPatches.batch

    def broken(self: TrainingPatches, update: int) -> Batch:
        audio, targets = patches(self, update)
        return audio, targets * np.float32("nan") if update == 10 else targets

    monkeypatch.setattr(TrainingPatches, "batch", broken)
    before = (half_way / CHECKPOINT_FILE).read_bytes()
    train, _, context = parts_of(corpus, half_way)
    tracks = ", ".join(TrainingPatches(train, context.audio, 8000, 16, 0).track_ids(10))
    assert tracks.count("t0") == 16
    for _ in range(2):  # a second attempt says the same
        with pytest.raises(StudyFailedError) as failure:
            fit(corpus, "waveform", half_way)
        line = str(failure.value)
        assert line.startswith("training loss is nan at step 11 of 22 (learning rate 0.")
        assert f" on tracks {tracks}; " in line
        assert f"go on from the last good checkpoint, {half_way / CHECKPOINT_FILE}, to the same end" in line
        assert (half_way / CHECKPOINT_FILE).read_bytes() == before


NETWORK = """
[[families]]
family = "waveform"
filters = [4, 4, 4, 4, 4, 4]
backend_filters = 8
num_units = 8
patch_seconds = 0.5
batch_size = 4
max_updates = 24
validate_every = 10
"""


def test_a_study_that_is_terminated_and_then_killed_ends_with_the_record_of_one_that_was_not(tmp_path: Path) -> None:
    text = STUDY.split("[[families]]")[0].replace("[6, 12]", "[12]") + NETWORK
    calm, study = (StudyOnDisk(tmp_path / name, text) for name in made(tmp_path, "calm", "study"))
    assert calm.run() == []
    (cell,) = (calm.out / "cells").iterdir()
    kept = study.out / "cells" / f"{cell.name}.training"

    told = signalled("SIGTERM", "within an update", 6, 300, "tagbench", *study.arguments)
    assert told.returncode == 143, told.stderr
    assert told.stderr.splitlines()[-1] == "tagbench: terminated; run the same command again to continue"
    assert "Traceback" not in told.stderr
    assert step_in(kept) == 6  # the update was ended first

    killed = signalled("SIGKILL", "update", 11, 0, "tagbench", *study.arguments)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert step_in(kept) == 16

    assert study.run() == []
    assert [folder.name for folder in (study.out / "cells").iterdir()] == [cell.name]
    again = study.out / "cells" / cell.name
    for name in ("model/weights.safetensors", "curves.parquet", "predictions.parquet"):
        assert (again / name).read_bytes() == (cell / name).read_bytes()
    assert record_but_for_times(again) == record_but_for_times(cell)

    shutil.copytree(again, kept)  # as if it had been killed between the end of the cell and the deletion
    assert study.run() == []
    assert list((study.out / "cells").iterdir()) == [again]


def made(folder: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (folder / name).mkdir()
    return names


def record_but_for_times(cell: Path) -> dict[str, object]:
    record = json.loads((cell / "record.json").read_text())
    return {key: value for key, value in record.items() if not key.endswith("_seconds")}
