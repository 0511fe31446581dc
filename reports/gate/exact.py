"""What is the same on every machine, to the last digit: splits, digests, and the measures of committed scores."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.corpus import Corpus, Float32Array, Tag
from bench.errors import InputError
from bench.measure import measure
from bench.splits import split, subset
from reports.gate.checks import Check, in_one, same
from reports.gate.expectation import UPDATE
from reports.gate.found import first_difference

EXACT_FILE = "exact.json"
SCORES_FILE, TARGETS_FILE = "measured_scores.npy", "measured_targets.npy"
EXACT = "exact parts"


class _Exact(BaseModel):
    """Digests of splits by what they are of, and measures by tag, as `measures_of` gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    splits: dict[str, str]
    measures: dict[str, dict[str, Any]]  # numbers, and null where there is none


def made_up_corpus(tracks: int = 300) -> Corpus:
    """Return tracks without sound, three an artist, that splits and subsets are made of."""
    numbers = range(tracks)
    tags = (Tag("even", "classification"), Tag("share", "regression"))
    targets = np.array([(number % 2 == 0, number / tracks) for number in numbers], dtype=np.float32)
    ids = np.array([f"track {number}" for number in numbers])
    return Corpus(
        "made up", "1", Path(), tags, ids, np.array([f"artist {number // 3}" for number in numbers]), ids, targets
    )


def split_digests() -> dict[str, str]:
    """Return the digests of the parts of the made-up corpus, and of nested subsets of the first."""
    parts = split(made_up_corpus(), valid=0.2, test=0.3, seed=1)
    subsets = {f"subset of {size}": subset(parts.train, size, seed=2) for size in (20, 60)}
    return {name: part.digest for name, part in {**parts.named(), **subsets}.items()}


def measures_of(tags: tuple[Tag, ...], targets: Float32Array, scores: Float32Array) -> dict[str, dict[str, float]]:
    """Return every tag's measures and their means, under "", of scores and targets of shape (tracks, tags)."""
    names = np.array([str(number) for number in range(len(targets))])
    corpus = Corpus("measured", "", Path(), tags, names, names, names, targets)
    measured = measure(corpus, scores, min_positives=10, min_negatives=10)
    return {"": measured.metrics.model_dump(), **measured.per_tag}


def freeze_exact(tags: tuple[Tag, ...], targets: Float32Array, scores: Float32Array, folder: Path) -> None:
    """Write a matrix of targets and one of scores, (tracks, tags), with their measures, and the digests of splits."""
    np.save(folder / TARGETS_FILE, targets, allow_pickle=False)
    np.save(folder / SCORES_FILE, scores, allow_pickle=False)
    content = {"splits": split_digests(), "measures": measures_of(tags, targets, scores)}
    (folder / EXACT_FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check_exact(tags: tuple[Tag, ...], folder: Path) -> Iterator[Check]:
    """Yield the checks of what `freeze_exact` wrote."""
    content, targets, scores = _read_exact(folder)
    found = split_digests()
    splits = (
        same(EXACT, f"split of made-up tracks: {name}", digest, found.get(name, "no such part"), "failed")
        for name, digest in content.splits.items()
    )
    yield in_one(EXACT, "splits of made-up tracks", splits)
    off = first_difference(content.measures, measures_of(tags, targets, scores)) or ("the same", "the same")
    yield same(EXACT, "measures of committed scores", *off, "failed")


def _read_exact(folder: Path) -> tuple[_Exact, Float32Array, Float32Array]:
    try:
        content = _Exact.model_validate_json((folder / EXACT_FILE).read_bytes())
        targets, scores = (np.load(folder / name, allow_pickle=False) for name in (TARGETS_FILE, SCORES_FILE))
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"what must be exact cannot be read ({error}); {UPDATE}") from error
    return content, targets, scores
