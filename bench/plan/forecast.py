"""From figures to what a study will cost: a line for each thing that it does, and the whole."""

import math
from dataclasses import dataclass

import numpy as np

from bench.errors import InputError
from bench.plan.figures import Figure, Figures
from bench.plan.growth import NOTHING, Law, Measurements, Range, fit_laws
from bench.plan.stages import HOLDING, OF_SHARDS, OF_TAGS, ON_GPUS, ON_ONE_GPU, Extent, Work, all_work, is_made
from bench.store import shard_count
from bench.study import Study
from bench.tagger import Steps

FLOORS = {"cpu_seconds": 0.1, "seconds": 0.1, "disk": 1e5, "memory": 1e7}  # less is lost in what a clock can tell
LEAST_NOISE = {"cpu_seconds": 0.05, "seconds": 0.05, "disk": 0.01, "memory": 0.05}  # however few residuals are
CLOCKS = ("cpu_seconds", "seconds")
GPU = "cuda"

Key = tuple[str, str, str]  # quantity, stage, label


@dataclass(frozen=True)
class Line:
    """What something costs: bytes on disk, bytes of memory at the peak, seconds of CPU, GPU and wall.

    `gpu` is None where it runs on none.
    """

    title: str
    disk: Range
    memory: Range
    cpu: Range
    gpu: Range | None
    wall: Range

    def joined(self, other: "Line") -> "Line":
        """Return both, one after the other, under the first one's title."""
        gpus = [gpu for gpu in (self.gpu, other.gpu) if gpu is not None]
        return Line(
            self.title,
            self.disk + other.disk,
            self.memory.or_more(other.memory),
            self.cpu + other.cpu,
            sum(gpus, NOTHING) if gpus else None,
            self.wall + other.wall,
        )


@dataclass(frozen=True)
class Forecast:
    """The lines of a study in the order in which it does things, and what they are worked out for."""

    study: Study
    extent: Extent
    lines: list[Line]
    workers: int
    gpus: int

    @property
    def whole(self) -> Line:
        """All lines one after another; the ends of intervals are added, as what slows a machine slows all of it."""
        whole = Line("the whole", NOTHING, NOTHING, NOTHING, None, NOTHING)
        for line in self.lines:
            whole = whole.joined(line)
        return whole


class Laws:
    """The laws of all stages, for each quantity."""

    def __init__(self, figures: Figures) -> None:
        rows: dict[tuple[str, str], list[Figure]] = {}
        for figure in figures.stages:
            rows.setdefault((figure.stage, figure.label), []).append(figure)
        self._laws: dict[Key, Law] = {}
        for quantity in FLOORS:
            fitted = fit_laws(
                {(quantity, *key): _measurements(quantity, of) for key, of in rows.items()},
                least_noise=LEAST_NOISE[quantity],
            )
            self._laws.update(fitted)
        self.devices = {key: of[0].device for key, of in rows.items()}
        self._before = {key: min(figure.held for figure in of) for key, of in rows.items()}

    def __contains__(self, work: Work) -> bool:
        return ("disk", work.stage, work.label) in self._laws

    def of(self, quantity: str, work: Work) -> Range:
        """Return what a work costs, done once; of memory, what it adds."""
        amounts = work.amounts if _by_amounts(quantity, work) else (1.0, work.tracks)
        return self._laws[quantity, work.stage, work.label].at(amounts)

    def memory(self, work: Work, tracks: float) -> Range:
        """Return the memory at the peak of a work: what was there in small runs, what it adds, and what a corpus holds.

        A corpus of so many `tracks` is taken to hold what was added when it was loaded, and its parts when it was
        divided.
        """
        before = self._before[work.stage, work.label]
        whole = self.of("memory", work) + Range(before, before, before)
        for stage in HOLDING[: HOLDING.index(work.stage) if work.stage in HOLDING else None]:
            whole = whole + self._laws["memory", stage, ""].at((0.0, tracks))
        return whole


def _by_amounts(quantity: str, of: Work | Figure) -> bool:
    """Tell whether a quantity grows with amounts of work; else it is fixed, or grows with tracks."""
    return quantity in CLOCKS or (quantity == "disk" and len(of.amounts) > 1)


def _measurements(quantity: str, figures: list[Figure]) -> Measurements:
    costs = np.array([getattr(figure, quantity) for figure in figures])
    if _by_amounts(quantity, figures[0]):
        amounts = np.array([figure.amounts for figure in figures])
        return Measurements(amounts, costs, figures[0].form, FLOORS[quantity])
    amounts = np.array([[1.0, figure.tracks] for figure in figures])
    return Measurements(amounts, costs, "linear", FLOORS[quantity])


def foretell(study: Study, extent: Extent, figures: Figures, *, workers: int, gpus: int) -> Forecast:
    """Return what a study of that extent costs, by figures of the same entries.

    Raises `InputError` where the figures lack an entry.
    """
    laws = Laws(figures)
    runs = [all_work(study, extent, choose) for choose in (fewest, middle, most)]
    lines: dict[str, Line] = {}
    for low, mid, high in zip(*runs, strict=True):
        if mid not in laws:
            if mid.stage == "validate":  # its family does not tell it apart from training
                continue
            raise InputError(f"the figures tell nothing of {_title(study, mid)}; they are of another study")
        line = _line(study, (low, mid, high), laws, workers=workers, gpus=gpus, extent=extent)
        lines[line.title] = lines[line.title].joined(line) if line.title in lines else line
    return Forecast(study, extent, list(lines.values()), workers, gpus)


def fewest(steps: Steps) -> float:
    """Return the least steps that a training may take."""
    return steps.least


def most(steps: Steps) -> float:
    """Return the most."""
    return steps.most


def middle(steps: Steps) -> float:
    """Return the geometric mean of both, as nothing is known of where between them it ends."""
    return math.sqrt(steps.least * steps.most)


def _line(study: Study, works: tuple[Work, Work, Work], laws: Laws, *, workers: int, gpus: int, extent: Extent) -> Line:
    def cost(quantity: str) -> Range:
        low, mid, high = (laws.of(quantity, work).times(work.times) for work in works)
        return Range(low.low, mid.mid, high.high)

    work, seconds = works[1], cost("seconds")
    tagger = next((entry.tagger for entry in study.entries() if entry.label == work.label), None)
    shares = tagger is not None and tagger.shares_work
    can_use_gpu = tagger is not None and tagger.trains_on_gpu and work.stage in (ON_GPUS if shares else ON_ONE_GPU)
    on_gpu = can_use_gpu and laws.devices[work.stage, work.label] == GPU
    hands = (gpus if shares else 1) if on_gpu else min(workers, _most_hands(study, work, extent, shares=shares))
    memory = laws.memory(work, extent.tracks)
    return Line(
        _title(study, work),
        cost("disk"),
        memory,
        cost("cpu_seconds"),
        seconds if on_gpu else None,
        seconds.times(1 / hands),
    )


def _most_hands(study: Study, work: Work, extent: Extent, *, shares: bool) -> int:
    """Return by how many workers a work can be shared out: track by track, shard by shard or tag by tag."""
    if work.stage == "corpus" and is_made(study):
        return extent.tracks
    if work.stage in OF_SHARDS:
        return shard_count(extent.tracks)
    return extent.tags if work.stage in OF_TAGS and not shares else 1


def _title(study: Study, work: Work) -> str:
    titles = {
        "corpus": "make the songs" if is_made(study) else "load the tracks",
        "divide": "divide them",
        "decode": "decode",
        "compare": "look for copies",
        "prepare": "describe",
        "keep": "measure and keep",
        "save": "measure and keep",
        "log": "log to MLflow",
        "report": "report",
        "validate": f"{work.label}: training",
        "predict otherwise": f"{work.label}: scoring",
        "predict": f"{work.label}: scoring",
        "train": f"{work.label}: training",
    }
    return titles[work.stage]
