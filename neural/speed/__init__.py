"""`tagbench speed neural`: training steps of both networks, side by side with their plain translation."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.progress import say
from bench.speed import Findings
from neural.speed.gpu import compare_gpu
from neural.speed.losses import compare_losses
from neural.speed.steps import compare_steps

PACKAGES = ("tagbench", "numpy", "torch")


@dataclass(frozen=True)
class Sizes:
    """How much is measured; `narrower` divides the paper's widths, seconds are of a patch."""

    narrower: int = 1
    seconds: float = 15.0
    batch_size: int = 16
    laps: int = 7
    loss_tracks: int = 100
    loss_seconds: float = 1.5
    loss_steps: int = 200
    loss_seeds: int = 3
    gpu_batch_sizes: tuple[int, ...] = (16, 64, 256)


FULL = Sizes()
QUICK = Sizes(
    narrower=8, seconds=2.0, batch_size=2, laps=1, loss_tracks=8, loss_seconds=1.5, loss_steps=2, loss_seeds=2
)


def compare_neural(sizes: Sizes, *, cache: Path, workers: int, threads: int) -> Findings:
    """Measure steps on the CPU, the losses of both precisions, and steps on the GPU where there is one."""
    cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    say(f"training steps of {sizes.batch_size} patches of {sizes.seconds:g} s on {threads} threads")
    with tempfile.TemporaryDirectory(dir=cache, prefix="speed-") as scratch:
        found = compare_steps(
            sizes.narrower,
            sizes.seconds,
            sizes.batch_size,
            laps=sizes.laps,
            threads=threads,
            scratch=Path(scratch),
        )
    found += compare_losses(
        sizes.loss_tracks,
        sizes.loss_seconds,
        steps=sizes.loss_steps,
        seeds=sizes.loss_seeds,
        cache=cache,
        workers=workers,
        device=device,
    )
    if device.type == "cpu":
        say("no GPU was measured: torch finds no CUDA device here")
        return found
    return found + compare_gpu(sizes.gpu_batch_sizes, sizes.seconds, sizes.narrower, device)
