"""Reads `published.toml`: the numbers that others printed, each with the version of the paper that it stands in."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.record import Measures
from reports.rows import MEASURES, Row


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedRow(_Strict):
    """A row as printed: ROC-AUC and PR-AUC in percent, `rmse` as a fraction."""

    label: str
    family: str
    pair: str
    n_train: int
    roc_auc: float
    pr_auc: float
    rmse: float
    mark: str = ""

    def row(self) -> Row:
        """Return the same row in fractions."""
        fractions = {measure.field: getattr(self, measure.field) / measure.scale for measure in MEASURES}
        measures = Measures.model_validate(fractions)
        return Row(self.label, self.family, self.pair, self.n_train, per_seed=(measures,), mark=self.mark)


class PublishedTable(_Strict):
    """A printed table; `status` "quoted" says that it was not confirmed against the paper and is not to be printed."""

    version: str
    status: Literal["printed", "quoted"]
    source: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]


class NetworkSize(_Strict):
    """Trainable parameters of a network of the paper: `fixed`, and `per_tag` for each tag."""

    fixed: int
    per_tag: int


class PublishedNetworks(_Strict):
    """The paper's networks: seconds of a training patch, and sizes by family."""

    patch_seconds: float
    parameters: dict[str, NetworkSize]

    def n_parameters(self, family: str, n_tags: int) -> int | None:
        """Return the trainable parameters of the paper's network for `n_tags` tags; None where it has no such."""
        size = self.parameters.get(family)
        return None if size is None else size.fixed + size.per_tag * n_tags


class Published(_Strict):
    """All of `published.toml`."""

    networks: PublishedNetworks
    tables: tuple[PublishedTable, ...]

    @property
    def printable(self) -> tuple[PublishedTable, ...]:
        """The tables that may be printed as fact."""
        return tuple(table for table in self.tables if table.status == "printed")


@cache
def published() -> Published:
    """Return the content of `published.toml`."""
    return Published.model_validate(tomllib.loads(files("reports").joinpath("published.toml").read_text("utf-8")))
