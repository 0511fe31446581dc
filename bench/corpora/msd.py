"""The Million Song Dataset with the 50 most frequent Last.fm tags, split by Lee et al.: previews of about 30 seconds.

It reads the files of that split as published, pickles of Python 2, with a reader of ours that runs nothing of what they
name: `filtered_list_train.cP` (MSD ids; the first 201,680 of its 213,454 train, the rest validate; of a list of another
length as large a share), `filtered_list_test.cP`, `msd_id_to_tag_vector.cP` (by MSD id, a 0 or 1 for each line of
`50tagList.txt`), `MSD_id_to_7D_id.pkl` and `7D_id_to_path.pkl` (where 7digital's preview lies). That takes about a
minute, so the first `load` leaves what it read in a table beside them, `msd_top50.parquet`, which is used until the
size or time of one of the files changes. In a folder that cannot be written, it says so and every `load` reads the
pickles.

No track is left out: one of which no preview is known has the file `unknown/<MSD id>.clip.mp3`, which is not there and
will be refused by that name. `unique_tracks.txt` of the Million Song Dataset, where it is there too, gives the artists
as groups.

Licence: Last.fm's tags: for research, see millionsongdataset.com/lastfm; the Million Song Dataset: mostly that of the
    Echo Nest API.
Citation: Bertin-Mahieux, Ellis, Whitman, Lamere. The Million Song Dataset. ISMIR 2011. For the split: Lee, Park, Kim,
    Nam. Sample-level Deep Convolutional Neural Networks for Music Auto-tagging Using Raw Waveforms. SMC 2017.
Size: 241,889 tracks (201,680 / 11,774 / 28,435); 50 classification tags.
Audio: previews from 7digital, as `8/9/8947470.clip.mp3` under `songs/` or beside the lists; they are not part of the
    data set, and this project downloads none.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.checksums import first_damaged, write_checksums
from bench.corpus import Corpus, StrArray, Tag
from bench.digest import json_digest
from bench.errors import InputError
from bench.inert_pickle import read_pickle
from bench.locks import making
from bench.progress import say
from bench.text_files import MOST_CHARACTERS
from bench.whole_file import written_aside

TRAIN_LIST, TEST_LIST = "filtered_list_train.cP", "filtered_list_test.cP"
VECTORS, TAG_NAMES = "msd_id_to_tag_vector.cP", "50tagList.txt"
SEVEN_DIGITAL_IDS, PATHS = "MSD_id_to_7D_id.pkl", "7D_id_to_path.pkl"
PUBLISHED = (TRAIN_LIST, TEST_LIST, VECTORS, TAG_NAMES, SEVEN_DIGITAL_IDS, PATHS)
AGAIN = "get the published file again"

CONVERTED = "msd_top50.parquet"
CONVERTED_FROM = b"converted_from"
FORMAT = 1  # raise it whenever the table says something else than it did
TAG_PREFIX = "tag/"

ARTISTS, SEPARATOR = "unique_tracks.txt", "<SEP>"
AUDIO_FOLDER, UNKNOWN_FOLDER = "songs", "unknown"

OFFICIAL = {"train": 201_680, "valid": 11_774, "test": 28_435}


def load(root: Path, *, train: int | None = None) -> Corpus:
    """Return the corpus of the published lists under `root`, with their split; no audio is looked at.

    The first `train` tracks of their list train; without it, as large a share as officially.

    Raises `InputError` when one of the files is missing, damaged or refused, a track has no tag vector of 0 and 1, or
    the list of training and validation tracks has no more than `train`.
    """
    table = _tracks(root)
    tags = [column for column in map(str, table.columns) if column.startswith(TAG_PREFIX)]
    ids, paths = (table[column].to_numpy(dtype=np.str_) for column in ("id", "path"))
    parts = _parts(root, table["listed"].to_numpy(dtype=np.str_), train)
    groups, note = _groups(root / ARTISTS, ids)
    unknown = int((paths == "").sum())
    notes = [note, f"Of {unknown:,} tracks no preview is known." if unknown else ""]
    return Corpus(
        name="msd",
        version="Last.fm top 50" if _is_official(parts, tags) else "Last.fm top 50, changed",
        root=root,
        tags=tuple(Tag(column.removeprefix(TAG_PREFIX), "classification") for column in tags),
        ids=ids,
        groups=groups,
        files=_files(root, ids, paths),
        targets=table[tags].to_numpy(dtype=np.float32),
        parts=parts,
        note=" ".join(filter(None, notes)),
    )


def glance(root: Path) -> str | None:
    """Return what is there where `load` would read the pickles; None where the table is there that it uses instead.

    Raises `InputError` when one of the files is missing.
    """
    made_from = _state(root)
    if (root / CONVERTED).exists() and _converted(root / CONVERTED, made_from) is not None:
        return None
    return f"all {len(PUBLISHED)} files of the split are there, which a study reads when it first asks for them"


def _parts(root: Path, listed: StrArray, wanted: int | None) -> StrArray:
    count = int((listed == "train").sum())
    share = OFFICIAL["train"] / (OFFICIAL["train"] + OFFICIAL["valid"])
    train = round(share * count) if wanted is None else wanted
    if not 0 < train < count:
        raise InputError(
            f"{root / TRAIN_LIST} lists {count:,} tracks, which cannot give {train:,} for training and some for "
            "validation; set `train` to another number"
        )
    rank = np.cumsum(listed == "train")
    return np.where(listed == "test", "test", np.where(rank <= train, "train", "valid"))


def _is_official(parts: StrArray, tags: list[str]) -> bool:
    return len(tags) == 50 and all(int((parts == part).sum()) == count for part, count in OFFICIAL.items())


def _files(root: Path, ids: StrArray, paths: StrArray) -> StrArray:
    folder = f"{AUDIO_FOLDER}/" if (root / AUDIO_FOLDER).is_dir() else ""
    names = zip(ids.tolist(), paths.tolist(), strict=True)
    return np.array([f"{folder}{path or f'{UNKNOWN_FOLDER}/{name}.clip.mp3'}" for name, path in names], dtype=np.str_)


def _groups(file: Path, ids: StrArray) -> tuple[StrArray, str]:
    """Return each track's artist, or its id where none is known, and a sentence on those."""
    if not file.exists():
        return ids, f"No artist is known, for want of {ARTISTS}: the parts may share artists unnoticed."
    wanted, artists = set(ids.tolist()), {}
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                fields = line.rstrip("\n").split(SEPARATOR, 3)
                if len(fields) != 4 or len(fields[2]) > MOST_CHARACTERS:
                    raise InputError(f"{file}, line {number} has not the four fields of a track; {AGAIN}")
                if fields[0] in wanted and fields[2]:
                    artists[fields[0]] = fields[2]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}; {AGAIN}") from error
    groups = np.array([artists.get(name, name) for name in ids.tolist()], dtype=np.str_)
    missing = len(ids) - len(artists)
    return groups, f"Of {missing:,} tracks no artist is known." if missing else ""


def _tracks(root: Path) -> pd.DataFrame:
    """Return a row a track: `id`, `listed` in "train" or "test", `path` ("": not known) and `tag/<name>`, 0 or 1."""
    made_from = _state(root)
    table = _converted(root / CONVERTED, made_from)
    if table is not None:
        return table
    with making(root, [CONVERTED]):
        table = _converted(root / CONVERTED, made_from)  # by whoever was waited for
        return _convert(root, made_from) if table is None else table


def _convert(root: Path, made_from: bytes) -> pd.DataFrame:
    """Read the published files and keep what they say, where the folder can be written."""
    converted = root / CONVERTED
    say(f"msd: reading the pickles in {root}, which takes about a minute")
    table = _read_published(root)
    try:
        _keep(table, converted, made_from)
    except OSError as error:
        say(f"msd: {converted} cannot be written ({error.strerror}): the pickles will be read again next time")
    return table


def _state(root: Path) -> bytes:
    """Return a name for the published files as they are now, by their sizes and times."""
    for name in PUBLISHED:
        if not (root / name).is_file():
            raise InputError(f"{root / name} is not there; put the files of the split there, or name their folder")
    files = {name: [(root / name).stat().st_size, (root / name).stat().st_mtime_ns] for name in PUBLISHED}
    return json_digest({"format": FORMAT, "files": files}).encode()


def _converted(file: Path, made_from: bytes) -> pd.DataFrame | None:
    """Return what was kept, unless it was made from other files or is damaged: it can be made again."""
    if first_damaged(file.with_suffix(".sha256"), [file.name]):
        return None
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowInvalid):
        return None
    if (table.schema.metadata or {}).get(CONVERTED_FROM) != made_from:
        return None
    kept: pd.DataFrame = table.to_pandas()
    return kept


def _keep(table: pd.DataFrame, file: Path, made_from: bytes) -> None:
    kept = pa.Table.from_pandas(table, preserve_index=False)
    with written_aside(file) as aside:
        pq.write_table(kept.replace_schema_metadata({CONVERTED_FROM: made_from}), aside)
    write_checksums(file.with_suffix(".sha256"), [file.name])


def _read_published(root: Path) -> pd.DataFrame:
    lists = {part: _ids(root / name) for part, name in (("train", TRAIN_LIST), ("test", TEST_LIST))}
    ids = [track for tracks in lists.values() for track in tracks]
    seven_digital, paths = _texts(root / SEVEN_DIGITAL_IDS), _texts(root / PATHS)
    table = pd.DataFrame(
        {
            "id": ids,
            "listed": [part for part, tracks in lists.items() for _ in tracks],
            "path": [paths.get(seven_digital.get(track, ""), "") for track in ids],
        }
    )
    names = _tag_names(root / TAG_NAMES)
    targets = pd.DataFrame(_targets(root / VECTORS, ids, len(names)), columns=[TAG_PREFIX + name for name in names])
    return pd.concat([table, targets], axis=1)


def _ids(file: Path) -> list[str]:
    found = read_pickle(file)
    if not isinstance(found, list):
        raise InputError(f"{file} holds no list of tracks; {AGAIN}")
    return [_text(file, track) for track in found]


def _texts(file: Path) -> dict[str, str]:
    found = read_pickle(file)
    if not isinstance(found, dict):
        raise InputError(f"{file} holds no dictionary; {AGAIN}")
    return {_text(file, key): _text(file, value) for key, value in found.items()}


def _text(file: Path, value: object) -> str:
    """Return a text or a whole number as text; Python 2 wrote texts as bytes."""
    text = str(value, "latin-1") if isinstance(value, bytes) else str(value) if type(value) is int else value
    if isinstance(text, str) and text.isascii() and text.isprintable() and len(text) <= MOST_CHARACTERS:
        return text
    raise InputError(f"{file} holds {ascii(value)[:40]} where an id or a path belongs; {AGAIN}")


def _tag_names(file: Path) -> list[str]:
    try:
        names = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}; {AGAIN}") from error
    names = [name for name in names if name]
    if len(set(names)) != len(names) or not names:
        raise InputError(f"{file} names no tag, or one twice; {AGAIN}")
    return names


def _targets(file: Path, ids: list[str], count: int) -> NDArray[np.uint8]:
    """Return the tag vectors of these tracks, shape (tracks, tags)."""
    found = read_pickle(file)
    if not isinstance(found, dict):
        raise InputError(f"{file} holds no dictionary; {AGAIN}")
    vectors = {_text(file, key): value for key, value in found.items()}
    targets = np.empty((len(ids), count), np.uint8)
    for row, track in enumerate(ids):
        vector = vectors.get(track)
        if not isinstance(vector, np.ndarray) or vector.size != count or not ((vector == 0) | (vector == 1)).all():
            raise InputError(f"{file} has no vector of {count} zeros and ones for track {track!r}; {AGAIN}")
        targets[row] = vector.ravel()
    return targets
