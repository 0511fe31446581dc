"""`python -m neural STUDY` trains a study's networks where the command line and MLflow cannot be installed.

It needs torch, numpy, scipy, scikit-learn, joblib, pandas, pyarrow, safetensors, tqdm, pydantic and soundfile. The
cells lie in the output folder as `tagbench run` leaves them: copy the folder's `cells` to where the whole study is run.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from bench.exits import begin, exit_code_of

NETWORKS = ("waveform", "spectrogram")
CACHES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")  # where `tagbench` has its own on Linux


def main(arguments: list[str]) -> None:
    """Train and measure every network cell that is not finished.

    Raises `InputError` for what cannot be done, and `StudyFailedError` where something failed on the way.
    """
    from bench.device import choose_device  # it loads torch, which reads what `begin` has set
    from bench.processes import run_together

    wanted = _parser().parse_args(arguments)
    device = choose_device(wanted.device)
    run_together(device, partial(_run, wanted, device))


def _run(wanted: argparse.Namespace, device: str) -> None:
    from bench.errors import StudyFailedError
    from bench.locks import locked_output
    from bench.progress import say
    from bench.run import Machine, run_untracked
    from bench.study import read_study

    study = read_study(wanted.study, NETWORKS)
    folder = wanted.out or Path("runs") / study.name
    machine = Machine(device, wanted.workers, wanted.cache)
    with locked_output(folder):
        faults = run_untracked(study, out=folder, root=wanted.root, machine=machine)
    say(f"cells are in {folder / 'cells'}")
    if faults:
        raise StudyFailedError(f"{len(faults)} things failed; the first: {faults[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m neural",
        description="Train the networks of a study.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("study", help="the name of a shipped study, or a TOML file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="output folder; none: runs/<name of the study>")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        default=CACHES / "tagbench",
        help="folder for what can be made again: synthesised corpora, decoded audio",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where networks train")
    parser.add_argument("--workers", type=_at_least_one, default=os.cpu_count() or 1, help="processes that decode")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


if __name__ == "__main__":
    begin()
    sys.exit(exit_code_of(partial(main, sys.argv[1:])))
