"""Runs of a study with everything as it is but small, made to be measured: their corpora are tables of made-up tags."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cell import Done, keep
from bench.corpora import place_of
from bench.corpus import PARTS, Corpus, Float32Array
from bench.costs import Spent, recorded, stage
from bench.errors import StudyFailedError
from bench.families import FamilyChoice
from bench.output import cell_folder, write_study
from bench.plan.stages import Extent
from bench.prepare import Prepared, PrepareSettings
from bench.progress import be_silent
from bench.run import Machine, planned_cells, run_study
from bench.study import CorpusChoice, Entry, Scoring, SplitSettings, Study
from bench.study_data import divided
from bench.tagger import Context, FitSummary, Trained
from bench.test_part import write_test_part
from bench.tracking import Tracking
from bench.tracking.connection import URI_VARIABLE
from bench.tuning import Tuned

MANIFEST, TAGS = "small.parquet", "small_tags.csv"
TRACKS_AN_ARTIST = 5
PREVALENCE = 0.1

Report = Callable[[Path], None]


@dataclass(frozen=True)
class SmallRun:
    """A small `study`, with a corpus of that `extent` under `root`; it works in `folder` alone.

    Where `making` is given, so many songs of a corpus that this project makes are made first, under `root`.
    """

    study: Study
    extent: Extent
    root: Path
    folder: Path
    device: str = "cpu"
    making: CorpusChoice | None = None


def small_study(study: Study, entries: Sequence[FamilyChoice], sizes: Sequence[int]) -> Study:
    """Return a study of these entries and sizes on a small corpus, that hears and computes as another does."""
    return study.model_copy(
        update={
            "name": "small",
            "corpus": CorpusChoice.model_validate({"name": "manifest", "file": MANIFEST, "tags": TAGS}),
            "split": SplitSettings(kind="official"),
            "prepare": PrepareSettings(max_refused=1.0),
            "scoring": Scoring(min_positives=1, min_negatives=1),
            "tuning": None,
            "sizes": list(sizes),
            "shares": [],
            "seeds": [0],
            "defaults": {},
            "families": list(entries),
            "tags": {},
        }
    )


def as_long_as(entry: Entry, steps: int, label: str) -> FamilyChoice:
    """Return an entry whose training takes so many steps, if it takes any."""
    settings = entry.tagger.with_steps(steps).model_dump(mode="json")
    return FamilyChoice.model_validate({"family": entry.family, "label": label, "audio": entry.audio, **settings})


def write_corpus(extent: Extent, files: Sequence[str], root: Path) -> None:
    """Write the manifest of a small corpus: the parts of `extent`, half its tags graded, files used again and again."""
    draw = np.random.default_rng(0)
    graded = draw.random((extent.tracks, extent.tags), dtype=np.float32)
    ranks = np.arange(extent.tags) % 2 == 0
    graded[:, ranks] = graded[:, ranks] < PREVALENCE
    names = [f"tag {number}" for number in range(extent.tags)]
    tracks = range(extent.tracks)
    parts = np.repeat(PARTS, [extent.tracks - extent.valid - extent.test, extent.valid, extent.test])
    told = pd.DataFrame(
        {
            "path": [files[track % len(files)] for track in tracks],
            "id": [f"track {track:07}" for track in tracks],
            "group": [f"artist {part} {track // TRACKS_AN_ARTIST}" for track, part in zip(tracks, parts, strict=True)],
            "split": parts,
        }
    )
    root.mkdir(parents=True, exist_ok=True)
    pd.concat([told, pd.DataFrame(graded, columns=names)], axis=1).to_parquet(root / MANIFEST, index=False)
    kinds = np.where(ranks, "classification", "regression")
    pd.DataFrame({"name": names, "kind": kinds}).to_csv(root / TAGS, index=False)


def run_small(small: SmallRun) -> list[Spent]:
    """Run a small study as any is run, without its report; return what was spent.

    Raises `StudyFailedError` with the first fault, where a part of it fails.
    """
    _unseen()
    out, cache = small.folder / "out", small.folder / "cache"
    for folder in (out, cache):
        folder.mkdir(parents=True, exist_ok=True)
    with recorded([small.root, out, cache]) as spent:
        if small.making is not None:
            place = place_of(small.making.name, small.making.settings, root=small.root, cache=cache)
            made = place.load(workers=1)
            write_corpus(small.extent, [f"{place.folder.name}/{file}" for file in made.files.tolist()], small.root)
        outcome = run_study(small.study, out=out, root=small.root, machine=Machine(small.device, 1, cache))
    if outcome.faults:
        raise StudyFailedError(outcome.faults[0])
    return spent


def _unseen() -> None:
    """Show nothing of what this process runs, neither here nor on anybody's MLflow server."""
    be_silent()
    os.environ.pop(URI_VARIABLE, None)


class _Untrained(Trained):
    """Stands for a model whose scores are drawn elsewhere."""

    summary = FitSummary(n_parameters=1)

    def predict(self, corpus: Corpus, context: Context) -> Float32Array:
        """Be asked by nobody."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write nothing."""


def run_tables(small: SmallRun, report: Report) -> list[Spent]:
    """Do all that a study does but hear, train and log; every model's scores are drawn."""
    _unseen()
    out = small.folder / "out"
    out.mkdir(parents=True, exist_ok=True)
    with recorded([out]) as spent:
        place = place_of("manifest", small.study.corpus.settings, root=small.root, cache=out)
        corpus = place.load(workers=1)
        with stage("divide"):
            parts = divided(small.study, Prepared(corpus, {}, {}, {}), [], out).parts
            cells = planned_cells(small.study, parts)
            write_test_part(parts.test, out)
            write_study(small.study, cells, out)
        tracking = Tracking(small.study, out)
        for _, spec in cells:
            folder = cell_folder(out, spec)
            scores = np.random.default_rng(0).random(parts.test.targets.shape, dtype=np.float32)
            done = Done(Tuned(_Untrained(), {}, [], 0.0), scores, {}, 0.0, 0.0)
            keep(done, spec, parts, {}, folder, device="cpu")
            tracking.log_cell(folder)
        report(out)
    return spent
