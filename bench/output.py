"""The output folder of a study: what lies where. A cell's folder is whole or absent."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd

from bench.checksums import first_damaged, write_checksums
from bench.corpus import Corpus, Float32Array, leads_out
from bench.costs import TRAINING_SUFFIX
from bench.csv_text import csv_text, frame_csv
from bench.errors import InputError
from bench.leaks import Leaks
from bench.locks import lock_file
from bench.record import RECORD_FILE, RunSpec
from bench.study import Cell, Study
from bench.whole_file import folder_written_aside, replace_file, written_aside

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
CHECKSUMS_FILE = "files.sha256"


def write_study(study: Study, planned: Iterable[tuple[Cell, RunSpec]], out: Path) -> None:
    """Write the study, complete with its defaults, and the list of its cells."""
    import tomli_w  # a machine that only trains need not have it

    replace_file(out / STUDY_FILE, tomli_w.dumps(study.model_dump(mode="json", exclude_none=True)).encode())
    rows = [
        (cell.entry.label, cell.entry.family, cell.entry.pair, cell.n_train, cell.seed, spec.digest)
        for cell, spec in planned
    ]
    _write_csv(out / CELLS_FILE, ["label", "family", "pair", "n_train", "seed", "digest"], rows)


def report_mark(out: Path) -> Path:
    """Return the file in which processes that share a study keep what its report was last written of, and how."""
    return lock_file(out, "reported")


def begin_report(out: Path) -> None:
    """Have none of them take the report for written until one has written it."""
    replace_file(report_mark(out), b"")


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
    with written_aside(file) as aside:
        table.to_parquet(aside, index=False)


def refuse_links_out(folder: Path) -> None:
    """Refuse, with `InputError`, an output folder that somebody may have made to reach beyond itself.

    Through a link in it, files elsewhere would be shown, overwritten or removed; a pipe would never end.
    """
    waiting = [folder]
    while waiting:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if leads_out(folder, Path(entry.path)):
                        raise InputError(f"{entry.path} is a link that leads out of {folder}; put there what it names")
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    raise InputError(f"{entry.path} is neither a file nor a folder; remove it")


def cell_folder(out: Path, spec: RunSpec) -> Path:
    """Return where a finished cell lies."""
    return out / CELLS_FOLDER / spec.digest


def is_finished(folder: Path) -> bool:
    """Say whether a cell's folder is there, with its record; whether it is damaged, `damaged_file` tells."""
    return (folder / RECORD_FILE).is_file()


def damaged_file(folder: Path) -> str | None:
    """Return the name of the first file of a finished cell that is not as it was written; None where all are.

    A cell that was written by an earlier version has no checksums, and counts as whole.
    """
    return first_damaged(folder / CHECKSUMS_FILE, [RECORD_FILE])


def check_whole(folder: Path, advice: str) -> None:
    """Refuse, with `InputError`, a finished cell that is damaged; the `advice` says what to do."""
    if damaged := damaged_file(folder):
        raise InputError(f"{folder / damaged} is damaged: it is not as its checksum says; {advice}")


def set_damaged_aside(folder: Path) -> str | None:
    """Keep what is left of a damaged cell as `<digest>.damaged`, and return a line on it; None where it is whole."""
    damaged = damaged_file(folder)
    if damaged is None:
        return None
    kept = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(kept, ignore_errors=True)
    with suppress(FileNotFoundError):  # another process has done the same
        folder.rename(kept)
    return f"{damaged} is damaged; the cell is made again, and what is left of it is kept in {kept}"


def training_folder(folder: Path) -> Path:
    """Return where the cell of this folder keeps what it needs to go on with its training."""
    return folder.with_name(f"{folder.name}{TRAINING_SUFFIX}")


def failure_file(folder: Path) -> Path:
    """Return where it is said why the cell of this folder failed in one of several processes that share the study."""
    return folder.with_name(f"{folder.name}.failed")


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write into, which becomes `folder`, with its checksums, when the block ends well."""
    with folder_written_aside(folder) as aside:
        yield aside
        written = sorted(str(file.relative_to(aside)) for file in aside.rglob("*") if file.is_file())
        written.sort(key=lambda name: name == RECORD_FILE)  # last: a list that was cut off lacks it
        write_checksums(aside / CHECKSUMS_FILE, written)


def _write_frame(table: pd.DataFrame, file: Path) -> None:
    replace_file(file, frame_csv(table).encode())


def _write_csv(file: Path, header: list[str], rows: Iterable[tuple[object, ...]]) -> None:
    replace_file(file, csv_text([header, *rows]).encode())
