"""The commands that measure speed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import cache_option, check_folder, device_option, root_option, workers_option, write_asked
from bench.cli.planning import seconds_option, tags_option, told_scope, tracks_option

if TYPE_CHECKING:
    from bench.speed import Findings


@click.group()
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

    check_folder(file)
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

    check_folder(file)
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

    check_folder(file)
    check_librosa()
    machine = describe_machine(PACKAGES)
    _tell("prepare", compare_preparing(QUICK if quick else FULL, cache=cache, workers=workers), machine, file)


@speed.command()
@json_option
@quick_option
def metrics(file: Path | None, quick: bool) -> None:
    """Measure how fast all measures are found on resamples of the test tracks, against a loop over scikit-learn.

    ROC-AUC, average precision, RMSE and their macro means, on 1,000 resamples of 100,000 tracks × 139 tags, a third of
    them with tied scores; the loop does the first of these resamples, and what it took is scaled up. Beside that stands
    by how much the two differ at most.

    It measures CPU seconds of processes with one thread, one at a time, and takes about ten minutes and 2 GB of memory;
    leave the machine alone meanwhile.
    """
    from bench.metrics_speed import FULL, PACKAGES, QUICK, compare_metrics
    from bench.speed import describe_machine

    check_folder(file)
    machine = describe_machine(PACKAGES)
    _tell("metrics", compare_metrics(QUICK if quick else FULL), machine, file)


@speed.command("manifest")
@json_option
@quick_option
@cache_option
def manifest_speed(file: Path | None, quick: bool, cache: Path) -> None:
    """Measure how a table of 1,000,000 tracks and 139 tags, without audio, is loaded, split and taken subsets of.

    As CSV and as Parquet, with 0.6 GB of disk for a while. CPU seconds and peak memory of a process of its own.
    """
    from bench.manifest_speed import FULL, PACKAGES, QUICK, measure_manifest
    from bench.speed import describe_machine

    check_folder(file)
    machine = describe_machine(PACKAGES)
    _tell("manifest", measure_manifest(QUICK if quick else FULL, cache=cache), machine, file)


@speed.command()
@click.argument("study")
@json_option
@root_option
@tracks_option
@tags_option
@seconds_option
@cache_option
@device_option
def stages(
    study: str,
    file: Path | None,
    root: Path | None,
    tracks: int | None,
    tags: int | None,
    seconds: float | None,
    cache: Path,
    device: str,
) -> None:
    """Measure what each stage of a STUDY costs here, for `tagbench plan`: small runs of it, at three sizes.

    Songs are synthesised, as long as the study's (--seconds), MP3s of 44.1 kHz in stereo unless the study makes its
    own; tags are made up; networks, trees and everything else are the study's own, at its threads, with one worker.

    It takes some minutes, up to a quarter of an hour for networks of the paper's size on two cores; leave the machine
    alone meanwhile. The figures are kept in --cache, and --json writes them to be taken to another machine.
    """
    from bench.device import choose_device
    from bench.plan.kept import known_figures
    from reports.report import write_report

    check_folder(file)
    scope = told_scope(study, root, cache, tracks, tags, seconds)
    figures = known_figures(scope, device=choose_device(device), cache=cache, report=write_report, again=True)
    found = figures.findings()
    click.echo(found.table())
    if file is not None:
        write_asked(file, figures.as_json())


def _tell(what: str, found: "Findings", machine: dict[str, object], file: Path | None) -> None:
    """Print findings as a table, and write them as JSON where that is wanted."""
    click.echo(found.table())
    if file is not None:
        write_asked(file, found.json(what, machine))
