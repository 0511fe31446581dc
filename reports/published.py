"""Reads `published.toml`: the numbers that others printed, each with where it stands and how far it is confirmed."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.record import Measures
from reports.rows import MEASURES, Row

Setting = bool | int | float | str | list[int]


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
    """A table of the paper's own corpus; `status` "quoted" says that it was not confirmed and is not to be printed."""

    version: str
    status: Literal["printed", "quoted"]
    source: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]


class PublishedNetwork(_Strict):
    """A network of the paper: trainable parameters, `fixed` and `per_tag` for each tag, and the settings it tells."""

    fixed: int
    per_tag: int
    settings: dict[str, Setting]

    def n_parameters(self, n_tags: int) -> int:
        """Return the trainable parameters for `n_tags` tags."""
        return self.fixed + self.per_tag * n_tags

    def departures(self, settings: Mapping[str, object]) -> dict[str, tuple[object, Setting]]:
        """Return, by name, the settings that differ from the paper's: the one used, and the paper's."""
        return {
            name: (settings[name], paper)
            for name, paper in self.settings.items()
            if name in settings and settings[name] != paper
        }


class ComparedModel(_Strict):
    """What a `source` reports of a model: ROC-AUC and PR-AUC in percent, macro means over the tags.

    `status` "checked" says that we computed it again, "quoted" that it was read from a transcription and not confirmed.
    """

    model: str
    roc_auc: float
    pr_auc: float
    source: str
    status: Literal["checked", "quoted"]


class Comparison(_Strict):
    """Models tested on the official split of a corpus, named as its loader does, and how many tracks that split has."""

    corpus: str
    version: str
    n_tags: int
    n_train: int
    n_valid: int
    n_test: int
    notes: tuple[str, ...] = ()
    rows: tuple[ComparedModel, ...]


class Published(_Strict):
    """All of `published.toml`; networks by family."""

    networks: dict[str, PublishedNetwork]
    tables: tuple[PublishedTable, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def printable(self) -> tuple[PublishedTable, ...]:
        """The tables that may be printed as fact."""
        return tuple(table for table in self.tables if table.status == "printed")

    def comparison(self, corpus: str, version: str) -> Comparison | None:
        """Return what is known of this version of a corpus, None where that is nothing."""
        known = (each for each in self.comparisons if (each.corpus, each.version) == (corpus, version))
        return next(known, None)


@cache
def published() -> Published:
    """Return the content of `published.toml`."""
    return Published.model_validate(tomllib.loads(files("reports").joinpath("published.toml").read_text("utf-8")))
