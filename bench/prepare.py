"""From a corpus on disk to the tracks every family will use: decoded, checked, and the unusable ones named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from bench.audio import AudioSettings
from bench.corpus import Corpus, leads_out
from bench.facts import FileFacts
from bench.sound_file import can_be_read
from bench.store import Store, prepare_store
from bench.whole_file import remove_leftovers

DURATION_TOLERANCE = 0.05  # of what the data set says
LEAST_TOLERANCE = 1.0  # seconds: encoders pad, and metadata is rounded
CLIPPED_SHARE = 0.01  # of samples at full scale, from which on a track is noted


class PrepareSettings(BaseModel):
    """What becomes of doubtful tracks.

    The study stops where more than the share `max_refused` of its tracks is refused. A track is refused whose file
    lasts longer or shorter than the data set says by more than the share `duration_tolerance`, and by more than a
    second. `drop_leaks` takes training tracks that sound like a validation or test track out of training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    max_refused: float = Field(default=0.1, ge=0, le=1)
    duration_tolerance: float = Field(default=DURATION_TOLERANCE, ge=0)
    drop_leaks: bool = False


@dataclass(frozen=True)
class Prepared:
    """What became of the tracks of a corpus, which is `whole`.

    `stores` hold their audio, one for each way of hearing it; `rejected` says, by track id, why a track is out, and
    `notes` what is odd about one that is in.
    """

    whole: Corpus
    stores: dict[AudioSettings, Store]
    rejected: dict[str, str]
    notes: dict[str, str]

    @cached_property
    def corpus(self) -> Corpus:
        """The usable part."""
        return self.whole.take(~np.isin(self.whole.ids, list(self.rejected)))

    @cached_property
    def facts(self) -> dict[str, FileFacts]:
        """What the decoder found in the files that it could read, by track id; nothing where no audio is heard."""
        return next(iter(self.stores.values())).facts if self.stores else {}

    def table(self, part_of: Mapping[str, str], left_out: Mapping[str, str]) -> pd.DataFrame:
        """Return what was kept and refused and why, a row a track.

        `part_of` gives the part of each track that is used, `left_out` why one is not though it could be.
        `seconds` is the file's own length, `told_seconds` that of the data set's metadata, `clipped` the share of
        samples at full scale.
        """
        ids = self.whole.ids.tolist()
        facts = [self.facts.get(track) for track in ids]
        told = self.whole.durations
        said = {**self.notes, **left_out, **self.rejected}
        return pd.DataFrame(
            {
                "id": ids,
                "path": self.whole.files.tolist(),
                "group": self.whole.groups.tolist(),
                "part": [part_of.get(track, "") for track in ids],
                "verdict": [
                    "refused" if track in self.rejected else "left out" if track in left_out else "kept"
                    for track in ids
                ],
                "reason": [said.get(track, "") for track in ids],
                "seconds": [None if each is None else each.seconds for each in facts],
                "told_seconds": [None] * len(ids) if told is None else told.round(3).tolist(),
                "rate": pd.array([None if each is None else each.rate for each in facts], dtype="Int64"),
                "channels": pd.array([None if each is None else each.channels for each in facts], dtype="Int64"),
                "clipped": [None if each is None else each.clipped for each in facts],
            }
        )


def prepare(
    corpus: Corpus,
    heard: Iterable[AudioSettings | None],
    *,
    cache: Path,
    workers: int,
    duration_tolerance: float = DURATION_TOLERANCE,
) -> Prepared:
    """Decode every track in every wanted way; a track refused in one is out of all, so that families stay matched.

    None among the ways stands for a family that hears nothing, but takes the descriptors that the data set ships. What
    killed processes left half-written in the cache is removed.
    """
    remove_leftovers(cache)
    ways = dict.fromkeys(heard)
    stores = {way: prepare_store(corpus, way, cache=cache, workers=workers) for way in ways if way is not None}
    rejected = _without_descriptors(corpus) if None in ways else {}
    notes: dict[str, str] = {}
    for store in stores.values():
        rejected |= _of_other_length(corpus, store, duration_tolerance) | store.rejected
        notes |= _odd(store)
    return Prepared(corpus, stores, rejected, notes)


def _without_descriptors(corpus: Corpus) -> dict[str, str]:
    """Return the tracks whose file of shipped descriptors is missing, or lies outside the data set's folder."""
    if corpus.descriptor_files is None:
        return {}
    found: dict[str, str] = {}
    for track, file in zip(corpus.ids.tolist(), corpus.descriptor_files.tolist(), strict=True):
        if not can_be_read(corpus.root / file):
            found[track] = "has no descriptors: their file is missing"
        elif leads_out(corpus.root, corpus.root / file):
            found[track] = "has no descriptors: their file is a link that leads out of the data set's folder"
    return found


def _of_other_length(corpus: Corpus, store: Store, tolerance: float) -> dict[str, str]:
    """Return the tracks whose file does not last as long as the data set says."""
    if corpus.durations is None:
        return {}
    found: dict[str, str] = {}
    for track, told in zip(corpus.ids.tolist(), corpus.durations.tolist(), strict=True):
        facts = store.facts.get(track)
        if facts is None or facts.seconds is None:
            continue
        if abs(facts.seconds - told) > max(LEAST_TOLERANCE, tolerance * told):  # never where told is nan
            found[track] = f"lasts {facts.seconds:.1f} s, but the data set says {told:.1f} s"
    return found


def _odd(store: Store) -> dict[str, str]:
    """Return what is odd about tracks that can be heard."""
    odd: dict[str, str] = {}
    for track, facts in store.facts.items():
        notes = []
        if facts.clipped > CLIPPED_SHARE:
            notes.append(f"is clipped: {100 * facts.clipped:.1f} % of its samples are at full scale")
        if store.settings.sample_rate != "own" and facts.rate < store.settings.sample_rate:
            notes.append(f"has a sample rate of {facts.rate} Hz: nothing above {facts.rate // 2} Hz is in it")
        if notes:
            odd[track] = "; ".join(notes)
    return odd
