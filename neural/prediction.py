"""Scores of tracks: the mean of a network's probabilities over each track's windows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bench.corpus import Corpus, Float32Array
from neural.patches import Windows, scaled
from neural.precision import Precision, computing
from neural.reading import OnDevice

ON_A_GPU = 256  # windows at once: fewer leave a large GPU idle; at the paper's size they take some 10 GB


def windows_at_once(batch_size: int, device: torch.device) -> int:
    """Return how many windows to predict in one batch: no score depends on the others."""
    return max(batch_size, ON_A_GPU) if device.type == "cuda" else batch_size


def mean_scores(
    model: nn.Module,
    windows: Windows,
    *,
    batch_size: int,
    device: torch.device,
    precision: Precision = "float32",
    bar: "tqdm[Any] | None" = None,
) -> Float32Array:
    """Return shape (tracks, tags) in the corpus's order; batches run across tracks, `bar` counts windows."""
    batches = windows.batches(batch_size)
    return mean_scores_of(model, windows.corpus, batches, device=device, precision=precision, bar=bar)


@torch.inference_mode()
def mean_scores_of(
    model: nn.Module,
    corpus: Corpus,
    batches: Sequence[Windows],
    *,
    device: torch.device,
    precision: Precision = "float32",
    bar: "tqdm[Any] | None" = None,
) -> Float32Array:
    """Return the same for batches of the corpus's windows, each batch with a length of its own.

    The model is used in evaluation mode and left in the mode it had.
    """
    was_training = model.training
    model.eval()
    totals = np.zeros((len(corpus), len(corpus.tags)))  # on the CPU: a GPU adds in any order
    windows_a_track = np.zeros(len(corpus))
    audio = OnDevice(lambda number: (batches[number].read(),), device, len(batches))
    for number, batch in enumerate(batches):
        (patches,) = audio[number]
        with computing(precision, device):
            scores = model(scaled(patches)).float()
        np.add.at(totals, batch.rows, scores.cpu().numpy())
        np.add.at(windows_a_track, batch.rows, 1)
        if bar is not None:
            bar.update(len(batch))
    model.train(was_training)
    return np.asarray(totals / windows_a_track[:, None], dtype=np.float32)
