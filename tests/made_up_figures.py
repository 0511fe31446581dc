"""Figures as `tagbench speed stages` would measure them on a machine where every amount has a known price."""

from functools import partial
from pathlib import Path
from typing import Literal

from bench.plan.figures import Figure, Figures, computed_with
from bench.plan.scope import SONG_SECONDS
from bench.plan.stages import Extent, all_work
from bench.study import Study
from bench.tagger import Steps

PRICE = {"train": 0.002, "validate": 0.01, "predict": 0.005}  # CPU seconds an amount
CHEAP = 1e-9
MEGABYTE = 1e6


def made_up(study: Study, *, device: Literal["cpu", "cuda"] = "cpu", seconds: float = SONG_SECONDS) -> Figures:
    """Return figures of three small runs on songs of so many seconds."""
    figures = []
    for tracks in (1000, 2000, 4000):
        extent = Extent(tracks, 10, (tracks // 2,), tracks // 4, tracks // 4)
        done = all_work(study, extent, partial(_so_many, tracks // 100))
        works = {(work.stage, work.label): work for work in done}
        for work in works.values():
            cpu = sum(PRICE.get(work.stage, CHEAP) * amount for amount in work.amounts)
            figures.append(
                Figure(
                    stage=work.stage,
                    label=work.label,
                    amounts=work.amounts,
                    tracks=work.tracks,
                    form=work.form,
                    device=device,
                    cpu_seconds=cpu,
                    seconds=cpu / 2,
                    held=100 * MEGABYTE,
                    memory=1000 * work.tracks,
                    disk=MEGABYTE * (tracks if work.stage == "decode" else 1),
                )
            )
    return Figures(machine={"processor": "made up"}, seconds=seconds, entries=computed_with(study), stages=figures)


def _so_many(steps: int, of: Steps) -> float:  # noqa: ARG001 - whatever their rule says
    return steps


def written(study: Study, file: Path, *, device: Literal["cpu", "cuda"] = "cpu") -> Path:
    """Write such figures to a file, and return it."""
    file.write_text(made_up(study, device=device).as_json(), encoding="utf-8")
    return file
