"""Scores of tracks: the mean of a network's probabilities over each track's windows."""

from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bench.corpus import Float32Array
from neural.patches import Windows, to_audio


@torch.inference_mode()
def mean_scores(
    model: nn.Module, windows: Windows, *, batch_size: int, device: torch.device, bar: "tqdm[Any] | None" = None
) -> Float32Array:
    """Return shape (tracks, tags) in the corpus's order; batches run across tracks, `bar` counts windows.

    The model is used in evaluation mode and left in the mode it had.
    """
    was_training = model.training
    model.eval()
    totals = np.zeros((len(windows.corpus), len(windows.corpus.tags)))  # on the CPU: a GPU adds in any order
    for first in range(0, len(windows), batch_size):
        rows = windows.rows[first : first + batch_size]
        scores = model(to_audio(windows.read(first, first + batch_size), device))
        np.add.at(totals, rows, scores.cpu().numpy())
        if bar is not None:
            bar.update(len(rows))
    model.train(was_training)
    windows_a_track = np.bincount(windows.rows, minlength=len(windows.corpus))
    return np.asarray(totals / windows_a_track[:, None], dtype=np.float32)
