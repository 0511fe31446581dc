"""The output folder of a study: what lies where. A cell's folder is whole or absent."""

import csv
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from bench.corpus import Corpus, Float32Array
from bench.costs import TRAINING_SUFFIX
from bench.leaks import Leaks
from bench.record import RECORD_FILE, RunSpec
from bench.study import Cell, Study

TRACK_NOTES_FILE = "track_notes.csv"
GAINS_FILE = "gains.csv"
STUDY_FILE = "study.toml"
CELLS_FILE = "cells.csv"
TARGETS_FILE = "targets.parquet"
TRUTH_FILE = "truth.parquet"
TAGS_FILE = "tags.csv"
TRACKS_FILE = "tracks.csv"
REJECTED_FILE = "rejected.csv"
DUPLICATES_FILE = "duplicates.csv"
GROUPS_FILE = "groups.csv"
CELLS_FOLDER = "cells"


def write_study(study: Study, planned: Iterable[tuple[Cell, RunSpec]], out: Path) -> None:
    """Write the study, complete with its defaults, and the list of its cells."""
    import tomli_w  # a machine that only trains need not have it

    (out / STUDY_FILE).write_text(tomli_w.dumps(study.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    rows = [
        (cell.entry.label, cell.entry.family, cell.entry.pair, cell.n_train, cell.seed, spec.digest)
        for cell, spec in planned
    ]
    _write_csv(out / CELLS_FILE, ["label", "family", "pair", "n_train", "seed", "digest"], rows)


def write_tracks(tracks: pd.DataFrame, out: Path) -> None:
    """Write `Prepared.table`, and the list of the refused for itself."""
    _write_frame(tracks, out / TRACKS_FILE)
    _write_frame(tracks.loc[tracks["verdict"] == "refused", ["path", "reason"]], out / REJECTED_FILE)


def write_leaks(leaks: Leaks, out: Path) -> None:
    """Write the tracks that sound alike, and the groups that are in several parts."""
    _write_frame(leaks.duplicates, out / DUPLICATES_FILE)
    _write_frame(leaks.groups, out / GROUPS_FILE)


def write_tags(corpus: Corpus, out: Path) -> None:
    """Write what the tags of a corpus are, in the columns that a manifest's own `tags.csv` has."""
    rows = [(tag.name, tag.kind, tag.category, tag.exclusive_group) for tag in corpus.tags]
    _write_csv(out / TAGS_FILE, ["name", "kind", "category", "exclusive_group"], rows)


def write_track_notes(notes: dict[str, str], folder: Path) -> None:
    """Write what a cell's family noted on odd tracks, by track id, into the cell's folder."""
    _write_csv(folder / TRACK_NOTES_FILE, ["id", "note"], notes.items())


def write_gains(gains: pd.DataFrame, folder: Path) -> None:
    """Write `FitSummary.gains` into the cell's folder, where a family tells them."""
    if not gains.empty:
        _write_frame(gains, folder / GAINS_FILE)


def write_scores(corpus: Corpus, scores: Float32Array, file: Path) -> None:
    """Write targets or predictions, shape (tracks, tags), as Parquet: `id`, then one float column a tag."""
    table = pd.DataFrame(scores, columns=[tag.name for tag in corpus.tags])
    table.insert(0, "id", corpus.ids.astype(object), allow_duplicates=True)
    table.to_parquet(file, index=False)


def cell_folder(out: Path, spec: RunSpec) -> Path:
    """Return where a finished cell lies."""
    return out / CELLS_FOLDER / spec.digest


def is_finished(folder: Path) -> bool:
    """Say whether a cell's folder is there, with its record."""
    return (folder / RECORD_FILE).is_file()


def training_folder(folder: Path) -> Path:
    """Return where the cell of this folder keeps what it needs to go on with its training."""
    return folder.with_name(f"{folder.name}{TRAINING_SUFFIX}")


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write into, which becomes `folder` when the block ends well."""
    aside = folder.with_name(f"{folder.name}.unfinished")
    for leftover in (aside, folder):  # of an interruption; a folder without a record is no finished cell
        shutil.rmtree(leftover, ignore_errors=True)
    aside.mkdir(parents=True)
    yield aside
    aside.rename(folder)


def _write_frame(table: pd.DataFrame, file: Path) -> None:
    table.to_csv(file, index=False, lineterminator="\n")


def _write_csv(file: Path, header: list[str], rows: Iterable[tuple[object, ...]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
