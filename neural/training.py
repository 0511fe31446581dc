"""The training loop of the paper's section 2: mean squared error over all tags at once, Adam, one stopping rule."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from bench.corpus import Corpus, Float32Array
from bench.errors import StudyFailedError
from bench.metrics import pr_auc, rmse, roc_auc
from neural.gradients import Gradients, gradients_of
from neural.patches import TrainingPatches, Windows
from neural.prediction import mean_scores
from neural.reading import OnDevice
from neural.settings import NetworkSettings


@dataclass
class StoppingRule:
    """Follows the validation loss: when to halve the learning rate, when to stop, which weights were best."""

    patience: int
    stop_after: int
    best: float = math.inf
    stale: int = 0  # validations since the best

    def improved_by(self, loss: float) -> bool:
        """Take note of a validation's loss; say whether it is the lowest so far."""
        improved = loss < self.best
        self.best, self.stale = (loss, 0) if improved else (self.best, self.stale + 1)
        return improved

    @property
    def halves(self) -> bool:
        """Whether the learning rate is to be halved now."""
        return self.stale > 0 and self.stale % self.patience == 0

    @property
    def stops(self) -> bool:
        """Whether training is to end now."""
        return self.stale >= self.stop_after


@dataclass
class Training:
    """A training run between two updates; `run` takes it to its end."""

    model: nn.Module
    patches: TrainingPatches
    validation: Windows
    settings: NetworkSettings
    device: torch.device
    optimiser: torch.optim.Optimizer = field(init=False)
    gradients: Gradients = field(init=False)
    batches: OnDevice = field(init=False)
    rule: StoppingRule = field(init=False)
    best_weights: dict[str, Tensor] = field(init=False)
    curves: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # of the updates since the last validation
    step: int = 0  # updates done

    def __post_init__(self) -> None:
        self.optimiser = torch.optim.Adam(
            self.model.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            fused=self.device.type == "cuda",
        )
        self.gradients = gradients_of(self.model, nn.MSELoss(), self.settings.precision, self.device)
        self.batches = OnDevice(self.patches.batch, self.device)
        self.rule = StoppingRule(self.settings.patience, self.settings.stop_after)
        self.best_weights = copied(self.model.state_dict())

    def run(self, bar: "tqdm[Any]") -> None:
        """Update until the rule or the cap ends it, then put the best weights back; `bar` counts updates.

        Raises `StudyFailedError` when the loss is no longer a number.
        """
        self.model.train()
        while self.step < self.settings.max_updates and not self.rule.stops:
            self.losses.append(self.update())
            bar.update()
            bar.set_postfix(loss=f"{self.losses[-1]:.4f}", refresh=False)
            if self.step % self.settings.validate_every == 0 or self.step == self.settings.max_updates:
                self.validate()
        self.model.load_state_dict(self.best_weights)

    @property
    def hit_cap(self) -> bool:
        """Whether the cap, not the rule, ended it."""
        return self.step == self.settings.max_updates and not self.rule.stops

    def update(self) -> float:
        """Make one update; return its loss."""
        loss = self.gradients(*self.batches[self.step])
        self.optimiser.step()
        self.step += 1
        return self._checked(float(loss.item()), "training")

    def validate(self) -> None:
        """Measure on the validation tracks, add a row to the curves, and do what the rule says."""
        corpus = self.validation.corpus
        scores = mean_scores(
            self.model,
            self.validation,
            batch_size=self.settings.batch_size,
            device=self.device,
            precision=self.settings.precision,
        )
        loss = self._checked(float(np.square(scores - corpus.targets).mean(dtype=np.float64)), "validation")
        self.curves.append(
            {
                "step": self.step,
                "train_loss": float(np.mean(self.losses)),
                "valid_loss": loss,
                "learning_rate": self.learning_rate,
                **validation_measures(corpus, scores),
            }
        )
        self.losses.clear()
        if self.rule.improved_by(loss):
            self.best_weights = copied(self.model.state_dict())
        elif self.rule.halves:
            for group in self.optimiser.param_groups:
                group["lr"] /= 2

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return float(self.optimiser.param_groups[0]["lr"])

    @property
    def curve_frame(self) -> pd.DataFrame:
        """One row for each validation."""
        return pd.DataFrame(self.curves).astype({"step": int})

    def _checked(self, loss: float, which: str) -> float:
        if not math.isfinite(loss):
            raise StudyFailedError(
                f"{which} loss is {loss} at step {self.step} of {self.settings.max_updates} "
                f"(learning rate {self.learning_rate:g}); try a lower learning_rate"
            )
        return loss


def validation_measures(corpus: Corpus, scores: Float32Array) -> dict[str, float]:
    """Return the macro means of those of the three measures that are defined for some tag."""
    classes, regressions = corpus.tag_rows("classification"), corpus.tag_rows("regression")
    per_tag = {
        "valid_roc_auc": roc_auc(corpus.targets[:, classes], scores[:, classes]),
        "valid_pr_auc": pr_auc(corpus.targets[:, classes], scores[:, classes]),
        "valid_rmse": rmse(corpus.targets[:, regressions], scores[:, regressions]),
    }
    return {name: float(np.nanmean(values)) for name, values in per_tag.items() if np.isfinite(values).any()}


def copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a copy of a state dict that further updates do not reach."""
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw torch's random numbers from `seed` inside; leave its generators as they were outside."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
