"""The two networks once more, in NumPy and double precision, from a table of the authors' layers: for comparison.

Channels stand last, as in the authors' TensorFlow. A convolution is a sum of products over windows, written out, and
shares nothing with torch but the weights, by their names in the state dict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]
EPSILON = 1e-3


@dataclass
class Reference:
    """A network by its weights; `training` normalises by the batch, and notes in `statistics` what it normalised by.

    `statistics` has, for each batch norm, mean and biased variance, and of how many values they are.
    """

    weights: Mapping[str, Array]
    training: bool = False
    statistics: dict[str, tuple[Array, Array, int]] = field(default_factory=dict)

    def waveform(self, audio: Array) -> Array:
        """Return steps, shape (batch, steps, channels), of audio, shape (batch, samples)."""
        steps = self.conv(audio[:, :, None], "frontend.layers.0", stride=3)
        for layer in range(1, 7):
            steps = pooled(self.conv(steps, f"frontend.layers.{layer}"), 3)
        return steps

    def spectrogram(self, frames: Array) -> Array:
        """Return steps, shape (batch, frames, channels), of shape (batch, frames, mels)."""
        timbres = [self.timbral(frames, f"frontend.timbral.{branch}", 3 - branch % 3) for branch in range(6)]
        envelope = frames.mean(axis=2, keepdims=True)
        zeros = [(82, 82), (63, 64), (31, 32), (15, 16)]
        rhythms = [self.conv(envelope, f"frontend.temporal.{branch}", zeros=zeros[branch]) for branch in range(4)]
        return np.concatenate([*timbres, *rhythms], axis=2)

    def timbral(self, frames: Array, name: str, size: int) -> Array:
        """Return the greatest activation over frequency of 2-D filters that span 7, 3 or 1 frames (`size` 3, 2, 1)."""
        zeros = {3: 3, 2: 1, 1: 0}[size]
        kernel = self.weights[f"{name}.conv.weight"][:, 0]
        padded = np.pad(frames, [(0, 0), (zeros, zeros), (0, 0)])
        windows = sliding_window_view(padded, kernel.shape[1:], axis=(1, 2))
        activations = np.tensordot(windows, kernel, ([3, 4], [1, 2])) + self.weights[f"{name}.conv.bias"]
        return np.asarray(self.norm(np.maximum(activations, 0), f"{name}.norm").max(axis=2))

    def summary(self, steps: Array) -> Array:
        """Return maximum and mean of each filter, interleaved, shape (batch, 2 × filters)."""
        steps = self.conv(steps, "backend.conv1")
        steps = steps + self.conv(steps, "backend.conv2", zeros=(3, 3))
        steps = pooled(steps, 2)
        steps = steps + self.conv(steps, "backend.conv3", zeros=(3, 3))
        return np.stack([steps.max(axis=1), steps.mean(axis=1)], axis=2).reshape(len(steps), -1)

    def probabilities(self, inputs: Array) -> Array:
        """Return shape (batch, tags) for audio or a spectrogram, without dropout."""
        steps = self.waveform(inputs) if inputs.ndim == 2 else self.spectrogram(inputs)
        hidden = np.maximum(self.dense(self.summary(steps), "backend.hidden"), 0)
        return np.asarray(1 / (1 + np.exp(-self.dense(self.norm(hidden, "backend.hidden_norm"), "backend.output"))))

    def conv(self, steps: Array, name: str, *, stride: int = 1, zeros: tuple[int, int] = (0, 0)) -> Array:
        """Return convolution, ReLU, batch norm of shape (batch, steps, channels)."""
        padded = np.pad(steps, [(0, 0), zeros, (0, 0)])
        kernel = self.weights[f"{name}.conv.weight"]  # (out, in, time)
        windows = sliding_window_view(padded, kernel.shape[2], axis=1)[:, ::stride]
        activations = np.tensordot(windows, kernel, ([2, 3], [1, 2])) + self.weights[f"{name}.conv.bias"]
        return self.norm(np.maximum(activations, 0), f"{name}.norm")

    def dense(self, features: Array, name: str) -> Array:
        """Return a dense layer without activation."""
        return np.asarray(features @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def norm(self, values: Array, name: str) -> Array:
        """Return values normalised over all axes but the last, or over all where there is one γ alone."""
        gamma, beta = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        mean, variance = self.weights[f"{name}.running_mean"], self.weights[f"{name}.running_var"]
        if self.training:
            alike = values.reshape(-1, len(gamma))
            mean, variance = alike.mean(axis=0), alike.var(axis=0)
            self.statistics[name] = mean, variance, len(alike)
        return np.asarray(gamma * (values - mean) / np.sqrt(variance + EPSILON) + beta)


def pooled(steps: Array, size: int) -> Array:
    """Return the maximum of every `size` steps, the remainder dropped."""
    whole = steps.shape[1] // size
    return np.asarray(steps[:, : whole * size].reshape(len(steps), whole, size, -1).max(axis=2))
