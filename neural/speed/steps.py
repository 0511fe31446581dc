"""A training step on the CPU: ours in both precisions against the plain eager float32 loop, and reading its patches.

Each contestant has a process of its own, with torch's threads as a study has them; the plain loop's memory is left to
the C library as it comes. They take turns step by step. Time is on the wall, since threads that wait use no CPU time.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from bench.audio import AudioSettings
from bench.corpus import Corpus, Tag
from bench.errors import StudyFailedError
from bench.speed import Findings, Lap, Row, median_seconds, take_turns
from bench.store import Store, StoredTrack
from neural.allocation import keep_freed_memory
from neural.patches import TrainingPatches
from neural.speed.contest import FRONT_ENDS, RATE, TAGS, Contest, FrontEnd, Step, our_step, plain_step

Contestant = Literal["bf16", "float32", "plain"]
CONTESTANTS = get_args(Contestant)
CPU = torch.device("cpu")
CLOSE = 1e-4  # two float32 networks of the same weights differ by rounding alone
TRACKS, TRACK_SECONDS = 64, 60.0  # of the store that reading is measured on


@dataclass(frozen=True)
class Turn:
    """What a contestant makes a step of, and its threads."""

    contest: Contest
    threads: int


def compare_steps(
    narrower: int, seconds: float, batch_size: int, *, laps: int, threads: int, scratch: Path
) -> Findings:
    """Return the median seconds of each contestant's step for both networks, and ours as a share of the plain one's."""
    found = Findings()
    reading = reading_seconds(seconds, batch_size, laps, scratch)
    for frontend in FRONT_ENDS:
        turn = Turn(Contest(frontend, batch_size, seconds, narrower), threads)
        found += _difference(turn.contest)
        contestants: dict[str, Callable[[Turn], float]] = {
            which: partial(seconds_of_step, which) for which in CONTESTANTS
        }
        taken = take_turns(contestants, [turn], laps=laps, warm_up=turn)
        found += _findings(frontend, taken, reading, f"{batch_size} patches of {seconds:g} s, {threads} threads")
    return found


def _difference(contest: Contest) -> Findings:
    difference = replace(contest, batch_size=2).difference()
    if difference > CLOSE:
        raise StudyFailedError(f"the plain {contest.frontend} network gives other scores, by {difference:g}")
    return Findings((Row(f"step_difference_{contest.frontend}", difference, "of scores, float32 against plain"),))


def _findings(frontend: FrontEnd, taken: dict[str, list[Lap[float]]], reading: float, what: str) -> Findings:
    wall = {which: statistics.median(lap.result for lap in laps) for which, laps in taken.items()}
    rows = [Row(f"step_seconds_{frontend}_{which}", wall[which], f"s, {what}") for which in wall]
    rows += [
        Row(f"step_cpu_seconds_{frontend}_{which}", median_seconds(laps), f"CPU s, {what}")
        for which, laps in taken.items()
    ]
    rows += [
        Row(f"step_peak_memory_{frontend}_{which}", laps[-1].peak_memory, f"MB, {what}")
        for which, laps in taken.items()
    ]
    rows.append(Row(f"reading_share_{frontend}", 100 * reading / wall["bf16"], "% of the bf16 step"))
    shares = {f"cpu_step_{frontend}": "bf16", f"cpu_step_float32_{frontend}": "float32"}
    return Findings(tuple(rows), {name: wall[which] / wall["plain"] for name, which in shares.items()})


def seconds_of_step(which: Contestant, turn: Turn) -> float:
    """Make one training step and return how many seconds it took."""
    torch.set_num_threads(turn.threads)
    step, patches, targets = _prepared(which, turn.contest)
    start = time.perf_counter()
    step(patches, targets)
    return time.perf_counter() - start


@lru_cache(maxsize=1)
def _prepared(which: Contestant, contest: Contest) -> tuple[Step, torch.Tensor, torch.Tensor]:
    """Build a contestant, in a process that is its own from now on."""
    if which == "plain":
        return plain_step(contest, CPU), *contest.batch(CPU)
    keep_freed_memory()
    return our_step(contest, which, CPU), *contest.batch(CPU)


def reading_seconds(seconds: float, batch_size: int, laps: int, scratch: Path) -> float:
    """Return the median seconds it takes to read a batch of random patches from a store of a few hundred MB."""
    patches = _stored_patches(seconds, batch_size, scratch)
    taken = []
    for number in range(10 * laps):
        start = time.perf_counter()
        patches.batch(number)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _stored_patches(seconds: float, batch_size: int, scratch: Path) -> TrainingPatches:
    """Write a shard of noise, and return patches of its tracks."""
    shard, length = scratch / "noise.i16", round(TRACK_SECONDS * RATE)
    draw = np.random.default_rng(0)
    with shard.open("wb") as output:
        for _ in range(TRACKS):
            output.write(draw.integers(-3000, 3000, length, dtype=np.int16).tobytes())
    ids = np.array([f"noise {number}" for number in range(TRACKS)])
    tracks = {name: StoredTrack(shard, place * length, length, RATE) for place, name in enumerate(ids.tolist())}
    tags = tuple(Tag(f"tag {number}", "classification") for number in range(TAGS))
    corpus = Corpus("noise", "1", scratch, tags, ids, ids, ids, np.zeros((TRACKS, TAGS), np.float32))
    return TrainingPatches(corpus, Store(AudioSettings(), tracks, {}), round(seconds * RATE), batch_size, 0)
