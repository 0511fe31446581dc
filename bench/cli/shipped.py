"""The commands that tell what comes with tagbench: its studies, and the data sets that it reads."""

from pathlib import Path

import click


@click.command()
@click.argument("name")
def study(name: str) -> None:
    """Print the shipped study NAME, to be changed: tagbench study your_corpus > mine.toml."""
    from bench.study import shipped_text

    click.echo(shipped_text(name), nl=False)


@click.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    show_default="the working folder",
    help="Folder to look for them in: each in a folder of its name there, or right there.",
)
def corpora(root: Path) -> None:
    """List the data sets that tagbench can read, where their audio comes from, and what of them is on this machine."""
    from bench.known_corpora import tell_corpora

    click.echo(tell_corpora(root))
