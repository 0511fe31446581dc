"""Checkpoints: a training run on disk, from which it goes on as if it had never stopped.

A checkpoint is one safetensors file: the tensors of the run and, in the file's header, JSON that says where the run is
and a digest of it all. It is written aside, brought to the disk and renamed, so that whenever a process is killed the
old one or the new one is there, whole. Nothing is unpickled on loading.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.digest import content_digest
from bench.progress import say
from bench.whole_file import replace_file

CHECKPOINT_FILE = "checkpoint.safetensors"
SECONDS_BETWEEN = 300.0  # of training without a validation: what a killed run loses at most
DAMAGED = (SafetensorError, ValidationError, KeyError, TypeError)  # what reading another file than ours raises
PARTS = ("weights", "best", "optimiser")

Parts = Mapping[str, Mapping[str, Tensor]]  # the weights, the best weights and the optimiser's state, by `PARTS`


class Progress(BaseModel):
    """Where a training run is, beside its tensors.

    `identity` names the training: checkpoints of another are not its own. `seconds` of training came before;
    `losses` and `gradient_norms` are of the updates since the last validation, `curves` has a row a validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    identity: str
    step: int
    seconds: float
    learning_rate: float
    best_loss: float
    stale: int
    curves: list[dict[str, float]]
    losses: list[float]
    gradient_norms: list[float]


@dataclass
class Checkpoints:
    """The checkpoint of one training run, by its `identity`; without a folder none is written and none is found."""

    folder: Path | None
    identity: str
    last: float = field(default_factory=time.monotonic)

    @property
    def file(self) -> Path | None:
        """The last checkpoint, None where there is none."""
        file = None if self.folder is None else self.folder / CHECKPOINT_FILE
        return file if file is not None and file.is_file() else None

    @property
    def due(self) -> bool:
        """Whether `SECONDS_BETWEEN` have passed since the last one."""
        return self.folder is not None and time.monotonic() - self.last >= SECONDS_BETWEEN

    def save(self, progress: Progress, parts: Parts) -> None:
        """Put a new checkpoint in the place of the old."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        written = {f"{part}.{name}": value.cpu().contiguous() for part in PARTS for name, value in parts[part].items()}
        header = {"progress": progress.model_dump_json()}
        header["digest"] = _digest(header["progress"], written)
        replace_file(self.folder / CHECKPOINT_FILE, safetensors.torch.save(written, header))
        self.last = time.monotonic()

    def load(self, model: nn.Module) -> tuple[Progress, Parts] | None:
        """Return the last checkpoint of this model's training, None where there is none.

        One that is damaged or does not fit the model, or another training's, is told in a line and counts as none.
        """
        if (file := self.file) is None:
            return None
        damaged = f"{file} is damaged; training starts anew"
        try:
            progress, tensors = _read(file)
        except DAMAGED:
            say(damaged)
            return None
        if progress.identity != self.identity:
            say(f"{file} is of another training; this one starts anew")
            return None
        parts = {part: _part_of(tensors, f"{part}.") for part in PARTS}
        if not fits(progress, parts, model):
            say(damaged)
            return None
        return progress, parts


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser as tensors, named by the parameter's number and the kind of state."""
    states = optimiser.state_dict()["state"].items()
    return {f"{number}.{name}": value for number, values in states for name, value in values.items()}


def restore_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor], learning_rate: float) -> None:
    """Give an optimiser the state that `optimiser_tensors` returned."""
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        states.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": states})
    for group in optimiser.param_groups:
        group["lr"] = learning_rate


def fits(progress: Progress, parts: Parts, model: nn.Module) -> bool:
    """Whether tensors have the names and shapes of the model's and of Adam's for it, as far as it has come."""
    weights = _shapes(model.state_dict())
    adam = {
        f"{number}.{name}": shape
        for number, parameter in enumerate(model.parameters())
        for name, shape in (("step", ()), ("exp_avg", parameter.shape), ("exp_avg_sq", parameter.shape))
    }
    expected = {
        "weights": weights,
        "best": weights if progress.curves else {},
        "optimiser": adam if progress.step else {},
    }
    return {part: _shapes(parts[part]) for part in PARTS} == expected


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _read(file: Path) -> tuple[Progress, dict[str, Tensor]]:
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
    if header["digest"] != _digest(header["progress"], tensors):
        raise KeyError("digest")
    return Progress.model_validate_json(header["progress"]), tensors


def _digest(progress: str, tensors: Mapping[str, Tensor]) -> str:
    contents = (part for name in sorted(tensors) for part in (name.encode(), tensors[name].numpy().tobytes()))
    return content_digest(progress.encode(), *contents)
