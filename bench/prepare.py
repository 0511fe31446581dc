"""From a corpus on disk to the tracks every family will use: decoded, and the unusable ones named."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.audio import AudioSettings
from bench.corpus import Corpus
from bench.store import Store, prepare_store


class PrepareSettings(BaseModel):
    """What becomes of doubtful tracks.

    The study stops where more than the share `max_refused` of its tracks is refused. A track is refused whose file
    lasts longer or shorter than the data set says by more than the share `duration_tolerance`, and a second.
    `drop_leaks` takes training tracks that sound like a validation or test track out of training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    max_refused: float = Field(default=0.1, ge=0, le=1)
    duration_tolerance: float = Field(default=0.05, ge=0)
    drop_leaks: bool = False


@dataclass(frozen=True)
class Prepared:
    """The usable part of a corpus, its stores (one for each way of hearing it), and why each other track is out."""

    corpus: Corpus
    stores: dict[AudioSettings, Store]
    rejected: dict[str, str]


def prepare(corpus: Corpus, settings: Iterable[AudioSettings], *, cache: Path, workers: int) -> Prepared:
    """Decode every track in every wanted way; a track refused in one is out of all, so that families stay matched."""
    stores = {each: prepare_store(corpus, each, cache=cache, workers=workers) for each in dict.fromkeys(settings)}
    rejected: dict[str, str] = {}
    for store in stores.values():
        rejected.update(store.rejected)
    usable = ~np.isin(corpus.ids, list(rejected))
    return Prepared(corpus.take(usable), stores, rejected)
