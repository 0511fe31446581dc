"""A study whose every name is meant to do harm, and what its names are."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w

from tests.conftest import StudyOnDisk

NAMES = (
    "</script><script>alert(1)</script>",
    "a\"b'c | `d` *e* [f](javascript:1)",
    "../../x",
    "a/b\\c",
    "new\nline",
    "carriage\rreturn",
    "nul\x00byte",
    "\x1b[31mred\x1b[0m",
    "\x9b31mred",
    "turned \u202e round",
    "=cmd|' /C calc'!A1",
    "$x^2$ %&_#~{}",
    "[bracket",
    "x" * 300,
    "\U0001f3b5" * 300,
    "Case",
    "case",
    "caf\u00e9",
    "cafe\u0301",
    " blanks ",
    "con",
    "nan",
    "NA",
    "null",
    "__proto__",
    "__index_level_0__",
    "tag",
    "roc_auc",
)
TAGS = ("tone", "loud", *NAMES)
STEERING = {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E)}  # but tab and line feed
LABELS = (f"{NAMES[7]}\n{NAMES[2]}", f"[\u202e{NAMES[14]}")


def hostile_study(folder: Path) -> StudyOnDisk:
    """Return a study that has not been run, with these names for everything that has one."""
    sections = {"split": {"valid": 0.25, "test": 0.35}, "scoring": {"min_positives": 2, "min_negatives": 2}}
    corpus = {
        "name": "manifest",
        "title": f"{NAMES[0]}{NAMES[7]}",
        "version": f"{NAMES[2]}{NAMES[4]}",
        "note": NAMES[1],
    }
    families = [{"family": family, "label": label} for family, label in zip(("prior", "gbt"), LABELS, strict=True)]
    families[1] |= {"max_rounds": 5, "descriptors": ["timbre", "harmony"]}  # type: ignore[dict-item]
    told = {"note": " ".join(NAMES)[:800], "sizes": [12], "threads": 1, "corpus": corpus, "families": families}
    study = StudyOnDisk(folder, tomli_w.dumps(told | sections))
    _rename(study.root)
    return study


def _rename(root: Path) -> None:
    table = pd.read_parquet(root / "manifest.parquet").drop(columns="rare")
    names = [NAMES[row % len(NAMES)] for row in range(len(table))]
    table["id"] = [f"{name} {row}" for row, name in enumerate(names)]
    table["group"] = [f"{NAMES[row // 3 % len(NAMES)]} " for row in range(len(table))]
    files = [f"audio/{name.replace('/', '').replace(chr(0), '')[:40]} {row}.wav" for row, name in enumerate(names)]
    for old, new in zip(table["path"], files, strict=True):
        (root / old).rename(root / new)
    table["path"] = files
    for number, name in enumerate(NAMES):
        table[name] = (np.arange(len(table)) + number) // 2 % 2
    table.to_parquet(root / "manifest.parquet", index=False)
    _declare(root / "tags.csv")


def _declare(file: Path) -> None:
    kinds = ["classification", "regression", *("classification" for _ in NAMES)]
    with file.open("w", newline="", encoding="utf-8") as output:
        writer = csv.writer(output, quoting=csv.QUOTE_ALL)
        writer.writerow(("name", "kind", "category", "exclusive_group"))
        writer.writerows((tag, kind, f"of {tag}", "") for tag, kind in zip(TAGS, kinds, strict=True))
