"""Any folder of audio with a table of tags: the loader for a user's own corpus.

The table (Parquet, CSV or TSV) has a column `path`, relative to the root; if it likes `id` (default: the path),
`group` (what a split must not divide; where it is blank: the id) and `split` ("train", "valid" or "test"); columns
`truth/<tag>` with exact labels where they are known; and every other numeric column is a tag, with targets in [0, 1].
A file of tags (CSV: name, kind, category, exclusive_group) declares them; without one, a tag whose targets are all 0
or 1 is a classification tag and any other a regression tag.

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

from bench.corpus import PARTS, Corpus, Float32Array, StrArray, Tag
from bench.errors import InputError

TEXT_COLUMNS = ("path", "id", "group", "split", "sha256", "descriptors")
DESCRIBING_COLUMNS = (*TEXT_COLUMNS, "duration")
TRUTH_PREFIX = "truth/"
SHA256 = re.compile(r"[0-9a-f]{64}")


def load(
    root: Path,
    *,
    file: str = "manifest.parquet",
    tags: str = "tags.csv",
    title: str = "manifest",
    version: str = "",
    note: str = "",
) -> Corpus:
    """Return the corpus of a manifest, under the name `title`; no audio is looked at.

    Raises `InputError` when the manifest is missing or unreadable, has no path column, names a path outside `root`,
    a tag's column is missing or not numeric, or a duration or checksum is none.
    """
    table = _read_table(root / file)
    if "path" not in table:
        raise InputError(f"{root / file} has no column 'path'; it must name each track's audio file")
    declared = _declared_tags(root / tags) if (root / tags).exists() else _tags_told_from_data(table)
    ids = _text(table, "id", table["path"])
    truth_columns = [TRUTH_PREFIX + tag.name for tag in declared]
    return Corpus(
        name=title,
        version=version,
        root=root,
        tags=declared,
        ids=ids,
        groups=_text(table, "group", pd.Series(ids)),
        files=table["path"].astype(str).to_numpy(dtype=np.str_),
        targets=_targets(root / file, table, [tag.name for tag in declared]),
        parts=_parts(root / file, table["split"]) if "split" in table else None,
        truth=_targets(root / file, table, truth_columns) if truth_columns[0] in table else None,
        durations=_durations(root / file, table["duration"]) if "duration" in table else None,
        checksums=_checksums(root / file, table) if "sha256" in table else None,
        descriptor_files=_blank_or_text(table, "descriptors") if "descriptors" in table else None,
        note=note,
    )


def _read_table(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise InputError(f"manifest not found: {file}; give the folder that holds it with --root")
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        return _read_text_table(file, "\t" if file.suffix == ".tsv" else ",")
    except (ValueError, OSError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise InputError(f"manifest {file} cannot be read: {first_line}") from error


def _read_text_table(file: Path, separator: str) -> pd.DataFrame:
    """Read CSV or TSV; names stay as they are written: an artist may be called "NA", a file "001"."""
    columns = pd.read_csv(file, sep=separator, nrows=0).columns
    missing = {column: ["", "NA", "NaN", "nan"] for column in columns if column not in TEXT_COLUMNS}
    text = dict.fromkeys(TEXT_COLUMNS, str)
    return pd.read_csv(file, sep=separator, dtype=text, keep_default_na=False, na_values=missing)


def _declared_tags(file: Path) -> tuple[Tag, ...]:
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if table.empty:
        raise InputError(f"{file} declares no tag; name some, or delete it to take the tags from the manifest")
    for column in ("name", "kind"):
        if column not in table:
            raise InputError(f"{file} has no column {column!r}")
    wrong = table.loc[~table["kind"].isin(["classification", "regression"]), "name"]
    if len(wrong):
        raise InputError(f"{file}: tag {wrong.iloc[0]!r} has a kind other than classification and regression")
    known = table.reindex(columns=["name", "kind", "category", "exclusive_group"], fill_value="")
    return tuple(Tag(*row) for row in known.itertuples(index=False, name=None))


def _tags_told_from_data(table: pd.DataFrame) -> tuple[Tag, ...]:
    numeric = table.drop(columns=list(DESCRIBING_COLUMNS), errors="ignore").select_dtypes(["number", "bool"])
    names = [name for name in map(str, numeric.columns) if not name.startswith(TRUTH_PREFIX)]
    if not names:
        raise InputError("the manifest has no numeric column beside those that describe tracks: no tags")
    return tuple(Tag(name, "classification" if numeric[name].isin([0, 1]).all() else "regression") for name in names)


def _text(table: pd.DataFrame, column: str, default: "pd.Series[str]") -> StrArray:
    """Return a column as text, with the default where it is blank or there is no such column."""
    if column not in table:
        return default.astype(str).to_numpy(dtype=np.str_)
    blank = table[column].isna() | (table[column].astype(str) == "")
    return table[column].astype(str).mask(blank, default.astype(str)).to_numpy(dtype=np.str_)


def _blank_or_text(table: pd.DataFrame, column: str) -> StrArray:
    return _text(table, column, pd.Series("", index=table.index))


def _durations(manifest: Path, column: "pd.Series[Any]") -> Float32Array:
    """Return seconds, nan where the column is blank."""
    seconds = pd.to_numeric(column, errors="coerce").astype(np.float64)
    blank = column.isna() | (column.astype(str).str.strip() == "")
    wrong = column[~blank & ~(np.isfinite(seconds) & (seconds >= 0))]
    if len(wrong):
        raise InputError(
            f"{manifest}: duration {str(wrong.iloc[0])!r} is no number of seconds; leave unknown ones blank"
        )
    return seconds.to_numpy(dtype=np.float32)


def _checksums(manifest: Path, table: pd.DataFrame) -> StrArray:
    sums = np.char.lower(_blank_or_text(table, "sha256"))
    for given in sums.tolist():
        if given and not SHA256.fullmatch(given):
            raise InputError(f"{manifest}: sha256 {given!r} is no SHA-256 of 64 hexadecimal digits; leave it blank")
    return sums


def _targets(manifest: Path, table: pd.DataFrame, columns: list[str]) -> Float32Array:
    for column in columns:
        if column not in table:
            raise InputError(f"{manifest} has no column {column!r}")
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"{manifest}: column {column!r} is not numeric")
    return table[columns].to_numpy(dtype=np.float32)


def _parts(manifest: Path, split: "pd.Series[str]") -> StrArray:
    parts = split.fillna("").astype(str).to_numpy(dtype=np.str_)
    strange = parts[~np.isin(parts, [*PARTS, ""])]
    if len(strange):
        raise InputError(f"{manifest}: split '{strange[0]}' is none of {', '.join(PARTS)}")
    return parts
