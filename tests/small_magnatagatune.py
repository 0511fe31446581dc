"""MagnaTagATune, written small by the tests: its annotations or the index of musicnn-training, with tones and noise."""

from pathlib import Path

import numpy as np

from tests.small_sounds import write_mp3

TAGS = ["weird", "flute", "guitar", "techno"]  # in the annotations' order
TOP = ["guitar", "flute", "techno", "weird"]  # by number of clips
PARTS = {"train": "0123456789ab", "valid": "c", "test": "def"}
LABELLED = {"train": "train_gt_mtt.tsv", "valid": "val_gt_mtt.tsv", "test": "test_gt_mtt.tsv"}


def write_magnatagatune(
    root: Path,
    *,
    tracks: int = 48,
    seconds: int = 2,
    seed: int = 0,
    audio: bool = True,
    index: bool = False,
    lists: bool = False,
) -> Path:
    """Write clips by artists of three, of which every other one has all clips in one folder; return `root`.

    `index` writes musicnn-training's files in place of the annotations; `lists` adds the lists of the clean split.
    """
    draw = np.random.default_rng(seed)
    for number in range(tracks if audio else 0):
        noise, high, quiet = _sound(number)
        write_mp3(root / clip_path(number, seconds), draw, noise=noise, high=high, quiet=quiet, seconds=seconds)
    paths = [clip_path(number, seconds) for number in range(tracks)]
    (_write_index if index else _write_annotations)(root, paths)
    if lists:
        _write_lists(root, paths)
    return root


def clip_path(number: int, seconds: int = 2) -> str:
    artist = number // 3
    folder = (5 * (number if artist % 2 else artist)) % 16
    return f"{folder:x}/artist_{artist}-first_album-{number:02}-a_song-{seconds}-{2 * seconds}.mp3"


def clip_tags(number: int) -> dict[str, int]:
    """Return the tags of a clip: a guitar is a tone, techno loud noise, a flute high; quiet low noise has none."""
    noise, high, quiet = _sound(number)
    return {"weird": 0, "flute": high, "guitar": 1 - noise, "techno": noise * (1 - quiet)}


def clip_id(number: int) -> str:
    return str(2 + 4 * number)


def _sound(number: int) -> tuple[int, int, int]:
    return number % 2, int(number // 2 % 5 in (0, 1)), number // 4 % 2


def _write_annotations(root: Path, paths: list[str]) -> None:
    rows = [["clip_id", *TAGS, "mp3_path"]]
    for number, path in enumerate(paths):
        given = clip_tags(number)
        rows.append([clip_id(number), *(str(given[tag]) for tag in TAGS), path])
    lines = ["\t".join(f'"{field}"' for field in row) for row in rows]
    (root / "annotations_final.csv").write_text("\n".join(lines) + "\n")


def _write_index(root: Path, paths: list[str]) -> None:
    lines = [f"{clip_id(number)}\t{path}\n" for number, path in enumerate(paths)]
    (root / "index_mtt.tsv").write_text("".join(lines))
    (root / "output_labels_mtt.txt").write_text(f"# Output labels\nMTT_LABELS = {TOP}\n\n")
    for part, name in LABELLED.items():
        numbers = [number for number, path in enumerate(paths) if path[0] in PARTS[part]]
        vectors = {number: [float(clip_tags(number)[tag]) for tag in TOP] for number in numbers}
        (root / name).write_text("".join(f"{clip_id(number)}\t{vector}\n" for number, vector in vectors.items()))


def _write_lists(root: Path, paths: list[str]) -> None:
    """Write the clips with a tag, under their row in an order of their own, as the published lists do."""
    folder = root / "split" / "mtat"
    folder.mkdir(parents=True)
    tagged = [(number, path) for number, path in enumerate(paths) if any(clip_tags(number).values())]
    for part, folders in PARTS.items():
        np.save(folder / f"{part}.npy", np.array([f"{row}\t{path}" for row, path in tagged if path[0] in folders]))
