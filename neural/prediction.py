"""Scores of tracks: the mean of a network's probabilities over each track's windows."""

from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bench.corpus import Float32Array
from neural.patches import Windows, scaled
from neural.precision import Precision, computing
from neural.reading import OnDevice

ON_A_GPU = 256  # windows at once: fewer leave a large GPU idle; at the paper's size they take some 10 GB


def windows_at_once(batch_size: int, device: torch.device) -> int:
    """Return how many windows to predict in one batch: no score depends on the others."""
    return max(batch_size, ON_A_GPU) if device.type == "cuda" else batch_size


@torch.inference_mode()
def mean_scores(
    model: nn.Module,
    windows: Windows,
    *,
    batch_size: int,
    device: torch.device,
    precision: Precision = "float32",
    bar: "tqdm[Any] | None" = None,
) -> Float32Array:
    """Return shape (tracks, tags) in the corpus's order; batches run across tracks, `bar` counts windows.

    The model is used in evaluation mode and left in the mode it had.
    """
    was_training = model.training
    model.eval()
    totals = np.zeros((len(windows.corpus), len(windows.corpus.tags)))  # on the CPU: a GPU adds in any order
    firsts = range(0, len(windows), batch_size)
    batches = OnDevice(lambda n: (windows.read(firsts[n], firsts[n] + batch_size),), device, len(firsts))
    for number, first in enumerate(firsts):
        rows = windows.rows[first : first + batch_size]
        (patches,) = batches[number]
        with computing(precision, device):
            scores = model(scaled(patches)).float()
        np.add.at(totals, rows, scores.cpu().numpy())
        if bar is not None:
            bar.update(len(rows))
    model.train(was_training)
    windows_a_track = np.bincount(windows.rows, minlength=len(windows.corpus))
    return np.asarray(totals / windows_a_track[:, None], dtype=np.float32)
