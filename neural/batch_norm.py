"""Batch norm by the statistics of a batch that is divided among processes, on any device.

torch's own `SyncBatchNorm` refuses to work on a CPU.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench.processes import add_up, from_all
from neural.layers import ScalarBatchNorm


class SynchronisedBatchNorm(nn.Module):
    """A batch norm's successor with the same tensors under the same names; each process calls it with its rows."""

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__()
        self.eps = norm.eps
        self.momentum = norm.momentum or 0.0
        self.scalar = isinstance(norm, ScalarBatchNorm)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean: Tensor
        self.running_var: Tensor
        self.num_batches_tracked: Tensor
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the shape of the input, (batch, channels, ...)."""
        rows = inputs.flatten(1).unsqueeze(1) if self.scalar else inputs
        if self.training:
            mean, variance, count = shared_statistics(rows.to(self.weight.dtype))
            self._follow(mean, variance * (count / (count - 1)))
            normalise: Callable[..., Tensor] = Normalised.apply
            normalised = normalise(rows, self.weight, self.bias, mean, variance, count, self.eps)
        else:
            normalised = nn.functional.batch_norm(
                rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return normalised.view_as(inputs)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


@torch.no_grad()
def shared_statistics(rows: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return the mean and the biased variance of each channel over all processes' rows, and how many values each has.

    Each process tells its own three; squares are added up around the means, so that no digits are lost (Chan, Golub
    and LeVeque 1983, "Algorithms for computing the sample variance").
    """
    dims = [dim for dim in range(rows.ndim) if dim != 1]
    variance, mean = torch.var_mean(rows, dims, correction=0)
    own = rows.numel() // rows.shape[1]
    means, variances, counts = from_all(torch.stack([mean, variance, torch.full_like(mean, own)])).double().unbind(1)
    shares = counts / counts.sum(0)
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(0)
    return mean.to(rows.dtype), variance.to(rows.dtype), float(counts[:, 0].sum())


class Normalised(torch.autograd.Function):
    """Rows normalised by statistics that they are a part of; the gradient knows the parts of the other processes."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch lets it carry anything
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: float,
        eps: float,
    ) -> Tensor:
        """Return γ (x - mean) / √(variance + ε) + β, in the shape of the rows; `count` values a channel went in."""
        ctx.save_for_backward(rows, weight, mean, variance)
        ctx.count, ctx.eps = count, eps
        return nn.functional.batch_norm(rows, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as above
        """Return the gradients of rows, weight and bias.

        That of the rows is γ/σ (y - mean of y - x̂ · mean of y x̂), for slopes y and normalised rows x̂, with means over
        all processes' rows (Ioffe and Szegedy 2015, section 3). Those of weight and bias are this process's part.
        """
        rows, weight, mean, variance = ctx.saved_tensors
        as_constants = torch.ops.aten.native_batch_norm_backward  # γ/σ y, and the sums of y x̂ and of y
        straight, of_weight, of_bias = as_constants(
            slopes, rows, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.stack([of_bias, of_weight])
        add_up(sums)
        spread = (variance + ctx.eps).sqrt()
        level, tilt = sums * (weight / spread / ctx.count)
        mean, level, tilt = (_of_channels(values, rows) for values in (mean, level, tilt / spread))
        of_rows = straight - level - (rows - mean) * tilt
        return of_rows.to(rows.dtype), of_weight, of_bias, None, None, None, None


def _of_channels(values: Tensor, rows: Tensor) -> Tensor:
    """Return one value a channel in a shape that goes with the rows."""
    return values.view(1, -1, *(1 for _ in range(rows.ndim - 2)))
