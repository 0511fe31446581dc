"""What one of the processes that torchrun started does in a test; `bench.processes` tells which it is.

`python -m tests.together parts` checks what is divided among them and put together again, and that nothing is left of
their group in the end. `... POINT RANK NUMBER
tagbench ARGUMENTS` runs the command line, in which, in process RANK, something happens before the NUMBERth update: a
signal (`SIGTERM`, `SIGKILL`), the end of its torchrun and of itself (`lost`), or targets that are no numbers (`nan`).
"""

import copy
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.distributed.distributed_c10d import _get_default_group

from bench.cli import main as tagbench
from bench.corpora import manifest
from bench.corpus import Float32Array
from bench.processes import count, from_all, hand_out, own_share, run_together
from bench.store import Int16Array
from neural.batch_norm import SynchronisedBatchNorm
from neural.distributed import gathered, own_part, synchronise
from neural.layers import ScalarBatchNorm
from neural.patches import TrainingPatches
from tests.signalled import send

SHAPES: dict[str, tuple[nn.BatchNorm1d | nn.BatchNorm2d, tuple[int, ...]]] = {
    "hidden": (nn.BatchNorm1d(5), (8, 5)),
    "steps": (nn.BatchNorm1d(5, eps=1e-3, momentum=0.01), (8, 5, 7)),
    "bands": (nn.BatchNorm2d(5), (8, 5, 3, 7)),
    "scalar": (ScalarBatchNorm(eps=1e-3, momentum=0.1), (8, 5, 7)),
}
GROUPS: WeakSet[ProcessGroup] = WeakSet()


def main() -> None:
    """Do as the command line says."""
    point, *arguments = sys.argv[1:]
    if point == "parts":
        (root,) = arguments
        run_together("cpu", lambda: lead(Path(root)))
        assert not GROUPS  # else its threads would be at work while the interpreter ends
        return
    where, number, command, *rest = arguments
    if os.environ["RANK"] == where:
        if point == "nan":
            break_targets(int(number))
        elif point == "lost":
            send(signal.SIGKILL, "update", int(number), os.getppid(), os.getpid())
        else:
            send(signal.Signals[point], "update", int(number))
    sys.argv = [command, *rest]
    tagbench()


def lead(root: Path) -> None:
    """Hand out every check, and do it; an `AssertionError` ends the process."""
    checks: list[Callable[[], None]] = [partial(every_track_goes_to_one_process, root)]
    checks += [partial(a_batch_norm_sees_the_whole_batch, name) for name in SHAPES]
    checks.append(a_group_is_at_work_during_an_optimizers_first_step)
    for check in checks:
        hand_out(check)
        check()


def every_track_goes_to_one_process(root: Path) -> None:
    """Scores that tell the track come back in the corpus's order, whether or not its length can be divided."""
    everything = manifest.load(root)
    for n_tracks in (0, 1, 2, 5):
        corpus = everything.take(np.arange(n_tracks))
        part = own_part(corpus)
        lengths = from_all(torch.tensor(len(part)))
        assert int(lengths.sum()) == n_tracks
        assert int(lengths.max()) <= -(-n_tracks // count())
        np.testing.assert_array_equal(gathered(part.targets + 1, corpus), corpus.targets + 1)


def a_batch_norm_sees_the_whole_batch(name: str) -> None:
    """Outputs, gradients and statistics are those of torch's own batch norm on all rows."""
    norm, shape = SHAPES[name]
    draw = torch.Generator().manual_seed(0)
    rows, slopes = (torch.randn(shape, generator=draw) for _ in range(2))
    rows = 3 * rows + 1000 * torch.arange(8).view(-1, *[1] * (len(shape) - 1))  # each process hears another level
    with torch.no_grad():
        for values in norm.parameters():
            values.copy_(torch.randn(values.shape, generator=draw))
    model = nn.Sequential(copy.deepcopy(norm))
    synchronise(model)
    assert isinstance(model[0], SynchronisedBatchNorm)
    own = own_share(range(8))
    for training in (True, True, False):
        expected = through(norm.train(training), rows, slopes)
        found = through(model.train(training), rows[own.start : own.stop], slopes[own.start : own.stop])
        assert_close(from_all(found.pop("outputs")).flatten(0, 1), expected.pop("outputs"))
        assert_close(from_all(found.pop("of rows")).flatten(0, 1), expected.pop("of rows"))
        for key, value in expected.items():
            assert_close(from_all(found[f"0.{key}"]).sum(0) / (count() if "running" in key else 1), value)
    assert [f"0.{key}" for key in norm.state_dict()] == list(model.state_dict())
    assert model.state_dict()["0.num_batches_tracked"] == 2


def a_group_is_at_work_during_an_optimizers_first_step() -> None:
    """Torch imports much for it, and some of that would keep the group, which `main` looks for in the end."""
    GROUPS.add(_get_default_group())
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.Adam([weight])
    weight.sum().backward()
    optimizer.step()


def through(model: nn.Module, rows: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """Return outputs, gradients and running statistics, by name."""
    model.zero_grad()
    rows = rows.clone().requires_grad_()
    outputs: Tensor = model(rows)
    outputs.backward(slopes)
    assert rows.grad is not None
    found = {"outputs": outputs.detach(), "of rows": rows.grad}
    found |= {name: values.grad for name, values in model.named_parameters() if values.grad is not None}
    return found | {name: values.clone() for name, values in model.named_buffers() if "running" in name}


def assert_close(found: Tensor, expected: Tensor) -> None:
    """Compare to float32's digits of the largest value."""
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6 * float(expected.abs().max()))


def break_targets(number: int) -> None:
    """Have targets that are no numbers in the `number`th update of the first training, and of no other."""
    original = TrainingPatches.batch
    updates = 0

    def broken(patches: TrainingPatches, update: int) -> tuple[Int16Array, Float32Array]:
        nonlocal updates
        updates += 1
        audio, targets = original(patches, update)
        return audio, targets * np.float32("nan") if updates == number else targets

    setattr(TrainingPatches, TrainingPatches.batch.__name__, broken)


if __name__ == "__main__":
    main()
