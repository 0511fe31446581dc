"""Temporal aggregation: how the back-end makes one summary of features that stand at many steps.

The paper pools by maximum and mean; the others are those that it leaves for future work. All take any number of steps.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from bench.errors import InputError

AggregationName = Literal["mean_max", "attention", "autopool", "lstm"]


class MeanMax(nn.Module):
    """Maximum and mean over time of each filter, interleaved (the paper, section 2): two features a filter."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.features = 2 * filters

    def forward(self, steps: Tensor) -> Tensor:
        """Return shape (batch, features) for steps of shape (batch, filters, steps)."""
        return torch.stack([steps.amax(dim=2), steps.mean(dim=2)], dim=2).flatten(1)


class Attention(nn.Module):
    """A mean over time whose weights are a softmax of w · tanh(V x + b), one weight a step for all filters.

    Lin et al. 2017, "A structured self-attentive sentence embedding", with one hop.
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.features = filters
        self.keys = nn.Conv1d(filters, filters, 1)
        self.query = nn.Conv1d(filters, 1, 1, bias=False)

    def forward(self, steps: Tensor) -> Tensor:
        """Return shape (batch, features) for steps of shape (batch, filters, steps)."""
        weights = self.query(self.keys(steps).tanh()).softmax(dim=2)
        mean: Tensor = (weights * steps).sum(dim=2)
        return mean


class AutoPool(nn.Module):
    """A mean over time with weights softmax(α x), one trained α a filter: 0 is the mean, a large one the maximum.

    McFee, Salamon and Bello 2018, "Adaptive pooling operators for weakly labeled sound event detection", here on the
    features, not on scores; α starts at 0 as in their code.
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.features = filters
        self.alpha = nn.Parameter(torch.zeros(filters, 1))

    def forward(self, steps: Tensor) -> Tensor:
        """Return shape (batch, features) for steps of shape (batch, filters, steps)."""
        return ((self.alpha * steps).softmax(dim=2) * steps).sum(dim=2)


class LastState(nn.Module):
    """The last state of an LSTM as wide as the filters, after it heard all steps (as the GRU of Choi et al. 2017)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.features = filters
        self.lstm = nn.LSTM(filters, filters, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        """Return shape (batch, features) for steps of shape (batch, filters, steps)."""
        _, (state, _) = self.lstm(steps.transpose(1, 2))
        last: Tensor = state[-1]
        return last


Aggregation = MeanMax | Attention | AutoPool | LastState


def build_aggregation(name: AggregationName, filters: int) -> Aggregation:
    """Return the aggregation of that name; raises `InputError` for any other name."""
    kinds: dict[AggregationName, type[Aggregation]] = {
        "mean_max": MeanMax,
        "attention": Attention,
        "autopool": AutoPool,
        "lstm": LastState,
    }
    if name not in kinds:
        raise InputError(f"aggregation {name!r} is unknown; say one of {', '.join(get_args(AggregationName))}")
    return kinds[name](filters)
