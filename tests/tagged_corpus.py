"""Corpora of tags alone, without audio: what there is to inspect."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.corpus import Corpus, Tag
from bench.study import Study


def make_corpus(
    tags: Mapping[str, Sequence[float]],
    *,
    kinds: dict[str, str] | None = None,
    exclusive: dict[str, str] | None = None,
    groups: Sequence[str] | None = None,
    parts: Sequence[str] | None = None,
) -> Corpus:
    """Return a corpus with these targets, by tag; a tag of 0 and 1 is a classification tag unless `kinds` says else.

    Each track is a group of its own, and all are for training, unless told.
    """
    targets = np.array(list(tags.values()), np.float32).T
    ids = np.array([f"t{number:05}" for number in range(len(targets))])
    told = {name: "classification" if set(values) <= {0, 1} else "regression" for name, values in tags.items()}
    return Corpus(
        name="tagged",
        version="1",
        root=Path(),
        tags=tuple(
            Tag(name, kind, exclusive_group=(exclusive or {}).get(name, ""))  # type: ignore[arg-type]
            for name, kind in (told | (kinds or {})).items()
        ),
        ids=ids,
        groups=ids if groups is None else np.array(groups),
        files=ids,
        targets=targets,
        parts=np.array(parts or ["train"] * len(ids)),
    )


def make_study(**changes: object) -> Study:
    """Return a study over the official split with one training size, and scoring by 2 positives and negatives."""
    values: dict[str, Any] = {
        "name": "tagged",
        "corpus": {"name": "manifest"},
        "split": {"kind": "official"},
        "scoring": {"min_positives": 2, "min_negatives": 2},
        "sizes": [2],
        "families": [{"family": "prior"}],
    }
    return Study.model_validate(values | changes)
