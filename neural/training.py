"""The training loop of the paper's section 2: one loss over all tags at once, Adam, one stopping rule."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from bench.corpus import Corpus, Float32Array
from bench.costs import stage
from bench.errors import StudyFailedError
from bench.metrics import pr_auc, rmse, roc_auc
from bench.processes import ending_together, from_first, own_share
from bench.signals import TerminatedError, undisturbed
from neural.checkpoint import Checkpoints, Progress, optimiser_tensors, restore_optimiser
from neural.distributed import gathered
from neural.losses import build_loss
from neural.patches import TrainingPatches, Windows
from neural.prediction import mean_scores, windows_at_once
from neural.reading import OnDevice
from neural.settings import NetworkSettings
from neural.update import Updates, updates_of

TRAINING_VERSION = 1  # raise it whenever a training run would go on otherwise than it began


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
    """A training run between two updates; `run` takes it to its end, `resume` to where its checkpoint was."""

    model: nn.Module
    patches: TrainingPatches
    valid: Corpus
    validation: Windows  # of those of its tracks that this process scores
    settings: NetworkSettings
    device: torch.device
    checkpoints: Checkpoints
    on_validation: Callable[[Mapping[str, float]], None] | None = None  # as in `Context`
    loss: nn.Module = field(init=False)
    updates: Updates = field(init=False)
    batches: OnDevice = field(init=False)
    rule: StoppingRule = field(init=False)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    curves: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # of the updates since the last validation
    gradient_norms: list[float] = field(default_factory=list)  # likewise
    step: int = 0  # updates done
    earlier_seconds: float = 0.0  # of training before the checkpoint that it went on from
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.loss = build_loss(self.settings.loss, self.patches.corpus).to(self.device)
        self.updates = updates_of(self.model, self.loss, self.settings, self.patches.seed, self.device)
        self.batches = OnDevice(self.patches.batch, self.device)
        self.rule = StoppingRule(self.settings.patience, self.settings.stop_after)

    def run(self, bar: "tqdm[Any]") -> None:
        """Update until the rule or the cap ends it, then put the best weights back; `bar` counts patches.

        Where SIGINT or SIGTERM ends it before, a checkpoint is left.
        Raises `StudyFailedError` when a loss or gradient is no longer a number; the last checkpoint stays.
        """
        self.model.train()
        with ending_together() as heed:
            try:
                while self.validation_due or not self.ended:
                    heed()
                    self.advance(bar)
            except (KeyboardInterrupt, TerminatedError):
                self.save()
                raise
        self.model.load_state_dict(self.best_weights)

    def advance(self, bar: "tqdm[Any]") -> None:
        """Validate where that is due, else make one update; save a checkpoint where that is due."""
        if self.validation_due:
            self.validate()
            self.save()
            return
        with undisturbed():
            self.update()
        if self.checkpoints.due:
            self.save()
        bar.set_postfix_str(self.description, refresh=False)
        bar.update(self.settings.batch_size)

    @property
    def ended(self) -> bool:
        """Whether the rule or the cap allows no more updates."""
        return self.step == self.settings.max_updates or self.rule.stops

    @property
    def validation_due(self) -> bool:
        """Whether the updates so far are to be judged before the next."""
        last = self.step == self.settings.max_updates
        return bool(self.losses) and (last or self.step % self.settings.validate_every == 0)

    @property
    def hit_cap(self) -> bool:
        """Whether the cap, not the rule, ended it."""
        return self.step == self.settings.max_updates and not self.rule.stops

    def update(self) -> None:
        """Make one update; a function of the seed, the step and what the updates before have left."""
        places = own_share(self.patches.places(self.step))
        loss, norm = self.updates(places, *self.batches[self.step])
        for which, value in (("training loss", loss), ("gradient norm", norm)):
            if not math.isfinite(value):
                raise self._failure(which, value, self.step + 1, self.patches.track_ids(self.step))
        self.losses.append(loss)
        self.gradient_norms.append(norm)
        self.step += 1

    @stage("validate")
    def validate(self) -> None:
        """Measure on the validation tracks, add a row to the curves, and do what the rule says."""
        corpus = self.valid
        scores = mean_scores(
            self.model,
            self.validation,
            batch_size=windows_at_once(self.settings.batch_size, self.device),
            device=self.device,
            precision=self.settings.precision,
        )
        scores = gathered(scores, corpus)
        loss = self.loss_of(scores, corpus.targets)
        if not math.isfinite(loss):
            raise self._failure("validation loss", loss, self.step)
        measured = {
            "step": self.step,
            "train_loss": float(np.mean(self.losses)),
            "valid_loss": loss,
            "learning_rate": self.learning_rate,
            "gradient_norm": float(np.mean(self.gradient_norms)),
            **validation_measures(corpus, scores),
        }
        with undisturbed():
            self._conclude(measured)

    def _conclude(self, measured: dict[str, float]) -> None:
        """Add a validation to the curves and do what the rule says."""
        self.curves.append(measured)
        self._show([measured])
        self.losses.clear()
        self.gradient_norms.clear()
        if self.rule.improved_by(measured["valid_loss"]):
            self.best_weights = copied(self.model.state_dict())
        elif self.rule.halves:
            for group in self.updates.optimiser.param_groups:
                group["lr"] /= 2

    def loss_of(self, scores: Float32Array, targets: Float32Array) -> float:
        """Return the loss of scores, shape (tracks, tags), in double precision."""
        told, wanted = (torch.from_numpy(values).to(self.device).double() for values in (scores, targets))
        return float(self.loss(told, wanted))

    def save(self) -> None:
        """Write a checkpoint."""
        progress = Progress(
            identity=self.checkpoints.identity,
            step=self.step,
            seconds=self.earlier_seconds + time.monotonic() - self.started,
            learning_rate=self.learning_rate,
            best_loss=self.rule.best,
            stale=self.rule.stale,
            curves=self.curves,
            losses=self.losses,
            gradient_norms=self.gradient_norms,
        )
        parts = {
            "weights": self.model.state_dict(),
            "best": self.best_weights,
            "optimiser": optimiser_tensors(self.updates.optimiser),
        }
        self.checkpoints.save(progress, parts)

    def resume(self) -> bool:
        """Go to where the last checkpoint was, which the first process reads; say whether there was one."""
        if (found := from_first(lambda: self.checkpoints.load(self.model))) is None:
            return False
        progress, parts = found
        self.step, self.earlier_seconds = progress.step, progress.seconds
        self.curves, self.losses = list(progress.curves), list(progress.losses)
        self.gradient_norms = list(progress.gradient_norms)
        self._show(self.curves)
        self.rule.best, self.rule.stale = progress.best_loss, progress.stale
        self.model.load_state_dict(parts["weights"])
        self.best_weights = {name: tensor.to(self.device) for name, tensor in parts["best"].items()}
        restore_optimiser(self.updates.optimiser, parts["optimiser"], progress.learning_rate)
        return True

    def _show(self, rows: list[dict[str, float]]) -> None:
        if self.on_validation is not None:
            for row in rows:
                self.on_validation(row)

    @property
    def description(self) -> str:
        """Where it is, in a few words: rounds of the training tracks, the last loss and the last validation."""
        rounds = self.step * self.settings.batch_size / len(self.patches.corpus)
        validated = self.curves[-1].items() if self.curves else ()
        measures = [f"{name.replace('_', ' ', 1)} {value:.4f}" for name, value in validated if name.startswith("valid")]
        return ", ".join([f"epoch {rounds:.1f}", f"loss {self.losses[-1]:.4f}", *measures])

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return float(self.updates.optimiser.param_groups[0]["lr"])

    @property
    def curve_frame(self) -> pd.DataFrame:
        """One row for each validation."""
        return pd.DataFrame(self.curves).astype({"step": int})

    def _failure(self, which: str, value: float, step: int, tracks: Sequence[str] = ()) -> StudyFailedError:
        batch = f" on tracks {', '.join(tracks)}" if tracks else ""
        kept = self.checkpoints.file
        return StudyFailedError(
            f"{which} is {value} at step {step} of {self.settings.max_updates} "
            f"(learning rate {self.learning_rate:g}){batch}; try a lower learning_rate"
            + (f": the same settings go on from the last good checkpoint, {kept}, to the same end" if kept else "")
        )


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
