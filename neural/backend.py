"""The back-end that both front-ends share: three convolutions, a pool over the whole input, and two dense layers."""

from torch import Tensor, nn

from neural.aggregation import AggregationName, build_aggregation
from neural.layers import EPSILON, ConvBlock, KeyedDropout, ScalarBatchNorm

KERNEL = 7
POOL = 2
SHORTEST_INPUT = KERNEL - 1 + POOL  # steps: what the first convolution takes away, and one pooled step


class BackEnd(nn.Module):
    """The back-end of the paper (section 2, figure 1), with residual connections around its second and third layer.

    `channels` is the number of features a step coming in, `filters` that of each convolution, `n_units` that of the
    hidden dense layer. Without `residual`, those two layers pass on their own output alone.
    """

    def __init__(
        self,
        channels: int,
        n_tags: int,
        *,
        filters: int,
        n_units: int,
        dropout: float,
        momentum: float,
        residual: bool = True,
        aggregation: AggregationName = "mean_max",
    ) -> None:
        super().__init__()
        self.residual = residual
        self.conv1 = ConvBlock(
            nn.Conv1d(channels, filters, KERNEL), nn.BatchNorm1d(filters, eps=EPSILON, momentum=momentum)
        )
        self.conv2 = _residual_block(filters, momentum)
        self.conv3 = _residual_block(filters, momentum)
        self.aggregation = build_aggregation(aggregation, filters)
        self.dropout = KeyedDropout(dropout)
        self.hidden = nn.Linear(self.aggregation.features, n_units)
        self.hidden_dropout = KeyedDropout(dropout)
        self.hidden_norm = nn.BatchNorm1d(n_units, eps=EPSILON, momentum=momentum)
        self.output = nn.Linear(n_units, n_tags)

    def forward(self, steps: Tensor) -> Tensor:
        """Return probabilities, shape (batch, tags), for features of shape (batch, channels, steps)."""
        summary = self.summarise(steps)
        hidden: Tensor = self.hidden_norm(self.hidden(self.dropout(summary)).relu())
        logits: Tensor = self.output(self.hidden_dropout(hidden))
        return logits.float().sigmoid()  # bf16 has nothing between 0.996 and 1

    def summarise(self, steps: Tensor) -> Tensor:
        """Return what is aggregated over time, shape (batch, features): two a filter in the paper's network."""
        steps = self._deepened(self.conv1(steps), self.conv2)
        steps = self._deepened(nn.functional.max_pool1d(steps, POOL), self.conv3)
        summary: Tensor = self.aggregation(steps)
        return summary

    def _deepened(self, steps: Tensor, block: ConvBlock) -> Tensor:
        deeper: Tensor = block(steps)
        return steps + deeper if self.residual else deeper


def _residual_block(filters: int, momentum: float) -> ConvBlock:
    conv = nn.Conv1d(filters, filters, KERNEL, padding=KERNEL // 2)
    return ConvBlock(conv, ScalarBatchNorm(eps=EPSILON, momentum=momentum))
