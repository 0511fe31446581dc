"""Any folder of audio with a table of tags: the loader for a user's own corpus.

The table (`manifest.csv`, `.tsv` or `.parquet`) has a column `path`, relative to the root; if it likes `id` (default:
the path), `group` (what a split must not divide; where it is blank: the id) and `split` ("train", "valid" or "test");
columns `truth/<tag>` with exact labels where they are known; and every other numeric column is a tag, with targets in
[0, 1]. A column of text is none. A file of tags (CSV: name, kind, category, exclusive_group) declares them; without
one, a tag whose targets are all 0 or 1 is a classification tag and any other a regression tag.

Three more columns tell of the file, each blank where it is not known: `duration` (seconds) and `sha256` (of the audio
file), against which it is checked, and `descriptors` (a JSON file of essentia's descriptors, relative to the root).

Licence: your own.
Citation: your own.
Size: as many tracks and tags as the table has.
Audio: your own, any folder; this project downloads none.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.corpus import PARTS, Corpus, Float32Array, StrArray, Tag, refuse_outside
from bench.errors import InputError
from bench.progress import say
from bench.table_files import as_text, holds_numbers, place_of, read_table

NAMES = ("manifest.csv", "manifest.tsv", "manifest.parquet")
TEXT_COLUMNS = ("path", "id", "group", "split", "sha256", "descriptors")
DESCRIBING_COLUMNS = (*TEXT_COLUMNS, "duration")
DECLARING_COLUMNS = ("name", "kind", "category", "exclusive_group")
TRUTH_PREFIX = "truth/"
NAMELESS = re.compile(r"Unnamed: [0-9]+|__index_level_[0-9]+__")  # as pandas calls a column without a name
SHA256 = re.compile(r"[0-9a-f]{64}")


NO_GROUPS = (
    "The manifest has no column 'group': each track counts as an artist of its own, so one artist may both train and "
    "test, which flatters scores. If a column names the artist, call it 'group'."
)


def load(
    root: Path,
    *,
    file: str = "",
    tags: str = "tags.csv",
    title: str = "manifest",
    version: str = "",
    note: str = "",
) -> Corpus:
    """Return the corpus of a manifest, under the name `title`; no audio is looked at.

    `file` is seen from `root`; by default it is that of manifest.csv, .tsv and .parquet which is there. Columns that
    are ignored, as they hold text, are named on standard error.

    Raises `InputError` when the manifest is missing or unreadable, has no path column or no track, a path is blank or
    outside `root`, a tag's column is missing or not numeric, or a duration or checksum is none.
    """
    refuse_outside(title, np.array([file, tags], dtype=np.str_))
    manifest = _manifest(root, file)
    columns = _columns(manifest, root / tags)
    ungrouped = columns["groups"] is None
    return Corpus(
        name=title,
        version=version,
        root=root,
        note=" ".join(filter(None, (note, NO_GROUPS if ungrouped else ""))),
        **columns | {"groups": columns["ids"] if ungrouped else columns["groups"]},
    )


def _columns(manifest: Path, tags: Path) -> dict[str, Any]:
    """Return what a corpus has of each track and its tags; the table, of half its size, is gone when it is checked."""
    table = read_table(manifest, required=["path"], text=TEXT_COLUMNS)
    paths = _paths(manifest, table)
    declared = _declared_tags(tags) if tags.exists() else _tags_told_from_data(manifest, table)
    ids = _text(table, "id", paths)
    _refuse_repeated_paths(manifest, paths[ids == paths])
    truth_columns = [TRUTH_PREFIX + tag.name for tag in declared]
    return {
        "tags": declared,
        "ids": ids,
        "groups": _text(table, "group", ids) if "group" in table else None,
        "files": paths,
        "targets": _targets(manifest, table, [tag.name for tag in declared]),
        "parts": _parts(manifest, as_text(table["split"])) if "split" in table else None,
        "truth": _targets(manifest, table, truth_columns) if truth_columns[0] in table else None,
        "durations": _durations(manifest, table["duration"]) if "duration" in table else None,
        "checksums": _checksums(manifest, table["sha256"]) if "sha256" in table else None,
        "descriptor_files": as_text(table["descriptors"]) if "descriptors" in table else None,
    }


def _manifest(root: Path, file: str) -> Path:
    found = [root / name for name in ([file] if file else NAMES) if (root / name).is_file()]
    if len(found) > 1:
        both = " and ".join(path.name for path in found)
        raise InputError(f"{root} has {both}; say in the study which one is meant: `file` under [corpus]")
    if not found:
        sought = root / file if file else f"{root} has none of {', '.join(NAMES)}"
        raise InputError(f"manifest not found: {sought}; give the folder that holds it with --root")
    return found[0]


def _paths(manifest: Path, table: pd.DataFrame) -> StrArray:
    if table.empty:
        raise InputError(f"{manifest} has no track; write a row for each")
    paths = as_text(table["path"])
    blank = table.index[paths == ""]
    if len(blank):
        raise InputError(f"{place_of(manifest, blank[0])}: the path is blank; name the track's audio file")
    return paths


def _refuse_repeated_paths(manifest: Path, without_id: StrArray) -> None:
    paths, uses = np.unique(without_id, return_counts=True)
    if (uses > 1).any():
        twice = paths[uses > 1][0]
        raise InputError(
            f"{manifest}: path {str(twice)!r} stands more than once; keep one of its rows, or give each a column `id`"
        )


def _declared_tags(file: Path) -> tuple[Tag, ...]:
    table = read_table(file, required=["name", "kind"], text=DECLARING_COLUMNS)
    if table.empty:
        raise InputError(f"{file} declares no tag; name some, or delete it to take the tags from the manifest")
    wrong = table.loc[~table["kind"].isin(["classification", "regression"]), "name"]
    if len(wrong):
        raise InputError(f"{file}: tag {wrong.iloc[0]!r} has a kind other than classification and regression")
    known = table.reindex(columns=list(DECLARING_COLUMNS), fill_value="")
    return tuple(Tag(*row) for row in known.itertuples(index=False, name=None))


def _tags_told_from_data(manifest: Path, table: pd.DataFrame) -> tuple[Tag, ...]:
    names = [name for name in map(str, table.columns) if name not in DESCRIBING_COLUMNS]
    names = [name for name in names if not name.startswith(TRUTH_PREFIX)]
    for name in filter(NAMELESS.fullmatch, names):
        raise InputError(
            f"{manifest} has a column without a name, which pandas calls {name!r} (its own row numbers are written "
            "so); remove it or give it a name"
        )
    numeric = [name for name in names if holds_numbers(manifest, table[name])]
    _tell_ignored(manifest, [name for name in names if name not in numeric])
    if not numeric:
        raise InputError(f"{manifest} has no numeric column beside those that describe tracks; give each tag one")
    return tuple(Tag(name, "classification" if table[name].isin([0, 1]).all() else "regression") for name in numeric)


def _tell_ignored(manifest: Path, names: list[str]) -> None:
    if len(names) == 1:
        say(f"{manifest.name}: column {names[0]} holds no numbers and is no tag")
    elif names:
        say(f"{manifest.name}: columns {', '.join(names)} hold no numbers and are no tags")


def _text(table: pd.DataFrame, column: str, default: StrArray) -> StrArray:
    """Return a column as text, with the default where it is blank or there is no such column."""
    if column not in table:
        return default
    given = as_text(table[column])
    return np.where(given == "", default, given)


def _durations(manifest: Path, column: "pd.Series[Any]") -> Float32Array:
    """Return seconds, nan where the column is blank."""
    seconds = pd.to_numeric(column, errors="coerce").astype(np.float64)
    wrong = column[(as_text(column) != "") & ~(np.isfinite(seconds) & (seconds >= 0))]
    if len(wrong):
        raise InputError(
            f"{place_of(manifest, wrong.index[0])}: duration {str(wrong.iloc[0])!r} is no number of seconds; "
            "leave unknown ones blank"
        )
    return seconds.to_numpy(dtype=np.float32)


def _checksums(manifest: Path, column: "pd.Series[Any]") -> StrArray:
    sums = np.char.lower(as_text(column))
    for index, given in zip(column.index, sums.tolist(), strict=True):
        if given and not SHA256.fullmatch(given):
            place = place_of(manifest, index)
            raise InputError(f"{place}: sha256 {given!r} is no SHA-256 of 64 hexadecimal digits; leave it blank")
    return sums


def _targets(manifest: Path, table: pd.DataFrame, columns: list[str]) -> Float32Array:
    for column in columns:
        if column not in table:
            raise InputError(f"{manifest} has no column {column!r}")
        if not holds_numbers(manifest, table[column]):
            raise InputError(f"{manifest}: column {column!r} is not numeric; a tag's targets are numbers in [0, 1]")
    return table[columns].to_numpy(dtype=np.float32, na_value=np.nan)


def _parts(manifest: Path, parts: StrArray) -> StrArray:
    strange = parts[~np.isin(parts, [*PARTS, ""])]
    if len(strange):
        raise InputError(f"{manifest}: split '{strange[0]}' is none of {', '.join(PARTS)}")
    return parts
