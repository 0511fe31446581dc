"""Options that several commands share, and the files that options ask for."""

import os
from pathlib import Path

import click
from platformdirs import user_cache_path

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


def write_asked(file: Path, text: str) -> None:
    """Write a file that an option names, whole or not at all; a pipe or a link takes what comes."""
    if file.is_symlink() or (file.exists() and not file.is_file()):
        file.write_text(text, encoding="utf-8")
    else:
        replace_file(file, text.encode())
