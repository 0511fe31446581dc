"""What `mlflow.pyfunc` loads of a cell that was logged: paths of audio files in, a column of scores a tag out."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from bench.device import choose_device
from bench.errors import InputError
from bench.tagging import TrainedCell


class LoadedTagger:
    """A trained cell that predicts as MLflow asks for it."""

    def __init__(self, cell: TrainedCell) -> None:
        self.cell = cell

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Return the scores of the audio files that the only column names, shape (files, tags), in [0, 1].

        Raises `InputError` where a file cannot be heard; `TrainedCell.tag` goes on without it.
        """
        paths = [Path(path) for path in model_input.iloc[:, 0]]
        with TemporaryDirectory() as cache:
            tagged = self.cell.tag(
                paths,
                device=choose_device("auto"),
                workers=os.cpu_count() or 1,
                cache=Path(cache),
            )
        if tagged.refused:
            raise InputError("; ".join(f"{path}: {why}" for path, why in tagged.refused.items()))
        return tagged.scores.loc[list(map(str, paths))].set_axis(model_input.index)


def _load_pyfunc(data_path: str) -> LoadedTagger:  # the name that MLflow looks for
    return LoadedTagger(TrainedCell.load(Path(data_path)))
