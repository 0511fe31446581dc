"""What the parts of a corpus have in common though they should not: the same audio, the same artists."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from bench.corpus import PARTS, Corpus
from bench.duplicates import Duplicate, clusters
from bench.splits import Split

COLUMNS = ["cluster", "id", "path", "part", "group", "copy_of", "kind", "similarity"]


@dataclass(frozen=True)
class Leaks:
    """What was found in the parts of a corpus.

    `duplicates` has a row for each track that sounds like another one: `cluster` (those of one number sound alike),
    `id`, `path`, `part`, `group`, and `copy_of`, `kind` and `similarity` as in `Duplicate`, which the first of a
    cluster lacks. `groups` has a row for each group that is in several parts: `group` and its number of tracks in
    `train`, `valid` and `test`.
    """

    duplicates: pd.DataFrame
    groups: pd.DataFrame

    @property
    def leaking_duplicates(self) -> pd.DataFrame:
        """Those whose cluster is in several parts."""
        parts = self.duplicates.groupby("cluster")["part"].transform("nunique")
        return self.duplicates[parts > 1]

    def shared_groups(self, part: str, other: str) -> tuple[int, int]:
        """Return how many groups are in both parts, and how many tracks of the second are theirs."""
        shared = self.groups[(self.groups[part] > 0) & (self.groups[other] > 0)]
        return len(shared), int(shared[other].sum())


def find_leaks(parts: Split, duplicates: Sequence[Duplicate]) -> Leaks:
    """Return what the parts have in common, given the pairs of tracks that sound alike."""
    tracks = pd.concat([_tracks(part, corpus) for part, corpus in parts.named().items()], ignore_index=True)
    return Leaks(_duplicates(tracks, duplicates), _groups(tracks))


def leaking_from_training(leaks: Leaks) -> dict[str, str]:
    """Return the training tracks that sound like a validation or test track, by id, each with what it sounds like."""
    leaking = leaks.leaking_duplicates
    held_out = leaking[leaking["part"] != "train"].drop_duplicates("cluster").set_index("cluster")
    training = leaking[leaking["part"] == "train"]
    training = training[training["cluster"].isin(held_out.index)]
    like = held_out.loc[training["cluster"]]
    reasons = [f"sounds like {track} ({part})" for track, part in zip(like["id"], like["part"], strict=True)]
    return dict(zip(training["id"], reasons, strict=True))


def without(parts: Split, tracks: Collection[str]) -> Split:
    """Return the parts without these training tracks."""
    return replace(parts, train=parts.train.take(~np.isin(parts.train.ids, list(tracks))))


def _tracks(part: str, corpus: Corpus) -> pd.DataFrame:
    return pd.DataFrame({"id": corpus.ids, "path": corpus.files, "part": part, "group": corpus.groups})


def _duplicates(tracks: pd.DataFrame, duplicates: Sequence[Duplicate]) -> pd.DataFrame:
    numbers = {track: number for number, ids in enumerate(clusters(duplicates), start=1) for track in ids}
    found = tracks[tracks["id"].isin(list(numbers))]
    found = found.assign(cluster=found["id"].map(numbers).astype(int))
    pairs = pd.DataFrame(map(asdict, duplicates), columns=["track", "copy_of", "kind", "similarity"])
    table = found.merge(pairs, how="left", left_on="id", right_on="track")[COLUMNS]
    return table.sort_values(["cluster", "id"], ignore_index=True)


def _groups(tracks: pd.DataFrame) -> pd.DataFrame:
    counts = pd.crosstab(tracks["group"], tracks["part"]).reindex(columns=list(PARTS), fill_value=0)
    shared = counts[(counts > 0).sum(axis=1) > 1]
    return shared.rename_axis(columns=None).reset_index()
