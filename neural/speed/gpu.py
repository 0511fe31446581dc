"""Training steps on a GPU: bf16, compiled and captured, against the plain eager float32 loop on the same GPU."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.progress import progress_bar
from bench.speed import Findings, Row
from neural.speed.contest import FRONT_ENDS, Contest, Step, our_step, plain_step

MATRIX = 8192  # rows and columns of the product that tells the device's own rate
WARM_UPS = 5  # steps, in which kernels are chosen, compiled and captured
LOOP_SECONDS = 3.0  # at least, of each measurement


def compare_gpu(batch_sizes: Sequence[int], seconds: float, narrower: int, device: torch.device) -> Findings:
    """Return patches per second at each batch size, against the plain loop at the first, and as a share of the rate.

    The ratio `gpu_patches_vs_plain` is that of the network that gains less.
    """
    rate = matrix_rate(device)
    found = Findings((Row("gpu_matrix_rate", rate / 1e12, f"TFLOP/s, bf16, {torch.cuda.get_device_name(device)}"),))
    with progress_bar(len(FRONT_ENDS) * (1 + len(batch_sizes)), "steps on the GPU", "measurement") as bar:
        for frontend in FRONT_ENDS:
            contests = [Contest(frontend, size, seconds, narrower) for size in batch_sizes]
            plain = patches_per_second(contests[0], plain_step(contests[0], device), device)
            bar.update()
            ours = []
            for contest in contests:
                ours.append(patches_per_second(contest, our_step(contest, "bf16", device), device))
                bar.update()
            found += _findings(contests, plain, ours, patch_flops(contests[0], device), rate)
    gains = [gain for name, gain in found.ratios.items() if name.startswith("gpu_patches_vs_plain_")]
    return found + Findings(ratios={"gpu_patches_vs_plain": min(gains)})


def _findings(contests: Sequence[Contest], plain: float, ours: Sequence[float], work: float, rate: float) -> Findings:
    """`work` is the operations of a patch, `rate` the device's operations a second."""
    first = contests[0]
    name = first.frontend
    rows = [Row(f"gpu_patches_{name}_plain", plain, f"patches/s, batch {first.batch_size}, eager float32")]
    for contest, speed in zip(contests, ours, strict=True):
        which = f"{name}_{contest.batch_size}"
        rows.append(Row(f"gpu_patches_{which}", speed, f"patches/s, batch {contest.batch_size}, bf16"))
        rows.append(Row(f"gpu_matrix_share_{which}", 100 * speed * work / rate, "% of the matrix rate"))
    return Findings(tuple(rows), {f"gpu_patches_vs_plain_{name}": ours[0] / plain})


def patches_per_second(contest: Contest, step: Step, device: torch.device) -> float:
    """Return how many patches a step trains a second, batches being on the device already."""
    batch = contest.batch(device)
    return contest.batch_size / _seconds(lambda: step(*batch), device)


def matrix_rate(device: torch.device) -> float:
    """Return the floating-point operations a second of a large bf16 matrix product."""
    one, other = (torch.randn(MATRIX, MATRIX, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * MATRIX**3 / _seconds(lambda: one @ other, device)


def patch_flops(contest: Contest, device: torch.device) -> float:
    """Return the floating-point operations of a training step of the plain network, a patch, counted on two."""
    few = replace(contest, batch_size=2)
    step, batch = plain_step(few, device), few.batch(device)
    with FlopCounterMode(display=False) as counter:
        step(*batch)
    return float(counter.get_total_flops()) / few.batch_size


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the mean seconds of a call over some seconds, the device having ended what was asked of it."""
    for _ in range(WARM_UPS):
        work()
    torch.cuda.synchronize(device)
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < LOOP_SECONDS:
        work()
        count += 1
    torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / count
