"""The commands that work on a study: prepare, inspect, run, report."""

import shlex
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import CACHE, cache_option, device_option, out_option, root_option, works_side_by_side
from bench.cli.results import mlflow_pages_of
from bench.errors import StudyFailedError
from bench.locks import locked_output

if TYPE_CHECKING:
    from bench.run import Machine, Outcome
    from bench.store import Store


@click.command()
@click.argument("study")
@root_option
@out_option
@cache_option
@works_side_by_side
def prepare(study: str, out: Path | None, root: Path | None, cache: Path, workers: int) -> None:
    """Decode and check every track of a STUDY, and say what is kept, what is refused and what leaks.

    Each file is read to its end, set against what its header and the data set say of it, and compared with all others:
    tracks.csv says what was kept and refused and why, duplicates.csv which tracks sound alike, groups.csv which artists
    are in several parts. Decoded audio is kept in --cache, where `tagbench run` finds it; run the same command again,
    and only what is new is done.
    """
    from bench.study import read_study
    from bench.study_data import begin_study, checked, prepare_data
    from reports.preparation import preparation_page

    what = read_study(study)
    folder = out or Path("runs") / what.name
    with locked_output(folder):
        place = begin_study(what, out=folder, root=root, cache=cache)
        data = prepare_data(what, place, out=folder, cache=cache, workers=workers)
    click.echo(preparation_page(data.found))
    click.echo(f"\nEvery track with its verdict is in {folder / 'tracks.csv'}.")
    if any(entry.audio is None for entry in what.entries()):
        click.echo(
            "The descriptors that the data set ships were looked for, not read: run notes those that are broken."
        )
    sizes = checked(data, folder).study.told_sizes
    click.echo(f"Models will be trained on {sizes} tracks.")
    click.echo(f"Next: {_run_command(study, root, out, cache)}")


def _run_command(study: str, root: Path | None, out: Path | None, cache: Path) -> str:
    """Return the command that goes on from what `prepare` was told."""
    told = (("--root", root), ("--out", out), ("--cache", None if cache == CACHE else cache))
    flags = [word for flag, value in told if value is not None for word in (flag, str(value))]
    return shlex.join(["tagbench", "run", study, *flags])


@click.command()
@click.argument("study")
@root_option
@click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: runs/<name>/inspection]")
@cache_option
@works_side_by_side
def inspect(study: str, out: Path | None, root: Path | None, cache: Path, workers: int) -> None:
    """Tell what the tags of a STUDY are like, before anything is decoded or trained.

    Each tag's distribution and which kind it looks like, by a stated rule; its prevalence in each part, and where it
    is too rare; which tags stand together, which never, and which contradict each other. The page says which lines
    in the study would change what a tag is.
    """
    from bench.corpora import place_of
    from bench.inspection import inspect_tags
    from bench.study import read_study
    from reports.inspection import PAGE_FILE, write_inspection
    from reports.tag_summary import summary

    what = read_study(study)
    place = place_of(what.corpus.name, what.corpus.settings, root=root, cache=cache)
    folder = out or Path("runs") / what.name / "inspection"
    with locked_output(folder):
        found = inspect_tags(what, place.load(workers=workers))
        write_inspection(found, folder)
    click.echo(summary(found))
    click.echo(f"More is in {folder / PAGE_FILE}, with tables and figures beside it.")


_track_option = click.option(
    "--track",
    "tracks",
    multiple=True,
    metavar="ID",
    help="A test track that the report is to tell of before it tells of its own dozen; may be given several times.",
)


@click.command()
@click.argument("study")
@root_option
@out_option
@cache_option
@device_option
@works_side_by_side
@click.option(
    "--excerpts/--no-excerpts",
    default=True,
    show_default=True,
    help="Keep 15 s of each track that the report tells of, to be heard in it; --no-excerpts keeps none, and removes "
    "those of an earlier run.",
)
@_track_option
@click.option(
    "--share",
    is_flag=True,
    help="Share the cells with other processes that run the same STUDY with --share on the same --out, on one or "
    "several machines: each does cells that no other has, and the last to end writes the table.",
)
def run(
    study: str,
    out: Path | None,
    root: Path | None,
    cache: Path,
    device: str,
    workers: int,
    tracks: tuple[str, ...],
    *,
    excerpts: bool,
    share: bool,
) -> None:
    """Run a STUDY (the name of a shipped one, or a TOML file) and write its Table 1.

    What is finished is never done twice: run the same command again to continue. Under torchrun, all processes share
    the training of each network and its predictions; the first does the rest.
    """
    from bench.device import choose_device
    from bench.processes import run_together
    from bench.run import Machine

    machine = Machine(choose_device(device), workers, cache)
    run_together(machine.device, partial(_run, study, out, root, machine, tracks, excerpts=excerpts, share=share))


def _run(
    study: str,
    out: Path | None,
    root: Path | None,
    machine: "Machine",
    tracks: Collection[str],
    *,
    excerpts: bool,
    share: bool,
) -> None:
    from bench.progress import say
    from bench.run import run_study
    from bench.sharing import share_study
    from bench.study import read_study

    what = read_study(study)
    folder = out or Path("runs") / what.name
    with locked_output(folder, shared=share):
        if share:
            shared = share_study(what, out=folder, root=root, machine=machine, chosen=tracks)
            with shared.ending({"tracks": list(tracks), "excerpts": excerpts}) as outcome:
                if outcome:
                    _report(outcome, folder, tracks, excerpts=excerpts)
            faults = outcome.faults if outcome else shared.failures()
        else:
            outcome = run_study(what, out=folder, root=root, machine=machine, chosen=tracks)
            _report(outcome, folder, tracks, excerpts=excerpts)
            faults = outcome.faults
    not_logged = outcome.tracking.missing if outcome else None
    if faults:
        if not_logged:
            say(not_logged)
        raise StudyFailedError(f"{len(faults)} things failed; the first: {faults[0]}")
    if not_logged:
        raise StudyFailedError(not_logged)


def _report(outcome: "Outcome", folder: Path, tracks: Collection[str], *, excerpts: bool) -> None:
    """Write the report of a study that was run, log it, and tell where everything is."""
    from bench.output import begin_report
    from reports.report import write_report

    begin_report(folder)
    if outcome.finished:
        _keep_excerpts(outcome.audio if excerpts else None, folder, tracks)
        write_report(folder, tracks)
        click.echo((folder / "table1.md").read_text(encoding="utf-8"))
    tracking = outcome.tracking
    tracking.log_report(failed=bool(outcome.faults))
    click.echo(f"Tables and figures are in {folder}. Logging to MLflow took {tracking.seconds:.0f} s.")
    click.echo(f"Its pages, where cells stand side by side: {mlflow_pages_of(tracking.uri, folder)}")


def _keep_excerpts(audio: "Store | None", folder: Path, chosen: Collection[str]) -> None:
    """Keep excerpts of the tracks that the report tells of, or without audio none."""
    from bench.excerpts import EXCERPTS_FOLDER, SECONDS, write_excerpts
    from bench.progress import say
    from reports.qualitative import told_tracks

    tracks = [] if audio is None else told_tracks(folder, chosen)
    write_excerpts(audio, tracks, folder)
    if tracks:
        where = folder / EXCERPTS_FOLDER
        say(f"{where} has {SECONDS:g} s of each of {len(tracks)} test tracks; --no-excerpts leaves the music out")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_track_option
def report(folder: Path, tracks: tuple[str, ...]) -> None:
    """Write the page, the tables and the figures of DIR again from what is recorded there; nothing is trained."""
    from bench.output import begin_report
    from reports.report import write_report

    with locked_output(folder):
        begin_report(folder)
        write_report(folder, tracks)
    click.echo((folder / "table1.md").read_text(encoding="utf-8"))
