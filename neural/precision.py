"""The precision that a network computes in: float32, or bf16 in its convolutions and dense layers."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["float32", "bf16"]


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Let what is computed inside have this precision; weights, gradients and the optimiser are float32 either way.

    "bf16" is torch's autocast: products of bfloat16 numbers, added up in float32 by the hardware's matrix units.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
