"""One training and one prediction on several processes, with the numbers that a single one gives.

Each process has the whole network and its share of every batch: gradients, losses and the statistics of batch norms are
those of the whole batch, and all processes make the same update. Tracks to be scored are divided among them.
"""

import numpy as np
import torch
from torch import Tensor, nn

from bench.corpus import Corpus, Float32Array
from bench.processes import add_up, count, rank, take_from_first
from neural.batch_norm import SynchronisedBatchNorm


def synchronise(model: nn.Module) -> None:
    """Make a model ready to be trained by all processes: all have the first one's weights, and one batch's statistics.

    The names of its parts stay. With one process nothing changes.
    """
    if count() == 1:
        return
    for tensor in model.state_dict().values():
        take_from_first(tensor)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(parent, name, SynchronisedBatchNorm(child))


def average_gradients(model: nn.Module, loss: Tensor) -> Tensor:
    """Put the mean over all processes in the place of each gradient, and return that of the loss, a single number.

    These are the whole batch's, since each process has as many rows of it and the loss is a mean over rows.
    """
    if count() == 1:
        return loss
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    together = torch.cat([loss.detach().reshape(1), *(gradient.flatten() for gradient in gradients)])
    add_up(together)
    together /= count()
    means = together[1:].split([gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))
    return together[0]


def own_part(corpus: Corpus) -> Corpus:
    """Return the tracks that this process scores: every one if it is alone, else every second, third, ..."""
    return corpus if count() == 1 else corpus.take(np.arange(rank(), len(corpus), count()))


def gathered(scores: Float32Array, corpus: Corpus) -> Float32Array:
    """Return the scores of a corpus, shape (tracks, tags), from those of each process for its `own_part`."""
    if count() == 1:
        return scores
    whole = np.zeros(corpus.targets.shape, np.float32)
    whole[rank() :: count()] = scores
    add_up(torch.from_numpy(whole))
    return whole
