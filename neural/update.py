"""One update of a network's weights: what dropout drops, a batch's gradients, their norm, and a step of Adam."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neural.distributed import average_gradients
from neural.gradients import Gradients, gradients_of
from neural.layers import key_dropout
from neural.settings import NetworkSettings


@dataclass(frozen=True)
class Updates:
    """Makes the updates of a model; each is a function of the seed, the batch and what those before have left."""

    model: nn.Module
    gradients: Gradients
    optimiser: torch.optim.Optimizer
    seed: int  # of what dropout drops

    def __call__(self, places: range, patches: Tensor, targets: Tensor) -> tuple[float, float]:
        """Return the loss and the norm of its gradients; where either is not finite, the weights are left alone.

        `places` tell the batch's patches from all others of the training, for dropout; patches of int16 have shape
        (batch, samples), targets (batch, tags). Several processes each give their share of the batch.
        """
        key_dropout(self.model, self.seed, torch.tensor(places, device=targets.device))
        loss = average_gradients(self.model, self.gradients(patches, targets))
        norm = nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        loss_now, norm_now = torch.stack([loss, norm]).tolist()  # waits for the device once
        if math.isfinite(loss_now) and math.isfinite(norm_now):
            self.optimiser.step()
        return loss_now, norm_now


def updates_of(
    model: nn.Module, loss: nn.Module, settings: NetworkSettings, seed: int, device: torch.device
) -> Updates:
    """Return the updates by these settings, as fast as the device makes them; the model is on it."""
    optimiser = torch.optim.Adam(
        model.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=device.type == "cuda",
    )
    return Updates(model, gradients_of(model, loss, settings.precision, device), optimiser, seed)
