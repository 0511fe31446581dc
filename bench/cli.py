"""The command line."""

import os
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from platformdirs import user_cache_path

from bench.errors import InputError, StudyFailedError
from bench.exits import begin, exit_code_of

if TYPE_CHECKING:
    from bench.run import Machine
    from bench.speed import Findings


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

out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="Output folder.  [default: runs/<name of the study>]"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tagbench", message="%(prog)s %(version)s")
def tagbench() -> None:
    """Compare music taggers at matched training-set sizes: waveform and spectrogram networks and a classical baseline.

    Exit codes: 0 done, 1 something failed, 2 wrong input or usage, 4 a fault of tagbench, 130 interrupted,
    143 terminated.
    """


@tagbench.command()
@click.argument("study")
@root_option
@out_option
@cache_option
@workers_option
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


@tagbench.command()
@click.argument("study")
@root_option
@out_option
@cache_option
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@workers_option
def run(study: str, out: Path | None, root: Path | None, cache: Path, device: str, workers: int) -> None:
    """Run a STUDY (the name of a shipped one, or a TOML file) and write its Table 1.

    What is finished is never done twice: run the same command again to continue. Under torchrun, all processes share
    the training of each network and its predictions; the first does the rest.
    """
    from bench.device import choose_device
    from bench.processes import run_together
    from bench.run import Machine

    machine = Machine(choose_device(device), workers, cache)
    run_together(machine.device, partial(_run, study, out, root, machine))


def _run(study: str, out: Path | None, root: Path | None, machine: "Machine") -> None:
    from bench.run import run_study
    from bench.study import read_study
    from reports.report import write_report

    what = read_study(study)
    folder = out or Path("runs") / what.name
    outcome = run_study(what, out=folder, root=root, machine=machine)
    if outcome.finished:
        write_report(folder)
        click.echo((folder / "table1.md").read_text(encoding="utf-8"))
    outcome.tracking.log_report(failed=bool(outcome.faults))
    click.echo(f"Table, figures and MLflow runs are in {folder}; see them with: {_mlflow_ui(outcome.tracking.uri)}")
    if outcome.faults:
        raise StudyFailedError(f"{len(outcome.faults)} things failed; the first: {outcome.faults[0]}")


@tagbench.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Write the table and the figures of DIR again from what is recorded there; nothing is trained."""
    from reports.report import write_report

    write_report(folder)
    click.echo((folder / "table1.md").read_text(encoding="utf-8"))


@tagbench.command()
@click.argument("name")
def study(name: str) -> None:
    """Print the shipped study NAME, to be changed: tagbench study your_corpus > mine.toml."""
    from bench.study import shipped_text

    click.echo(shipped_text(name), nl=False)


@tagbench.command()
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


@tagbench.command()
@click.argument("study")
@root_option
@click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: runs/<name>/inspection]")
@cache_option
@workers_option
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
    found = inspect_tags(what, place.load(workers=workers))
    folder = out or Path("runs") / what.name / "inspection"
    write_inspection(found, folder)
    click.echo(summary(found))
    click.echo(f"More is in {folder / PAGE_FILE}, with tables and figures beside it.")


@tagbench.group()
def speed() -> None:
    """Measure how fast tagbench is, side by side with what else one would use, in one run on this machine."""


json_option = click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write the figures there too.",
)
quick_option = click.option(
    "--quick", is_flag=True, help="A trial of the command with next to no data: its figures mean nothing."
)


@speed.command()
@json_option
@quick_option
@cache_option
@workers_option
def baseline(file: Path | None, quick: bool, cache: Path, workers: int) -> None:
    """Measure the classical baseline: descriptors, their memory, and trees.

    Descriptors: decoding and describing 44.1 kHz MP3s, against essentia's MusicExtractor and librosa; and the memory
    of the process that describes, over 2,000 tracks.

    Trees: training one tag after another, against XGBClassifier, with the mean PR-AUC of both; and training time and
    memory against tracks, up to 200,000 × 1,000, drawn out to 1.2 million.

    It measures CPU seconds of processes with one thread, one at a time, and takes about a quarter of an hour; leave
    the machine alone meanwhile. Only the songs are made side by side, by --workers processes, and kept. It needs
    librosa, about 1 GB of disk and 3 GB of memory.
    """
    from baselines.speed import FULL, PACKAGES, QUICK, compare_baseline
    from bench.speed import check_librosa, describe_machine

    _check_folder(file)
    check_librosa()
    machine = describe_machine(PACKAGES)
    _tell("baseline", compare_baseline(QUICK if quick else FULL, cache=cache, workers=workers), machine, file)


@speed.command()
@json_option
@quick_option
@cache_option
@workers_option
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads of torch.")
def neural(file: Path | None, quick: bool, cache: Path, workers: int, threads: int) -> None:
    """Measure the networks' training: steps on the CPU, losses in bf16, steps on a GPU.

    Steps on the CPU: 16 patches of 15 s at the paper's size, in bf16 and in float32, against the plain eager float32
    translation of the same networks; memory; and reading the patches.

    Losses: 200 steps of small networks in bf16 and float32, beside what other seeds make of them.

    Steps on a GPU, where torch finds one: patches a second in bf16, compiled and captured, at several batch sizes,
    against the plain loop, and as a share of the GPU's own rate of matrix products.

    Shares are of the plain loop's time on the wall. It takes about ten minutes and 10 GB of memory; leave the machine
    alone meanwhile.
    """
    from bench.speed import describe_machine
    from neural.speed import FULL, PACKAGES, QUICK, compare_neural

    _check_folder(file)
    machine = describe_machine(PACKAGES)
    found = compare_neural(QUICK if quick else FULL, cache=cache, workers=workers, threads=threads)
    _tell("neural", found, machine, file)


@speed.command("prepare")
@json_option
@quick_option
@cache_option
@workers_option
def prepare_speed(file: Path | None, quick: bool, cache: Path, workers: int) -> None:
    """Measure how audio is prepared: decoding to 16 kHz mono, against librosa.load and essentia's MonoLoader.

    The files are 44.1 kHz MP3, FLAC and Ogg Vorbis, mono and stereo; M4A, too, where PyAV is there to write it.
    Beside them stands what decoding alone takes.

    It measures CPU seconds of processes with one thread, one at a time, and takes a few minutes; leave the machine
    alone meanwhile. Only the songs are made side by side, by --workers processes, and kept. It needs librosa.
    """
    from bench.decoding_speed import FULL, PACKAGES, QUICK, compare_preparing
    from bench.speed import check_librosa, describe_machine

    _check_folder(file)
    check_librosa()
    machine = describe_machine(PACKAGES)
    _tell("prepare", compare_preparing(QUICK if quick else FULL, cache=cache, workers=workers), machine, file)


def _check_folder(file: Path | None) -> None:
    if file is not None and not file.parent.is_dir():
        raise InputError(f"--json {file}: there is no folder {file.parent}")


def _tell(what: str, found: "Findings", machine: dict[str, object], file: Path | None) -> None:
    """Print findings as a table, and write them as JSON where that is wanted."""
    click.echo(found.table())
    if file is not None:
        file.write_text(found.json(what, machine), encoding="utf-8")


def _mlflow_ui(uri: str) -> str:
    return uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}"


def main() -> None:
    """Run the command line and exit with its code."""
    begin()
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:
    """Run one command and return its exit code; what went wrong is told on standard error."""
    return exit_code_of(partial(_command, arguments))


def _command(arguments: list[str]) -> None:
    try:
        tagbench.main(arguments, prog_name="tagbench", standalone_mode=False)
    except click.ClickException as error:
        raise InputError(f"{error.format_message()} (tagbench --help tells more)") from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
