"""What training makes small: mean squared error, as in the paper, or a cross-entropy, with or without class weights."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from bench.corpus import Corpus

LossName = Literal["mse", "bce", "balanced_bce"]

SMALLEST = 1e-7  # no score counts as nearer to 0 or 1: float32 has no room nearer to 1, and log 0 is infinite
MOST_WEIGHT = 100.0  # a tag with one positive in a thousand would otherwise drown every batch that holds it


class CrossEntropy(nn.Module):
    """The mean binary cross-entropy of probabilities against targets in [0, 1], which regression tags have too.

    `positive` and `negative` weigh the two sides of each tag, each of shape (tags,).
    """

    def __init__(self, positive: Tensor, negative: Tensor) -> None:
        super().__init__()
        self.positive: Tensor
        self.negative: Tensor
        self.register_buffer("positive", positive)
        self.register_buffer("negative", negative)

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return one number for scores and targets of shape (batch, tags)."""
        kept = scores.clamp(SMALLEST, 1 - SMALLEST)
        positive, negative = targets * kept.log(), (1 - targets) * (1 - kept).log()
        return -(self.positive * positive + self.negative * negative).mean()


def build_loss(name: LossName, train: Corpus) -> nn.Module:
    """Return the loss of that name: a module that takes scores and targets, each of shape (batch, tags).

    "balanced_bce" lets both classes of a classification tag weigh the same over the tracks of `train`, so that a rare
    tag's positives count for more (King and Zeng 2001, "Logistic regression in rare events data", weighting); this is
    what `class_weights = "balanced"` does for trees. Its scores are then no probabilities. Regression tags, and tags
    that have one class alone, weigh 1, and no class more than `MOST_WEIGHT`.
    """
    if name == "mse":
        return nn.MSELoss()
    ones = torch.ones(len(train.tags))
    return CrossEntropy(ones, ones) if name == "bce" else CrossEntropy(*class_weights(train))


def class_weights(train: Corpus) -> tuple[Tensor, Tensor]:
    """Return the weights of each tag's positives and negatives, each of shape (tags,)."""
    share = train.targets.mean(axis=0, dtype=np.float64)
    weighed = (np.array([tag.kind for tag in train.tags]) == "classification") & (share > 0) & (share < 1)
    share = np.where(weighed, share, 0.5)  # of positives; at a half both classes weigh 1
    positive, negative = (np.minimum(0.5 / part, MOST_WEIGHT).astype(np.float32) for part in (share, 1 - share))
    return torch.from_numpy(positive), torch.from_numpy(negative)
