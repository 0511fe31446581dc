"""What both front-ends and the back-end are made of: convolution, ReLU, batch norm, in that order.

In training a batch norm divides by the batch's biased variance, as the authors' does; into its running variance goes
the unbiased one, which is torch's convention.
"""

import math

import torch
from torch import Tensor, nn

from bench.digest import unit_hashes

EPSILON = 1e-3  # of every batch norm: TensorFlow's default, which the authors left as it is

# A normal distribution cut off at two standard deviations has this standard deviation; He's variance is meant for what
# is left after the cut, so the uncut one is drawn wider (as TensorFlow's variance-scaling initialiser does).
STD_OF_TRUNCATED_NORMAL = 0.87962566103423978


class ConvBlock(nn.Module):
    """A convolution, then ReLU, then batch norm; zeros before the convolution are part of it."""

    def __init__(self, conv: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the activations, shape (batch, filters, ...)."""
        activations: Tensor = self.norm(self.conv(inputs).relu())
        return activations


class ChunkConv(nn.Conv1d):
    """A convolution of one channel whose stride is its kernel: under autocast, a dense layer on chunks of the input.

    That decides the layout of all that follows: the filters of a step then lie side by side in memory, as bf16
    convolutions want them. On a CPU with bf16 instructions, a training step of the waveform network takes 0.57 of the
    CPU time, since nothing is copied from one layout to the other and back. In float32 it would take a fifth longer.

    In this layout, torch's batch norm on a CPU adds up without care: over 16 patches of 15 s the standard deviation is
    up to 0.2 % off, which is the rounding of one bf16 number.
    """

    def __init__(self, filters: int, kernel: int) -> None:
        super().__init__(1, filters, kernel, stride=kernel)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return shape (batch, filters, 1, steps) for inputs of shape (batch, samples); the remainder is dropped."""
        if not torch.is_autocast_enabled(inputs.device.type):
            return super().forward(inputs.unsqueeze(1)).unsqueeze(2)
        kernel = self.kernel_size[0]
        chunks = inputs[:, : inputs.shape[1] // kernel * kernel].unflatten(1, (-1, kernel))
        return nn.functional.linear(chunks, self.weight.squeeze(1), self.bias).transpose(1, 2).unsqueeze(2)


class StepConv(nn.Conv1d):
    """A convolution over time of inputs that have a second, flat axis, so that they keep the layout they come in."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return shape (batch, filters, 1, steps) for inputs of shape (batch, channels, 1, steps)."""
        return nn.functional.conv2d(inputs, self.weight.unsqueeze(2), self.bias)


class SameConv1d(nn.Conv1d):
    """A convolution over time with as many steps out as in; of an odd number of zeros, the odd one is on the right.

    `padding="same"` splits alike but warns at even kernels, of which this network has three.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Return shape (batch, filters, steps) for an input of shape (batch, channels, steps)."""
        zeros = self.kernel_size[0] - 1
        return super().forward(nn.functional.pad(inputs, (zeros // 2, zeros - zeros // 2)))


class ScalarBatchNorm(nn.BatchNorm1d):
    """Batch norm with one γ, β, mean and variance for all channels together.

    The authors' code normalises the second and third convolution of the back-end after a transposition that leaves
    one channel, so this is what the published results were made with.
    """

    def __init__(self, eps: float, momentum: float) -> None:
        super().__init__(1, eps=eps, momentum=momentum)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the shape of the input, (batch, channels, steps)."""
        return super().forward(inputs.flatten(1).unsqueeze(1)).view_as(inputs)


class KeyedDropout(nn.Dropout):
    """Dropout whose masks are a function of `keys`, one 32-bit number a row; without keys it is torch's own.

    No generator has a state, so that a training run that was interrupted, or is divided among processes, drops what
    it would have dropped otherwise, on any device.
    """

    keys: Tensor | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the input with values dropped and the others scaled up, in training alone; shape (batch, values)."""
        if self.keys is None or not self.training:
            return super().forward(inputs)
        columns = _mixed(torch.arange(inputs.shape[1], device=inputs.device))
        kept = _mixed(self.keys[:, None] ^ columns) >= round(self.p * 2**32)
        return inputs * kept / (1 - self.p)


def key_dropout(model: nn.Module, seed: int, places: Tensor) -> None:
    """Draw the next masks of a model's dropout layers from `seed` and each row's place, a number, shape (batch,)."""
    layers = [layer for layer in model.modules() if isinstance(layer, KeyedDropout)]
    salts = unit_hashes([f"dropout {number}" for number in range(len(layers))], str(seed))
    for layer, salt in zip(layers, salts.tolist(), strict=True):
        keys = _mixed(_mixed(places) ^ int(salt * 2**32))
        if layer.keys is not None and layer.keys.shape == keys.shape:
            layer.keys.copy_(keys)  # where a captured graph reads them
        else:
            layer.keys = keys


def _mixed(numbers: Tensor) -> Tensor:
    """Return 32 well mixed bits of each 32-bit number, as int64 (C. Wellons's lowbias32, 2018)."""
    numbers = numbers ^ (numbers >> 16)
    numbers = (numbers * 0x7FEB352D) & 0xFFFFFFFF
    numbers = numbers ^ (numbers >> 15)
    numbers = (numbers * 0x846CA68B) & 0xFFFFFFFF  # may run over 63 bits; the low 32 are right all the same
    return numbers ^ (numbers >> 16)


def he_initialise(module: nn.Module) -> None:
    """Draw a convolution's or dense layer's weights (He et al. 2015, fan-in, truncated normal); zero its biases.

    Meant for `nn.Module.apply`; the numbers come from torch's global generator. Other layers are left alone.
    """
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
        fan_in = module.weight[0].numel()
        std = math.sqrt(2 / fan_in) / STD_OF_TRUNCATED_NORMAL
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
