"""The command that sets a finished study against what is expected of it."""

from pathlib import Path

import click

from bench.cli.options import cache_option, device_option, root_option, works_side_by_side, write_asked
from bench.errors import InputError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--expected",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="What is expected: a TOML file, with a .parquet and a .zip beside it.",
)
@click.option("--seed", type=int, help="Compare this seed of the study alone.  [default: the mean over all]")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write what was found as Markdown.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write what was found as JUnit XML.")
@click.option(
    "--update", is_flag=True, help="Measure the spread between seeds and write --expected; nothing is compared."
)
@click.option("--seeds", type=click.IntRange(2), help="With --update: how many seeds to run.  [default: 5]")
@root_option
@cache_option
@device_option
@works_side_by_side
def gate(
    folder: Path,
    expected: Path,
    seed: int | None,
    markdown: Path | None,
    junit: Path | None,
    update: bool,
    seeds: int | None,
    root: Path | None,
    cache: Path,
    device: str,
    workers: int,
) -> None:
    """Compare the finished study in DIR with what is expected of it, so that CI turns red when a metric gets worse.

    Everything is measured anew from the predictions in DIR. Margins cover what another seed does, a paired test what
    other test tracks would; splits, digests and measures of committed scores are compared exactly, and frozen models
    are asked again for the scores that they once gave.

    Exit codes: 0 as expected, 1 something is worse, or not exact, 2 the study is not the one that the expectation tells
    of (other tracks, tags or settings), or wrong usage, 3 better beyond the margin: update it, or look for a leak.

    --update runs the study in DIR with several seeds, into DIR/gate-seeds, and writes means and margins with their
    reasons; what is finished of these runs is not done again. --root, --cache, --device and --workers are for that
    alone.
    """
    if update:
        if markdown or junit or seed is not None:
            raise InputError("--seed, --markdown and --junit are for a comparison, and --update makes none")
        _update(folder, expected, seeds or 5, root, cache, device, workers)
    elif seeds is not None:
        raise InputError("--seeds is for --update")
    else:
        _compare(folder, expected, seed, markdown, junit)


def _update(
    folder: Path, expected: Path, seeds: int, root: Path | None, cache: Path, device: str, workers: int
) -> None:
    from bench.device import choose_device
    from bench.run import Machine
    from reports.gate.update import update

    update(folder, expected, n_seeds=seeds, root=root, machine=Machine(choose_device(device), workers, cache))
    beside = f"{expected.with_suffix('.parquet').name} and {expected.with_suffix('.zip').name}"
    click.echo(f"{expected} says what is expected, with {beside} beside it; commit all three.")


def _compare(folder: Path, expected: Path, seed: int | None, markdown: Path | None, junit: Path | None) -> None:
    from reports.gate.gate import gate
    from reports.gate.page import junit as junit_xml
    from reports.gate.page import page

    for option, file in (("--markdown", markdown), ("--junit", junit)):
        if file is not None and not file.parent.is_dir():
            raise InputError(f"{option} {file}: there is no folder {file.parent}")
    gated = gate(folder, expected, seed)
    click.echo(page(gated))
    if markdown is not None:
        write_asked(markdown, page(gated))
    if junit is not None:
        write_asked(junit, junit_xml(gated))
    gated.end()
