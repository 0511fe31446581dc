"""`python -m neural STUDY` trains a study's networks where the command line and MLflow cannot be installed.

It needs torch, numpy, scipy, scikit-learn, joblib, pandas, pyarrow, safetensors, tqdm, pydantic and soundfile. The
cells lie in the output folder as `tagbench run` leaves them: copy the folder's `cells` to where the whole study is run.
"""

import argparse
import os
import sys
from pathlib import Path

from bench.device import choose_device
from bench.errors import InputError, StudyFailedError
from bench.progress import say
from bench.run import Machine, run_untracked
from bench.study import read_study

NETWORKS = ("waveform", "spectrogram")
DONE, FAILED, WRONG_INPUT = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Train and measure every network cell that is not finished; return the exit code."""
    wanted = _parser().parse_args(arguments)
    try:
        study = read_study(wanted.study, NETWORKS)
        machine = Machine(choose_device(wanted.device), wanted.workers, wanted.cache)
        out = wanted.out or Path("runs") / study.name
        faults = run_untracked(study, out=out, root=wanted.root, machine=machine)
    except InputError as error:
        return _told(str(error), WRONG_INPUT)
    except StudyFailedError as error:
        return _told(str(error), FAILED)
    say(f"cells are in {out / 'cells'}")
    return _told(f"{len(faults)} things failed; the first: {faults[0]}", FAILED) if faults else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m neural", description="Train the networks of a study.")
    parser.add_argument("study", help="the name of a shipped study, or a TOML file")
    parser.add_argument("--out", type=Path, help="output folder (default: runs/<name of the study>)")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "tagbench", help="decoded audio")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that decode")
    return parser


def _told(line: str, code: int) -> int:
    say(f"tagbench: {line}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
