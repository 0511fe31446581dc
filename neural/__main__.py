"""`python -m neural STUDY` trains a study's networks where the command line and MLflow cannot be installed.

It needs torch, numpy, scipy, scikit-learn, joblib, pandas, pyarrow, safetensors, tqdm, pydantic and soundfile. The
cells lie in the output folder as `tagbench run` leaves them: copy the folder's `cells` to where the whole study is run.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from bench.device import choose_device
from bench.errors import StudyFailedError
from bench.exits import exit_code_of
from bench.processes import run_together
from bench.progress import say
from bench.run import Machine, run_untracked
from bench.signals import heed_sigterm
from bench.study import read_study

NETWORKS = ("waveform", "spectrogram")


def main(arguments: list[str]) -> None:
    """Train and measure every network cell that is not finished.

    Raises `InputError` for what cannot be done, and `StudyFailedError` where something failed on the way.
    """
    wanted = _parser().parse_args(arguments)
    machine = Machine(choose_device(wanted.device), wanted.workers, wanted.cache)
    run_together(machine.device, partial(_run, wanted.study, wanted.out, wanted.root, machine))


def _run(name: str, out: Path | None, root: Path | None, machine: Machine) -> None:
    study = read_study(name, NETWORKS)
    folder = out or Path("runs") / study.name
    faults = run_untracked(study, out=folder, root=root, machine=machine)
    say(f"cells are in {folder / 'cells'}")
    if faults:
        raise StudyFailedError(f"{len(faults)} things failed; the first: {faults[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m neural", description="Train the networks of a study.")
    parser.add_argument("study", help="the name of a shipped study, or a TOML file")
    parser.add_argument("--out", type=Path, help="output folder (default: runs/<name of the study>)")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "tagbench", help="decoded audio")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that decode")
    return parser


if __name__ == "__main__":
    heed_sigterm()
    sys.exit(exit_code_of(partial(main, sys.argv[1:])))
