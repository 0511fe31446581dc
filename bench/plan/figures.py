"""Figures: what the stages of small runs of a study cost on a machine, as JSON there and back."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.costs import Spent
from bench.digest import json_digest
from bench.errors import InputError
from bench.plan.growth import Form
from bench.plan.stages import Extent, Work, all_work
from bench.speed import Findings, Row
from bench.study import Study

ADDED_UP = ("corpus", "divide")  # done in several goes
SAME_LENGTH = 0.1  # relative: what songs may be longer or shorter than those that were measured


class Figure(BaseModel):
    """What a stage cost once: CPU seconds, seconds, bytes on disk, bytes of memory `held` before it and added to that.

    `device`, "cpu" or "cuda", is where networks ran; the rest is that of the `Work` that was done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stage: str
    label: str
    amounts: tuple[float, ...]
    tracks: float
    form: Form
    device: Literal["cpu", "cuda"]
    cpu_seconds: float
    seconds: float
    held: float
    memory: float
    disk: float

    @property
    def told(self) -> str:
        """How much was done, to be read."""
        return " + ".join(f"{amount:,.0f}" for amount in self.amounts)


class Figures(BaseModel):
    """Figures of a study's `entries`, by their labels what they compute with, and the machine they were measured on.

    Their songs were so many `seconds` long.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    machine: dict[str, object]
    seconds: float
    entries: dict[str, str]
    stages: list[Figure]

    def findings(self) -> Findings:
        """Return the CPU seconds of each stage in the largest of its runs."""
        largest: dict[tuple[str, str], Figure] = {}
        for figure in self.stages:
            key = figure.stage, figure.label
            largest[key] = max(largest.get(key, figure), figure, key=lambda one: one.amounts[-1])
        return Findings(
            tuple(
                Row(f"{stage} {label}".strip().replace(" ", "_") + "_cpu_seconds", of.cpu_seconds, f"CPU s, {of.told}")
                for (stage, label), of in largest.items()
            )
        )

    def as_json(self) -> str:
        """Return all as JSON, for `read_figures`, with the rows that every speed has."""
        content = json.loads(self.findings().json("stages", self.machine))
        content |= {"seconds": self.seconds, "entries": self.entries}
        content["stages"] = [figure.model_dump() for figure in self.stages]
        return json.dumps(content, indent=1, allow_nan=False) + "\n"

    def replaced_by(self, other: "Figures") -> "Figures":
        """Return these figures, with the other's in place of those of the same stages and entries."""
        theirs = {(figure.stage, figure.label) for figure in other.stages}
        kept = [figure for figure in self.stages if (figure.stage, figure.label) not in theirs]
        entries = self.entries | other.entries
        return Figures(machine=self.machine, seconds=self.seconds, entries=entries, stages=[*kept, *other.stages])

    def check(self, study: Study, seconds: float, told: Path) -> None:
        """Raise `InputError` where they tell nothing of a study with songs of so many seconds: other songs or settings.

        They are `told` by a file.
        """
        again = f"measure study {study.name} by `tagbench speed stages`"
        if abs(self.seconds - seconds) > SAME_LENGTH * seconds:
            raise InputError(f"{told} tells of songs of {self.seconds:g} s, and here they have {seconds:g} s; {again}")
        for label, computing in computed_with(study).items():
            if self.entries.get(label, computing) != computing:
                raise InputError(f"{told} tells of {label} with other settings; {again}")


def computed_with(study: Study) -> dict[str, str]:
    """Return a name for how each entry computes and hears, by its label."""
    return {
        entry.label: json_digest(
            [
                entry.family,
                entry.tagger.model_dump(mode="json"),
                entry.audio and entry.audio.model_dump(),
                study.threads,
            ]
        )
        for entry in study.entries()
    }


def read_figures(file: Path) -> Figures:
    """Read what `tagbench speed stages --json` wrote; raises `InputError` where it is anything else."""
    try:
        return Figures.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(
            f"{file} holds no figures of stages; write it by `tagbench speed stages STUDY --json`"
        ) from error


def figures_of(study: Study, extent: Extent, spent: Sequence[Spent], device: Literal["cpu", "cuda"]) -> list[Figure]:
    """Return what a run of a study has spent, a figure a stage; each training has to have been as long as it may."""
    together: dict[tuple[str, str, int], list[Spent]] = defaultdict(list)
    for each in spent:
        together[each.stage, each.label, each.n_train].append(each)
    works = {(work.stage, work.label, work.n_train): work for work in all_work(study, extent, lambda steps: steps.most)}
    return [_figure(works[key], done, device) for key, done in together.items() if key in works]


def _figure(work: Work, done: Sequence[Spent], device: Literal["cpu", "cuda"]) -> Figure:
    count = 1 if work.stage in ADDED_UP else len(done)
    costs = [each.cost for each in done]
    return Figure(
        stage=work.stage,
        label=work.label,
        amounts=work.amounts,
        tracks=work.tracks,
        form=work.form,
        device=device,
        cpu_seconds=sum(cost.cpu_seconds for cost in costs) / count,
        seconds=sum(cost.seconds for cost in costs) / count,
        held=min(cost.held for cost in costs),
        memory=max(max(0.0, cost.memory - cost.held) for cost in costs),
        disk=sum(cost.disk for cost in costs) / count,
    )


def relabelled(figures: Iterable[Figure], labels: dict[str, str]) -> list[Figure]:
    """Return figures under other labels, where some entries stand for others."""
    return [figure.model_copy(update={"label": labels.get(figure.label, figure.label)}) for figure in figures]
