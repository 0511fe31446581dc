"""What training the trees costs against the number of tracks, and what that foretells for the paper's 1.2 million.

Each size is trained in fresh processes with one thread, by `GBT`'s defaults, on synthetic descriptors without missing
values: the first tracks of one memory-mapped file, and a tenth as many for validation, which every round evaluates.
Every tag gets the same number of rounds, so that sizes compare. Training for a single round beside it tells apart what
a chunk of tags costs once (reading and quantising) and what each round of a tag costs; a straight line through each
gives the hours for all tags. Peak memory is that of the process, mapped pages of the raw file included.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from baselines.boosting import Part, Rounds, bin_edges, boost_tags
from baselines.gbt import GBT, TAGS_PER_CHUNK
from baselines.speed.training import Contest
from bench.corpus import Tag
from bench.progress import progress_bar
from bench.speed import Findings, Row, call_apart

TAGS = 3
PAPER_TRACKS, PAPER_TAGS = 1_200_000, 139
INFORMATIVE = 8  # columns that the labels depend on
ROWS_A_BATCH = 10_000


@dataclass(frozen=True)
class _Cost:
    """CPU seconds of all of a training, of quantising, and of a round of a tag; peak memory in MB."""

    whole: float
    quantising: float
    a_round: float
    peak_memory: float


def measure_scaling(sizes: Sequence[int], columns: int, rounds: int, folder: Path) -> Findings:
    """Return CPU seconds and peak memory of each size, the powers they grow with, and the figures for the paper's."""
    tags = tuple(Tag(f"synthetic {number}", "classification") for number in range(TAGS))
    contest = Contest(GBT(), tags, folder)
    with progress_bar(1 + 2 * len(sizes), "training against tracks", "step") as bar:
        _write_synthetic(contest, max(sizes), columns)
        bar.update()
        idle = call_apart("trees", train_nothing).peak_memory
        costs = []
        for size in sizes:
            once = call_apart("trees", train_tags, contest, size, rounds=1)
            bar.update()
            whole = call_apart("trees", train_tags, contest, size, rounds=rounds)
            bar.update()
            a_round = (whole.cpu_seconds - once.cpu_seconds) / (rounds - 1) / TAGS
            costs.append(_Cost(whole.cpu_seconds, once.cpu_seconds - TAGS * a_round, a_round, whole.peak_memory))
    what = f"{TAGS} tags, {rounds} rounds"
    rows = [
        Row(f"training_cpu_seconds_{size}x{columns}", cost.whole, f"CPU s, {what}")
        for size, cost in zip(sizes, costs, strict=True)
    ]
    rows += [
        Row(f"training_peak_memory_{size}x{columns}", cost.peak_memory, f"MB, {what}")
        for size, cost in zip(sizes, costs, strict=True)
    ]
    return Findings(
        (*rows, *_growth(sizes, costs, idle), *_foretold(sizes, costs, columns, contest.settings.max_rounds))
    )


def train_tags(contest: Contest, tracks: int, rounds: int) -> None:
    """Train all tags for so many rounds on the first tracks of the training part."""
    seen, unseen = _first(contest.part("train"), tracks), _first(contest.part("valid"), tracks // 10)
    tasks = [contest.task(column, seen) for column in range(len(contest.tags))]
    never_early = Rounds(most=rounds, fixed=rounds, patience=rounds)
    boost_tags(tasks, never_early, bin_edges(seen.values, contest.settings.max_bin), seen, unseen)


def _first(part: Part, tracks: int) -> Part:
    return Part(part.values[:tracks], part.targets[:tracks])


def train_nothing() -> None:
    """Do nothing: the memory of a process that does is that of what it imports."""


def _growth(sizes: Sequence[int], costs: Sequence[_Cost], idle: float) -> list[Row]:
    """Fit powers: an exponent of 1 is growth in proportion to the tracks; `idle` MB are there without any."""

    def exponent(values: Sequence[float]) -> float:
        return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])

    return [
        Row("training_cpu_exponent", exponent([cost.whole for cost in costs]), "power of tracks"),
        Row("training_memory_exponent", exponent([cost.peak_memory - idle for cost in costs]), "power of tracks"),
    ]


def _foretold(sizes: Sequence[int], costs: Sequence[_Cost], columns: int, rounds: int) -> list[Row]:
    """Extend straight lines to the paper's corpus; every tag is assumed to train for `rounds` rounds."""

    def at_paper(values: Sequence[float]) -> float:
        return float(np.polyval(np.polyfit(sizes, values, 1), PAPER_TRACKS))

    chunks = math.ceil(PAPER_TAGS / TAGS_PER_CHUNK)
    seconds = chunks * at_paper([cost.quantising for cost in costs])
    seconds += PAPER_TAGS * rounds * at_paper([cost.a_round for cost in costs])
    assumed = f"{columns:,} descriptors, {rounds:,} rounds a tag"
    memory = at_paper([cost.peak_memory for cost in costs]) / 1000
    return [
        Row(f"training_cpu_hours_{PAPER_TRACKS}x{PAPER_TAGS}", seconds / 3600, f"CPU h, {assumed}"),
        Row(f"training_peak_memory_gb_{PAPER_TRACKS}", memory, f"GB a process, {columns:,} descriptors"),
    ]


def _write_synthetic(contest: Contest, tracks: int, columns: int) -> None:
    """Write noise whose first columns decide the tags, some rows at a time: the file may be larger than the memory."""
    draw = np.random.default_rng(0)
    weights = draw.standard_normal((INFORMATIVE, TAGS))
    for name, count in (("train", tracks), ("valid", tracks // 10)):
        values = open_memmap(contest.folder / f"{name}.npy", mode="w+", dtype=np.float32, shape=(count, columns))
        for first in range(0, count, ROWS_A_BATCH):
            batch = values[first : first + ROWS_A_BATCH]
            batch[:] = draw.standard_normal(batch.shape, np.float32)
        values.flush()
        signal = values[:, :INFORMATIVE] @ weights + draw.standard_normal((count, TAGS))
        np.save(contest.folder / f"{name}_targets.npy", (signal > 0).astype(np.float32))
