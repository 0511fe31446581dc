"""Runs a command line that gets a signal in the midst of its training, at a point that no clock decides.

`python -m tests.signalled SIGNAL POINT NUMBER SECONDS tagbench ARGUMENTS...` sends the signal to itself right before
the NUMBERth time that it does what POINT says; a checkpoint is due every SECONDS. In the place of `tagbench`, `fit
ROOT FAMILY FOLDER` trains one of `tests.small_training`.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from mlflow.tracking import MlflowClient

import bench.cell
import bench.output
import neural.checkpoint
import neural.training
import reports.report
from bench.cli import main as tagbench
from bench.record import RunRecord
from tests.small_training import fit

POINTS: dict[str, tuple[Any, str]] = {
    "update": (neural.training.Training, "update"),
    "within an update": (torch.optim.Adam, "step"),
    "validation": (neural.training, "mean_scores"),
    "rename": (Path, "replace"),
    "after the validation": (neural.training.Training, "save"),
    "predictions": (bench.cell, "write_scores"),
    "record": (RunRecord, "save"),
    "checksums": (bench.output, "write_checksums"),
    "rename of a folder": (Path, "rename"),
    "report": (reports.report, "replace_file"),
    "create run": (MlflowClient, "create_run"),
    "tell of a model": (MlflowClient, "log_outputs"),
    "log artifact": (MlflowClient, "log_artifact"),
    "end run": (MlflowClient, "set_terminated"),
}


def send(told: signal.Signals, point: str, number: int, *processes: int) -> None:
    """Have the signal sent, to these processes or to this one, before the `number`th call of what is at the point."""
    owner, name = POINTS[point]
    original = getattr(owner, name)
    calls = 0

    def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the original takes and gives
        nonlocal calls
        calls += 1
        if calls == number:
            for process in processes or (os.getpid(),):
                os.kill(process, told)
        return original(*arguments, **named)

    setattr(owner, name, counted)


def main() -> None:
    """Do as the command line says."""
    told, point, number, seconds, command, *arguments = sys.argv[1:]
    neural.checkpoint.SECONDS_BETWEEN = float(seconds)
    send(signal.Signals[told], point, int(number))
    if command == "fit":
        root, family, folder = arguments
        fit(Path(root), family, Path(folder))
    else:
        sys.argv = ["tagbench", *arguments]
        tagbench()


if __name__ == "__main__":
    main()
