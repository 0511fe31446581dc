"""The command that says what a study will cost."""

import os
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import cache_option, check_folder, device_option, root_option, write_asked

if TYPE_CHECKING:
    from bench.plan.figures import Figures
    from bench.plan.scope import Scope

tracks_option = click.option(
    "--tracks", type=click.IntRange(1), help="Plan for so many tracks, of a corpus that need not be here."
)
tags_option = click.option("--tags", type=click.IntRange(1), help="With so many tags.  [default: the corpus's, or 139]")
seconds_option = click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=600),
    help="Length of a song.  [default: what the corpus says, or 240]",
)


@click.command()
@click.argument("study")
@root_option
@tracks_option
@tags_option
@seconds_option
@click.option("--gpus", type=click.IntRange(1), default=1, show_default=True, help="GPUs that networks train on.")
@click.option(
    "--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, help="Processes of the run."
)
@click.option(
    "--figures",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `tagbench speed stages --json` wrote, perhaps on another machine; of several, the last counts.",
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write the plan there too."
)
@cache_option
@device_option
def plan(
    study: str,
    root: Path | None,
    tracks: int | None,
    tags: int | None,
    seconds: float | None,
    gpus: int,
    workers: int,
    figures: tuple[Path, ...],
    file: Path | None,
    cache: Path,
    device: str,
) -> None:
    """Say what a STUDY will cost before it runs: disk, memory, CPU and GPU hours and wall time, with intervals.

    It rests on what `tagbench speed stages` measures on this machine: small runs of the very study. Where they are not
    in --cache, they are made first, which takes minutes; leave the machine alone meanwhile. Of the corpus only the
    metadata are read; with --tracks it need not be here.
    """
    from bench.plan.forecast import foretell
    from bench.plan.page import as_json, sentences, table

    check_folder(file)
    scope = told_scope(study, root, cache, tracks, tags, seconds)
    known = _known(scope, figures, cache, device)
    forecast = foretell(scope.study, scope.extent, known, workers=workers, gpus=gpus)
    click.echo(f"{table(forecast)}\n")
    for sentence in (_of_what(scope), *sentences(forecast)):
        click.echo(sentence)
    if file is not None:
        write_asked(file, as_json(forecast, known.machine))


def told_scope(
    study: str, root: Path | None, cache: Path, tracks: int | None, tags: int | None, seconds: float | None
) -> "Scope":
    """Return what is to be planned, or measured for a plan."""
    from bench.plan.scope import Told, scope_of
    from bench.study import read_study

    return scope_of(read_study(study), Told(tracks, tags, seconds), root=root, cache=cache)


def _known(scope: "Scope", files: tuple[Path, ...], cache: Path, device: str) -> "Figures":
    from bench.device import choose_device
    from bench.plan.figures import Figures, read_figures
    from bench.plan.kept import known_figures
    from reports.report import write_report

    if files:
        every = [read_figures(file) for file in files]
        for file, one in zip(files, every, strict=True):
            one.check(scope.study, scope.seconds, file)
        return reduce(Figures.replaced_by, every)
    return known_figures(scope, device=choose_device(device), cache=cache, report=write_report)


def _of_what(scope: "Scope") -> str:
    extent = scope.extent
    sizes = " / ".join(f"{size:,}" for size in extent.sizes)
    what = (
        f"{extent.tracks:,} tracks of {scope.seconds:g} s with {extent.tags:,} tags: training on {sizes}; "
        f"{extent.valid:,} for validation, {extent.test:,} to test."
    )
    return f"{what} Assumed: {'; '.join(scope.assumed)}." if scope.assumed else what
