"""The commands that take what a study left to MLflow and its pages: ui and sync."""

import shlex
from contextlib import suppress
from pathlib import Path

import click

from bench.errors import StudyFailedError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to serve: this machine alone, by default.")
@click.option("--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="0 takes any free one.")
def ui(folder: Path, host: str, port: int) -> None:
    """Open MLflow's pages on the output folder DIR, until Ctrl-C.

    They show the runs that lie in the folder itself, in mlflow.db and mlartifacts. A study that was run with
    MLFLOW_TRACKING_URI set is on that server instead, which has pages of its own.
    """
    from bench.tracking.server import mlflow_pages

    with mlflow_pages(folder, host, port) as pages:
        click.echo(f"{pages.address}\nOpen this in a browser; Ctrl-C ends it.")
        with suppress(KeyboardInterrupt):
            pages.wait()


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def sync(folder: Path) -> None:
    """Log to MLflow what is not logged there yet of the study in DIR, from the folder alone.

    It goes to MLFLOW_TRACKING_URI where that is set, else to mlflow.db in DIR: finished cells, tables, pages and
    figures, and whether the study ended well. Nothing is trained, no data set is needed, and nothing is logged twice;
    `tagbench run` does the same on its way.
    """
    from bench.locks import locked_output
    from bench.output import CELLS_FOLDER, STUDY_FILE
    from bench.study import read_study
    from bench.tracking import Tracking
    from bench.tracking.connection import shown
    from reports.study_folder import read_study_folder

    study = read_study_folder(folder)
    with locked_output(folder):
        tracking = Tracking(read_study(str(folder / STUDY_FILE)), folder, insist=True)
        for one in study.finished:
            tracking.log_cell(folder / CELLS_FOLDER / one.cell.digest)
        tracking.log_report(failed=bool(study.missing))
    if tracking.missing:
        raise StudyFailedError(tracking.missing)
    before = len(study.finished) - tracking.sent
    click.echo(f"{tracking.sent} cells were logged to MLflow now, and {before} before: {shown(tracking.uri)}")
    click.echo(f"Its pages, where cells stand side by side: {mlflow_pages_of(tracking.uri, folder)}")


def mlflow_pages_of(uri: str, folder: Path) -> str:
    """Return where MLflow shows what was logged: an address, or the command that serves it."""
    from bench.tracking.connection import own_store, shown

    if uri == own_store(folder):
        return shlex.join(["tagbench", "ui", str(folder)])
    return shown(uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}")
