"""The commands that look at what a study left: ui."""

from contextlib import suppress
from pathlib import Path

import click


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
