"""Weights and inputs drawn as they were for the authors' own code, and what that code gave for them.

`fixtures/authors_outputs.npz` holds what the authors' published TensorFlow code (jordipons/
music-audio-tagging-at-scale-models) gave, in inference mode, on the weights and inputs drawn below. Each array is named
by front-end, length of the input and what it is.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from neural.network import Network, build_network

FrontEnd = Literal["waveform", "spectrogram"]

AUTHORS = np.load(Path(__file__).parent / "fixtures" / "authors_outputs.npz")
SEED = 1711
KINDS = ("kernel", "bias", "gamma", "beta", "mean", "variance")
INPUTS: list[tuple[FrontEnd, int, int]] = [  # front-end, length, number of the input's random stream
    ("waveform", 240_000, 40),
    ("waveform", 59_049, 41),
    ("spectrogram", 938, 30),
    ("spectrogram", 187, 31),
]


def transplanted(frontend: FrontEnd, *, n_mels: int = 90, dropout: float = 0.5) -> Network:
    """Return a network with 4 filters where the paper has 16, 100 units, and the weights that the authors' code had."""
    network = build_network(frontend, 50, n_mels=n_mels, num_filt=4, num_units=100, dropout=dropout).eval()
    layers = [m for m in network.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear | _BatchNorm)]
    for number, layer in enumerate(layers):
        if isinstance(layer, _BatchNorm):
            copy_statistics(layer, number)
        else:
            gain = 0.01 if number == len(layers) - 1 else 2.0  # small before the sigmoid, so that none saturates
            copy_weights(layer, number, gain)
    return network


def copy_weights(layer: nn.Conv1d | nn.Conv2d | nn.Linear, number: int, gain: float) -> None:
    """Draw in TensorFlow's layout, (time, frequency, in, out), and turn it into (out, in, time, frequency)."""
    shape = (*layer.weight.shape[2:], layer.weight.shape[1], layer.weight.shape[0])
    kernel = stream(number, "kernel").standard_normal(shape) * np.sqrt(gain / np.prod(shape[:-1]))
    layer.weight.data = as_tensor(kernel.transpose(-1, -2, *range(len(shape) - 2)))
    assert layer.bias is not None
    layer.bias.data = as_tensor(0.1 * stream(number, "bias").standard_normal(shape[-1]))


def copy_statistics(layer: _BatchNorm, number: int) -> None:
    n = layer.num_features
    layer.weight.data = as_tensor(stream(number, "gamma").uniform(0.6, 1.4, n))
    layer.bias.data = as_tensor(0.2 * stream(number, "beta").standard_normal(n))
    layer.running_mean = as_tensor(0.2 * stream(number, "mean").standard_normal(n) + 0.3)
    layer.running_var = as_tensor(stream(number, "variance").uniform(0.3, 1.5, n))


def stream(number: int, kind: str) -> np.random.Generator:
    return np.random.default_rng([SEED, number, KINDS.index(kind)])


def as_tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def drawn_input(frontend: FrontEnd, length: int, number: int, *, items: int = 2, n_mels: int = 90) -> Tensor:
    """Return smoothed noise whose level and offset step, or a spectrogram of blocks and noise."""
    draw = np.random.default_rng([SEED, 9000, number])
    if frontend == "waveform":
        level = stretched(draw.uniform(0.05, 1.5, (items, -(-length // 4001))), 4001, length)
        offset = stretched(0.3 * draw.standard_normal((items, -(-length // 4001))), 4001, length)
        noise = draw.standard_normal((items, length + 2))
        return as_tensor(level * (noise[:, 2:] + noise[:, 1:-1] + noise[:, :-2]) / 3 + offset)
    colour = stretched(draw.standard_normal((items, -(-length // 17), n_mels)), 17, length)
    level = stretched(draw.standard_normal((items, -(-length // 17), 1)), 17, length)
    return as_tensor(0.7 * colour + level + 0.5 * draw.standard_normal((items, length, n_mels)))


def stretched(values: NDArray[np.float64], times: int, length: int) -> NDArray[np.float64]:
    return np.repeat(values, times, axis=1)[:, :length]
