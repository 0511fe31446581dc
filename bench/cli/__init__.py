"""The command line."""

import sys
from functools import partial

import click

from bench.cli.gate import gate
from bench.cli.planning import plan
from bench.cli.results import sync, ui
from bench.cli.running import inspect, prepare, report, run
from bench.cli.shipped import corpora, study
from bench.cli.speed import speed
from bench.cli.tagging import add, tag
from bench.errors import InputError
from bench.exits import begin, exit_code_of


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tagbench", message="%(prog)s %(version)s")
def tagbench() -> None:
    """Compare music taggers at matched training-set sizes: waveform and spectrogram networks and a classical baseline.

    Exit codes: 0 done, 1 something failed, 2 wrong input or usage, 3 better than expected (gate alone), 4 a fault of
    tagbench, 130 interrupted, 143 terminated.
    """


for _command in (plan, prepare, inspect, run, report, ui, sync, tag, add, gate, study, corpora, speed):
    tagbench.add_command(_command)


def main() -> None:
    """Run the command line and exit with its code."""
    begin()
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:
    """Run one command and return its exit code; what went wrong is told on standard error."""
    return exit_code_of(partial(_call, arguments))


def _call(arguments: list[str]) -> None:
    try:
        tagbench.main(arguments, prog_name="tagbench", standalone_mode=False)
    except click.ClickException as error:
        raise InputError(f"{error.format_message()} (tagbench --help tells more)") from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
