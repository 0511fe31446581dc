"""What a GPU alone does: steps that are captured and replayed, and batches that are read ahead."""

import copy
from threading import Lock
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from neural.gradients import CapturedGradients, Gradients
from neural.reading import AHEAD, OnDevice
from neural.settings import NetworkSettings
from neural.update import Updates, updates_of
from neural.waveform import Waveform

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

SETTINGS: dict[str, Any] = {"filters": (4, 4, 4, 8), "backend_filters": 8, "num_units": 8, "patch_seconds": 0.5}


def drawn_batch(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(number)
    patches = torch.randint(-3000, 3000, (4, 8000), dtype=torch.int16, generator=draw)
    return patches.cuda(), torch.rand(4, 3, generator=draw).cuda()


def test_captured_updates_are_those_that_are_written() -> None:
    """Batches and dropout change from step to step; warming up leaves the batch norms' statistics alone."""
    torch.manual_seed(0)
    written = Waveform(**SETTINGS).build(3, 16_000).cuda()
    captured = copy.deepcopy(written)
    gradients = (
        Gradients(written, written, nn.MSELoss(), "float32"),
        CapturedGradients(captured, captured, nn.MSELoss(), "float32"),
    )
    told = []
    for each in gradients:
        updates = Updates(each.model, each, torch.optim.Adam(each.model.parameters()), seed=0)
        told.append(np.array([updates(range(4 * n, 4 * n + 4), *drawn_batch(n)) for n in range(3)]))
    losses, norms = told[0].T
    assert len(set(losses)) == 3
    np.testing.assert_allclose(told[1][:, 0], losses, rtol=1e-3)
    np.testing.assert_allclose(told[1][:, 1], norms, rtol=0.05)  # where a maximum has two places, rounding chooses
    found, expected = captured.state_dict(), written.state_dict()
    for name in (name for name in expected if "running" in name or "tracked" in name):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")  # a compiler's advice on faster, rougher products
def test_a_network_learns_a_batch_compiled_and_captured() -> None:
    torch.manual_seed(0)
    settings: NetworkSettings = Waveform(**SETTINGS, precision="bf16", learning_rate=0.01, dropout=0.0)
    model = Waveform(**SETTINGS, dropout=0.0).build(3, 16_000).cuda()
    updates = updates_of(model, nn.MSELoss(), settings, 0, torch.device("cuda"))
    assert isinstance(updates.gradients, CapturedGradients)
    losses = [updates(range(4), *drawn_batch(0))[0] for _ in range(50)]
    assert losses[-1] < 0.5 * losses[0]


def test_batches_are_read_ahead_once_each_and_none_beyond_the_last() -> None:
    asked: list[int] = []
    one_at_a_time = Lock()

    def read(number: int) -> tuple[NDArray[np.int16]]:
        with one_at_a_time:
            asked.append(number)
        return (np.full(3, number, np.int16),)

    count = AHEAD + 4
    batches = OnDevice(read, torch.device("cuda"), count)
    for number in range(count):
        (batch,) = batches[number]
        assert batch.device.type == "cuda"
        assert batch.tolist() == [number] * 3
    assert sorted(asked) == list(range(count))
