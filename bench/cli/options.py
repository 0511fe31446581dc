"""Options that several commands share, and the files that options ask for."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import click
from platformdirs import user_cache_path

from bench.errors import InputError
from bench.whole_file import replace_file

CACHE = user_cache_path("tagbench")
cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=CACHE,
    show_default=True,
    help="Folder for what can be made again: synthesised corpora, decoded audio, descriptors.",
)
root_option = click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Folder of the data set.  [default: the working folder; the cache for the embedded corpus]",
)
workers_option = click.option(
    "--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, help="Processes."
)
_backend_options = (
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="How much is done side by side.  [default: the processors of this machine, or of the cluster]",
    ),
    click.option(
        "--backend",
        type=click.Choice(["loky", "dask"]),
        default="loky",
        show_default=True,
        help="What joblib works with: processes of this machine, or the Dask cluster of --scheduler.",
    ),
    click.option("--scheduler", metavar="ADDRESS", help="The scheduler of the Dask cluster, tcp://HOST:8786."),
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks run.",
)

out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="Output folder.  [default: runs/<name of the study>]"
)


def check_folder(file: Path | None) -> None:
    """Refuse, before anything is done, a file of --json that has no folder to lie in."""
    if file is not None and not file.parent.is_dir():
        raise InputError(f"--json {file}: there is no folder {file.parent}")


def write_asked(file: Path, text: str) -> None:
    """Write a file that an option names, whole or not at all; a pipe or a link takes what comes."""
    if file.is_symlink() or (file.exists() and not file.is_file()):
        file.write_text(text, encoding="utf-8")
    else:
        replace_file(file, text.encode())


def works_side_by_side(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command with an argument `workers` do its work where --backend says, with as many of them as --workers."""

    @wraps(command)
    def with_backend(
        *arguments: object, workers: int | None, backend: str, scheduler: str | None, **named: object
    ) -> None:
        with chosen_backend(backend, scheduler, workers) as count:
            command(*arguments, workers=count, **named)

    decorated: Callable[..., None] = with_backend
    for option in reversed(_backend_options):
        decorated = option(decorated)
    return decorated


@contextmanager
def chosen_backend(backend: str, scheduler: str | None, workers: int | None) -> Iterator[int]:
    """Make a backend the ambient one of joblib, and give the number of workers: those that are wanted, or all."""
    if (backend == "dask") != (scheduler is not None):
        raise InputError("--backend dask and --scheduler ADDRESS go together; give both or neither")
    if scheduler is None:
        yield workers or os.cpu_count() or 1
        return
    from bench.cluster import dask_cluster

    with dask_cluster(scheduler) as threads:
        yield workers or threads
