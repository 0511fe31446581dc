"""MagnaTagATune: clips of 29 s from Magnatune's catalogue, tagged by the players of a game.

Reads `annotations_final.csv` in the root or, where that is not there, the index of jordipons/musicnn-training
(`index_mtt.tsv`, `output_labels_mtt.txt`, `{train,val,test}_gt_mtt.tsv`), which holds the same labels of the top 50
tags. Clips lie under `0/` to `f/`, and the folder is the official split: 0 to b train, c validates, d to f test. Three
clips that are broken in the distribution are left out, clips without any tag are not. Groups are artists, which the
official split divides. The variant "clean" is the split of Lee et al. 2017 and Won et al. 2020, read from their lists:
`{train,valid,test}.npy`, or `.tsv` or `.txt` with a path or a clip id a line, in the root or in `split/mtat/`.

Licence: CC BY-NC-SA 3.0.
Citation: E. Law, K. West, M. Mandel, M. Bay, J. S. Downie: Evaluation of Algorithms Using Games: the Case of Music
    Tagging. ISMIR 2009.
Size: 25,863 clips, about 209 hours and 3 GB.
Audio: mp3.zip.001 to .003, beside annotations_final.csv at mirg.city.ac.uk/codeapps/the-magnatagatune-dataset; this
    project downloads none.
"""

import ast
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bench.corpus import PARTS, BoolArray, Corpus, Float32Array, StrArray, Tag
from bench.errors import InputError
from bench.text_files import Row, read_rows, read_text, refuse_repeated

ANNOTATIONS, INDEX, LABELS = "annotations_final.csv", "index_mtt.tsv", "output_labels_mtt.txt"
LABELLED = {"train": "train_gt_mtt.tsv", "valid": "val_gt_mtt.tsv", "test": "test_gt_mtt.tsv"}
FOLDERS = {**dict.fromkeys("0123456789ab", "train"), "c": "valid", **dict.fromkeys("def", "test")}
BROKEN = ["35644", "55753", "57881"]  # their mp3s have 0 bytes
TOP = 50
OFFICIAL_TESTS = {"full": 5329, "clean": 4332, "artist_clean": 2045}  # clips
OFFICIAL_TAGS = {"top50": TOP, "all": 188}

Variant = Literal["full", "clean", "artist_clean"]
Tags = Literal["top50", "all"]


@dataclass(frozen=True)
class _Labels:
    """Every clip and its tags, shape (clips, tags); `missing` names the files that hold the labels of unknown ones."""

    ids: StrArray
    files: StrArray
    tags: list[str]
    targets: Float32Array
    known: BoolArray
    missing: list[str]


@dataclass(frozen=True)
class _Leak:
    """The test clips whose artist is in another part too, among how many, and how many such artists, among how many."""

    clips: BoolArray
    n_tests: int
    n_artists: int
    n_test_artists: int


def load(root: Path, *, variant: Variant = "full", tags: Tags = "top50") -> Corpus:
    """Return the clips of a variant; no audio is looked at.

    "top50" are the tags of most clips, most frequent first. "artist_clean" is the official split without the test clips
    whose artist also trains. A version that ends in "changed" has another number of test clips or tags than is
    official. The note says how far artists are shared.

    Raises `InputError` when a file is missing, a row of it is wrong, or a list names an unknown clip.
    """
    labels = _whole(_labels(root, tags))
    parts = _listed_parts(root, labels) if variant == "clean" else _folder_parts(labels.files)
    groups = np.array([_artist(file) for file in labels.files.tolist()])
    leak = _leak(groups, parts, "train")
    kept = (parts != "") & labels.known & ~(leak.clips & (variant == "artist_clean"))
    found = int(((parts == "test") & kept).sum()), len(labels.tags)
    official = OFFICIAL_TESTS[variant], OFFICIAL_TAGS[tags]
    left = _leak(groups, np.where(kept, parts, ""), "valid")
    notes = [
        _about_artists(variant, leak),
        _also_validating(variant, left),
        _unlabelled(labels, parts),
        _changed(found, official),
    ]
    return Corpus(
        name="magnatagatune",
        version=f"{variant}, {'top 50' if tags == 'top50' else 'all tags'}{', changed' if found != official else ''}",
        root=root,
        tags=tuple(Tag(name, "classification") for name in labels.tags),
        ids=labels.ids,
        groups=groups,
        files=labels.files,
        targets=labels.targets,
        parts=parts,
        durations=np.array([_seconds(file) for file in labels.files.tolist()], np.float32),
        note=" ".join(filter(None, notes)),
    ).take(kept)


def _labels(root: Path, tags: Tags) -> _Labels:
    if (root / ANNOTATIONS).is_file():
        return _read_annotations(root / ANNOTATIONS, tags)
    if not (root / INDEX).is_file():
        raise InputError(
            f"neither {ANNOTATIONS} nor {INDEX} is in {root}; get the first from "
            "mirg.city.ac.uk/codeapps/the-magnatagatune-dataset, and give the folder that holds it with --root"
        )
    if tags == "all":
        raise InputError(f"tags = 'all' needs {ANNOTATIONS}, which is not in {root}; {INDEX} goes with 50 tags alone")
    return _read_index(root)


def _whole(labels: _Labels) -> _Labels:
    """Return the labels of the clips that are not broken."""
    whole = ~np.isin(labels.ids, BROKEN)
    columns = {name: getattr(labels, name)[whole] for name in ("ids", "files", "targets", "known")}
    return _Labels(tags=labels.tags, missing=labels.missing, **columns)


def _read_annotations(file: Path, tags: Tags) -> _Labels:
    header, *rows = read_rows(file, quoted=True)
    names = header.fields[1:-1]
    if not names or (header.fields[0], header.fields[-1]) != ("clip_id", "mp3_path"):
        raise header.refusal("the columns are not clip_id, the tags and mp3_path")
    if not rows:
        raise header.refusal("no clip follows it")
    _check_clips(rows, len(header.fields))
    marks = "".join(_marks(row, names) for row in rows)
    targets = (np.frombuffer(marks.encode(), np.uint8) == ord("1")).reshape(len(rows), len(names))
    chosen = np.argsort(-targets.sum(axis=0), kind="stable")[:TOP] if tags == "top50" else np.arange(len(names))
    return _Labels(
        ids=np.array([row.fields[0] for row in rows]),
        files=np.array([row.fields[-1] for row in rows]),
        tags=[names[column] for column in chosen],
        targets=targets[:, chosen].astype(np.float32),
        known=np.ones(len(rows), np.bool_),
        missing=[],
    )


def _check_clips(rows: list[Row], columns: int) -> None:
    """Refuse a row of other columns or without a clip of its own; the first is its id and the last its path."""
    for row in rows:
        _check_columns(row, columns)
        if not row.fields[0]:
            raise row.refusal("names no clip")
        if not re.fullmatch(r"[0-9a-f]/[^/-][^/]*\.mp3", row.fields[-1]):
            raise row.refusal(
                f"path {row.fields[-1]!r} is not of the form FOLDER/ARTIST-...mp3, its folder one of 0 to f"
            )
    refuse_repeated(rows, 0, "clip")
    refuse_repeated(rows, columns - 1, "path")


def _check_columns(row: Row, columns: int) -> None:
    if len(row.fields) != columns:
        raise row.refusal(f"has {len(row.fields)} columns, not {columns}")


def _marks(row: Row, names: list[str]) -> str:
    marks = row.fields[1:-1]
    if not set(marks) <= {"0", "1"}:
        name, mark = next((name, mark) for name, mark in zip(names, marks, strict=True) if mark not in {"0", "1"})
        raise row.refusal(f"tag {name!r} is {mark!r}, neither 0 nor 1")
    return "".join(marks)


def _read_index(root: Path) -> _Labels:
    rows = read_rows(root / INDEX)
    _check_clips(rows, 2)
    names = _label_names(root / LABELS)
    files = np.array([row.fields[1] for row in rows])
    number_of = {row.fields[0]: number for number, row in enumerate(rows)}
    targets, known = np.zeros((len(rows), len(names)), np.float32), np.zeros(len(rows), np.bool_)
    parts = _folder_parts(files)
    present = {part: root / file for part, file in LABELLED.items() if (root / file).is_file()}
    if not present:
        raise InputError(f"{INDEX} goes with {', '.join(LABELLED.values())}, and none of them is in {root}")
    for part, file in present.items():
        for row in _labelled_rows(file):
            number = number_of.get(row.fields[0], -1)
            if number < 0 or parts[number] != part:
                raise row.refusal(f"clip {row.fields[0]!r} is none of this part's in {INDEX}")
            targets[number], known[number] = _vector(row, names), True
    ids = np.array([row.fields[0] for row in rows])
    lost = ids[~known & np.isin(parts, list(present)) & ~np.isin(ids, BROKEN)]
    if len(lost):
        raise InputError(f"clip {lost[0]} of {root / INDEX} has no labels in its part's file; get both again")
    return _Labels(ids, files, names, targets, known, [file for part, file in LABELLED.items() if part not in present])


def _label_names(file: Path) -> list[str]:
    """Return the tags that a file of Python text lists; nothing in it is executed."""
    if not file.is_file():
        raise InputError(f"{file} is not there; get it from jordipons/musicnn-training, where {INDEX} is from")
    text = read_text(file)
    try:
        names = ast.literal_eval(text[text.index("[") : text.rindex("]") + 1])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise InputError(f"{file} lists no tags in Python's way; get it again") from error
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{file} lists something other than names of tags; get it again")
    return list(names)


def _labelled_rows(file: Path) -> list[Row]:
    rows = read_rows(file)
    for row in rows:
        _check_columns(row, 2)
    refuse_repeated(rows, 0, "clip")
    return rows


def _vector(row: Row, names: list[str]) -> list[int]:
    values = row.fields[1].strip("[] ").split(", ")
    if len(values) != len(names) or not set(values) <= {"0.0", "1.0"}:
        raise row.refusal(f"is not a list of {len(names)} times 0.0 or 1.0, one a tag of {LABELS}")
    return [int(value == "1.0") for value in values]


def _folder_parts(files: StrArray) -> StrArray:
    return np.array([FOLDERS[file[0]] for file in files.tolist()], dtype="<U5")


def _listed_parts(root: Path, labels: _Labels) -> StrArray:
    """Return the part in whose list each clip stands, "" for one in none."""
    numbers = [(name, number) for names in (labels.ids, labels.files) for number, name in enumerate(names.tolist())]
    number_of = dict(numbers)
    parts = np.full(len(labels.ids), "", dtype="<U5")
    for part in PARTS:
        for row in _listed(root, part):
            # The first column of the published lists counts clips; only their path says which one is meant.
            name = next((field for field in row.fields if field.endswith(".mp3")), row.fields[0] if row.fields else "")
            if name not in number_of:
                raise row.refusal(f"{name!r} is none of the {len(labels.ids):,} clips")
            number = number_of[name]
            if parts[number]:
                raise row.refusal(f"{name!r} stands already in the list {parts[number]}")
            parts[number] = part
    return parts


def _listed(root: Path, part: str) -> list[Row]:
    places = [root / folder / f"{part}{end}" for folder in ("", "split/mtat") for end in (".npy", ".tsv", ".txt")]
    file = next((file for file in places if file.is_file()), None)
    if file is None:
        raise InputError(
            f"variant = 'clean' needs the list {part}.npy, .tsv or .txt in {root} or its split/mtat; "
            "get it from minzwon/sota-music-tagging-models, split/mtat"
        )
    if file.suffix != ".npy":
        return read_rows(file)
    return [Row(file, number, entry.split("\t")) for number, entry in enumerate(_read_array(file), 1)]


def _read_array(file: Path) -> list[str]:
    try:
        with file.open("rb") as content:
            entries = np.lib.format.read_array(content, allow_pickle=False)
        if entries.ndim == 1 and entries.dtype.kind == "U":
            return list(entries.tolist())
    except (ValueError, OSError, SyntaxError, OverflowError, MemoryError, tokenize.TokenError) as error:
        raise InputError(f"{file} is no array of text that can be read without pickle; get it again") from error
    raise InputError(f"{file} holds an array of something other than text; get it again")


def _artist(file: str) -> str:
    return file.partition("/")[2].removesuffix(".mp3").partition("-")[0]


def _seconds(file: str) -> float:
    """Return how long a clip lasts by the end of its name, -START-END.mp3; nan if it ends otherwise."""
    ends = re.search(r"-([0-9]+)-([0-9]+)\.mp3$", file)
    return float(int(ends[2]) - int(ends[1])) if ends and int(ends[2]) > int(ends[1]) else np.nan


def _leak(groups: StrArray, parts: StrArray, other: str) -> _Leak:
    test = parts == "test"
    shared = test & np.isin(groups, groups[parts == other])
    return _Leak(shared, int(test.sum()), len(np.unique(groups[shared])), len(np.unique(groups[test])))


def _about_artists(variant: Variant, leak: _Leak) -> str:
    clips = f"{leak.clips.sum():,} of {leak.n_tests:,} test clips"
    if variant == "artist_clean":
        return (
            f"MagnaTagATune's official split without the {clips} whose artist also trains: scores are not comparable "
            "with published ones, which are of all the test clips."
        )
    if not leak.n_artists:
        return ""
    return (
        f"MagnaTagATune's {'official' if variant == 'full' else 'clean'} split shares artists between its parts, which "
        f"flatters scores: {leak.n_artists} of {leak.n_test_artists} test artists also train ({clips}); "
        'variant = "artist_clean" leaves such clips out of the official test part.'
    )


def _also_validating(variant: Variant, leak: _Leak) -> str:
    if variant != "artist_clean" or not leak.n_artists:
        return ""
    return (
        f"{leak.n_artists} of its {leak.n_test_artists} test artists ({leak.clips.sum():,} of {leak.n_tests:,} clips) "
        "are in the validation part, which chooses when training stops."
    )


def _unlabelled(labels: _Labels, parts: StrArray) -> str:
    unknown = int(((parts != "") & ~labels.known).sum())
    return f"{unknown:,} clips are left out, as {' and '.join(labels.missing)} is not there." if unknown else ""


def _changed(found: tuple[int, int], official: tuple[int, int]) -> str:
    if found == official:
        return ""
    return (
        f"The test part has {found[0]:,} clips and {found[1]} tags, officially {official[0]:,} and {official[1]}, so "
        "published numbers are of other clips or tags."
    )
