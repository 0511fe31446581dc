"""Makes records and study folders for tests: complete, valid, and different from the default only where told."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.audio import AudioSettings
from bench.corpus import Corpus, Float32Array, Tag
from bench.measure import measure
from bench.output import TRACKS_FILE, write_scores
from bench.record import OTHER_PREDICTIONS_FILE, PREDICTIONS_FILE, Measures, OtherPrediction, RunRecord
from bench.test_part import write_test_part


def make_record(label: str = "gbt", n_train: int = 320, seed: int = 0, **changes: object) -> RunRecord:
    """Return the record of a finished cell: two classification tags and one regression tag scored, one not."""
    values: dict[str, Any] = {
        "label": label,
        "family": label,
        "settings": {},
        "n_train": n_train,
        "seed": seed,
        "subset_seed": 0,
        "train_digest": f"train{n_train}",
        "valid_digest": "valid",
        "test_digest": "test",
        "audio": AudioSettings(sample_rate=16000, max_seconds=30.0),
        "min_positives": 10,
        "min_negatives": 10,
        "threads": 1,
        "corpus": "tiny",
        "corpus_version": "1",
        "corpus_note": "",
        "n_valid": 60,
        "n_test": 120,
        "metrics": Measures(roc_auc=0.75, pr_auc=0.5, rmse=0.25),
        "pooled_rmse": 0.26,
        "truth_metrics": None,
        "per_tag": {
            "rock": {"roc_auc": 0.7, "pr_auc": 0.4},
            "jazz": {"roc_auc": 0.8, "pr_auc": 0.6},
            "tempo": {"rmse": 0.25},
        },
        "unscored_tags": {"ragtime": 3},
        "n_classification_tags": 2,
        "n_regression_tags": 1,
        "n_parameters": None,
        "hit_cap": False,
        "special_tags": {},
        "train_seconds": 12.0,
        "predict_seconds": 6.0,
        "device": "cpu",
        "versions": {},
    }
    return RunRecord.model_validate(values | changes)


def write_study(
    out: Path,
    records: Iterable[RunRecord],
    *,
    pairs: dict[str, str] | None = None,
    unfinished: Iterable[RunRecord] = (),
    note: str = "",
    split: str = "hash",
) -> Path:
    """Write a study's output folder: what it says, `cells.csv` and the records; folders without one for the unfinished.

    `pairs` gives the pair of a label; without it, waveform and spectrogram form one.
    """
    named = {"waveform": "networks", "spectrogram": "networks"} if pairs is None else pairs
    finished, missing = list(records), list(unfinished)
    lines = [["label", "family", "pair", "n_train", "seed", "digest"]]
    for record in [*finished, *missing]:
        pair = named.get(record.label, "")
        lines.append([record.label, record.family, pair, str(record.n_train), str(record.seed), record.digest])
        folder = out / "cells" / record.digest
        folder.mkdir(parents=True)
        if record in finished:
            record.save(folder)
    said = f'note = {json.dumps(note)}\n[split]\nkind = "{split}"\n'
    (out / "study.toml").write_text(said, encoding="utf-8")
    with (out / "cells.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    return out


SCORED_TAGS = (
    Tag("baroque", "classification", "era", "era"),
    Tag("classical period", "classification", "era", "era"),
    Tag("rock", "classification", "genre"),
    Tag("energy", "regression", "mood"),
)


def make_test_part(tracks: int = 120, *, tags: tuple[Tag, ...] = SCORED_TAGS, seed: int = 0) -> Corpus:
    """Return a test part: artists of three tracks, tags of falling prevalence, of an exclusive group at most one."""
    draw = np.random.default_rng(seed)
    targets = np.empty((tracks, len(tags)), dtype=np.float32)
    taken: dict[str, np.ndarray] = {}
    for column, tag in enumerate(tags):
        if tag.kind == "regression":
            targets[:, column] = draw.random(tracks)
            continue
        free = ~taken.get(tag.exclusive_group, np.zeros(tracks, dtype=bool)) if tag.exclusive_group else True
        positive = (draw.random(tracks) < 0.4 / (1 + column / 4)) & free
        targets[:, column] = positive
        if tag.exclusive_group:
            taken[tag.exclusive_group] = taken.get(tag.exclusive_group, np.zeros(tracks, dtype=bool)) | positive
    numbers = range(tracks)
    return Corpus(
        name="tiny",
        version="1",
        root=Path(),
        tags=tags,
        ids=np.array([f"t{number:04}" for number in numbers]),
        groups=np.array([f"artist{number // 3:03}" for number in numbers]),
        files=np.array([f"audio/{number:04}.wav" for number in numbers]),
        targets=targets,
    )


def make_scores(test: Corpus, *, skill: float, seed: int = 0) -> Float32Array:
    """Return scores in [0, 1], shape (tracks, tags): noise at `skill` 0, next to the targets towards 1."""
    noise = np.random.default_rng(seed).random(test.targets.shape)
    return (skill * test.targets + (1 - skill) * noise).astype(np.float32)


def write_scored_study(
    out: Path,
    test: Corpus,
    scores: Mapping[tuple[str, int, int], Float32Array],
    *,
    whole_song: Mapping[tuple[str, int, int], Float32Array] | None = None,
    pairs: dict[str, str] | None = None,
    unfinished: Iterable[RunRecord] = (),
    of_label: Mapping[str, Mapping[str, object]] | None = None,
    **changes: object,
) -> Path:
    """Write a study's output folder as a run leaves it: the test part, and by label, size and seed what was predicted.

    `whole_song` has what some of them predicted of whole songs. The records have the measures of these predictions;
    `changes` are other fields of all of them, `of_label` those of some.
    """
    known = {"test_digest": test.digest, "n_test": len(test), "min_positives": 2, "min_negatives": 2}
    records = []
    for cell, predicted in scores.items():
        measured = asdict(measure(test, predicted, min_positives=2, min_negatives=2))
        if whole_song and cell in whole_song:
            otherwise = measure(test, whole_song[cell], min_positives=2, min_negatives=2)
            measured["otherwise"] = {"whole_song": OtherPrediction.model_validate(otherwise)}
        records.append(make_record(*cell, **{**measured, **known, **changes, **(of_label or {}).get(cell[0], {})}))
    write_study(out, records, pairs=pairs, unfinished=unfinished)
    for record, (cell, predicted) in zip(records, scores.items(), strict=True):
        folder = out / "cells" / record.digest
        write_scores(test, predicted, folder / PREDICTIONS_FILE)
        if whole_song and cell in whole_song:
            write_scores(test, whole_song[cell], folder / OTHER_PREDICTIONS_FILE.format(way="whole_song"))
    write_test_part(test, out)
    tracks = {"id": test.ids, "path": test.files, "group": test.groups, "part": "test"}
    pd.DataFrame(tracks).to_csv(out / TRACKS_FILE, index=False)
    return out
