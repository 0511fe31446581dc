"""What a study can set about training and sizes, the same for both networks."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from neural.aggregation import AggregationName
from neural.losses import LossName
from neural.precision import Precision


class NetworkSettings(BaseModel):
    """Sizes of the back-end, and the training of the paper's section 2; where it is silent, the choice is told here.

    `residual`, `loss` and `aggregation` are by default the paper's; `neural/backend.py`, `neural/losses.py` and
    `neural/aggregation.py` tell of the others.

    The learning rate is halved after `patience` validations without a lower validation loss, training stops after
    `stop_after` of them or at `max_updates`, and the weights of the best validation are kept: one rule for both
    networks and every training size. The validation loss is the `loss` that is trained; by the MSE, training for
    balanced classes, which raises the scores of rare tags on purpose, would end too soon. Tuning compares trials by
    MSE, as for all families. A validation happens every `validate_every` updates, on at most `validation_windows`
    windows of each track. `batch_norm_momentum` is the share of the old statistics that an update keeps; at 0.99 they
    need about 500 updates to settle, so a short training wants 0.9.
    `precision` is what the network computes in, in training and prediction: "bf16" is faster on a GPU, and on a CPU
    that has instructions for it (on others it is slower); results differ by less than those of two seeds.
    `patch_seconds` is also the length of the moving window in prediction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    search: ClassVar[Mapping[str, Sequence[object]]] = {
        "learning_rate": (0.0003, 0.001, 0.003, 0.01),
        "dropout": (0.2, 0.3, 0.5),
        "weight_decay": (0.0, 0.00001, 0.0001),
    }

    backend_filters: int = Field(default=512, ge=1)
    num_units: int = Field(default=500, ge=1)
    residual: bool = True
    aggregation: AggregationName = "mean_max"
    loss: LossName = "mse"
    dropout: float = Field(default=0.5, ge=0, lt=1)
    batch_norm_momentum: float = Field(default=0.99, ge=0, lt=1)

    precision: Precision = "float32"
    patch_seconds: float = Field(default=15.0, gt=0)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=0.001, gt=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0, le=1)

    max_updates: int = Field(default=200_000, ge=1)
    validate_every: int = Field(default=1000, ge=1)
    validation_windows: int = Field(default=2, ge=1)
    patience: int = Field(default=5, ge=1)
    stop_after: int = Field(default=15, ge=1)

    @model_validator(mode="after")
    def _can_halve_before_it_stops(self) -> Self:
        if self.patience > self.stop_after:
            message = f"patience = {self.patience} is above stop_after = {self.stop_after}; nothing would be halved"
            raise ValueError(message)
        return self
