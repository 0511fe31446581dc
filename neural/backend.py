"""The back-end that both front-ends share: three convolutions, a pool over the whole input, and two dense layers."""

import torch
from torch import Tensor, nn

from neural.layers import EPSILON, ConvBlock, KeyedDropout, ScalarBatchNorm

KERNEL = 7
POOL = 2
SHORTEST_INPUT = KERNEL - 1 + POOL  # steps: what the first convolution takes away, and one pooled step


class BackEnd(nn.Module):
    """The back-end of the paper (section 2, figure 1), with residual connections around its second and third layer.

    `channels` is the number of features a step coming in, `filters` that of each convolution, `n_units` that of the
    hidden dense layer.
    """

    def __init__(
        self, channels: int, n_tags: int, *, filters: int, n_units: int, dropout: float, momentum: float
    ) -> None:
        super().__init__()
        self.conv1 = ConvBlock(
            nn.Conv1d(channels, filters, KERNEL), nn.BatchNorm1d(filters, eps=EPSILON, momentum=momentum)
        )
        self.conv2 = _residual_block(filters, momentum)
        self.conv3 = _residual_block(filters, momentum)
        self.dropout = KeyedDropout(dropout)
        self.hidden = nn.Linear(2 * filters, n_units)
        self.hidden_dropout = KeyedDropout(dropout)
        self.hidden_norm = nn.BatchNorm1d(n_units, eps=EPSILON, momentum=momentum)
        self.output = nn.Linear(n_units, n_tags)

    def forward(self, steps: Tensor) -> Tensor:
        """Return probabilities, shape (batch, tags), for features of shape (batch, channels, steps)."""
        summary = self.summarise(steps)
        hidden: Tensor = self.hidden_norm(self.hidden(self.dropout(summary)).relu())
        probabilities: Tensor = self.output(self.hidden_dropout(hidden)).sigmoid()
        return probabilities

    def summarise(self, steps: Tensor) -> Tensor:
        """Return the maximum and mean over time of each filter, interleaved, shape (batch, 2 × filters)."""
        steps = self.conv1(steps)
        steps = steps + self.conv2(steps)
        steps = nn.functional.max_pool1d(steps, POOL)
        steps = steps + self.conv3(steps)
        return torch.stack([steps.amax(dim=2), steps.mean(dim=2)], dim=2).flatten(1)


def _residual_block(filters: int, momentum: float) -> ConvBlock:
    conv = nn.Conv1d(filters, filters, KERNEL, padding=KERNEL // 2)
    return ConvBlock(conv, ScalarBatchNorm(eps=EPSILON, momentum=momentum))
