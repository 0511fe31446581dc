"""Figures that are kept in the cache, so that nothing is measured twice on a machine."""

import os
from pathlib import Path

from bench.digest import json_digest
from bench.errors import InputError
from bench.locks import making
from bench.plan.figures import Figures, computed_with, read_figures
from bench.plan.measuring import MOST_EXCERPTS, MOST_ROWS, measure_stages
from bench.plan.scope import Scope
from bench.plan.small_runs import Report
from bench.progress import say
from bench.speed import describe_machine
from bench.whole_file import written_aside

PACKAGES = ("tagbench", "numpy", "torch", "xgboost", "essentia", "scikit-learn")
FIGURES_VERSION = 3  # raise it whenever something else is measured
PASSING = ("load_average",)  # of a machine


def known_figures(scope: Scope, *, device: str, cache: Path, report: Report, again: bool = False) -> Figures:
    """Return the figures of a study on this machine, measuring them where they are not in the cache, or `again`.

    Two that measure would slow each other: the second waits, and takes what the first has found.
    """
    machine = describe_machine(PACKAGES)
    file = cache / "speed" / f"stages-{_key(scope, machine, device)}.json"
    if again or (kept := _kept(file)) is None:
        before = _changed(file)
        with making(cache, ["speed"]):
            found = None if _changed(file) == before else _kept(file)
            return found or _measured(scope, machine, file, device=device, cache=cache, report=report)
    return kept


def _kept(file: Path) -> Figures | None:
    """Return the figures in a file of the cache; None where it is not there, or damaged."""
    try:
        return read_figures(file)
    except InputError:
        return None


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def _measured(
    scope: Scope, machine: dict[str, object], file: Path, *, device: str, cache: Path, report: Report
) -> Figures:
    say(f"measuring small runs of {scope.study.name}, for some minutes; leave the machine alone meanwhile")
    stages = measure_stages(
        scope.study,
        scope.extent,
        seconds=scope.seconds,
        device=device,
        cache=cache,
        workers=os.cpu_count() or 1,
        report=report,
    )
    entries = computed_with(scope.study)
    figures = Figures(machine=machine, seconds=scope.seconds, entries=entries, stages=stages)
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(file) as aside:
        aside.write_text(figures.as_json(), encoding="utf-8")
    return figures


def _key(scope: Scope, machine: dict[str, object], device: str) -> str:
    """Name what figures depend on: the machine, how entries compute, how large the small runs may be at most."""
    lasting = {name: value for name, value in machine.items() if name not in PASSING}
    extent, study = scope.extent, scope.study
    sizes = [min(extent.tracks, MOST_ROWS), extent.tags, min(max(extent.sizes), MOST_EXCERPTS), scope.seconds]
    return json_digest([FIGURES_VERSION, lasting, computed_with(study), sizes, study.corpus.name, device])
