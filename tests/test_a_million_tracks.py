"""A manifest of a million tracks with 139 tags is loaded, split, subset and planned in a machine's time and memory."""

from pathlib import Path

import pytest

from bench.cli import exit_code
from bench.manifest_speed import FULL, QUICK, load_and_divide, measure_manifest, write_manifest
from bench.speed import call_apart
from bench.study import read_study
from tests.made_up_figures import written

CPU_SECONDS = 60.0  # twice what is asked for: tests run beside other work, which slows memory
MEGABYTES = 2000.0

STUDY = """
shares = [0.1, 0.5, 1.0]

[corpus]
name = "manifest"

[split]
valid = 0.08
test = 0.08

[[families]]
family = "prior"

[[families]]
family = "gbt"
"""


def plan(study: Path, root: Path, figures: Path) -> int:
    """Plan the study; return the exit code."""
    return exit_code(["plan", str(study), "--root", str(root), "--figures", str(figures)])


def study_and_figures(folder: Path) -> tuple[Path, Path]:
    study = folder / "million.toml"
    study.write_text(STUDY)
    return study, written(read_study(str(study)), folder / "figures.json")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_million_tracks_are_loaded_divided_and_planned(tmp_path: Path, form: str) -> None:
    call_apart("the manifest", write_manifest, tmp_path, form, FULL)
    loaded = call_apart("loading", load_and_divide, tmp_path)
    assert loaded.cpu_seconds < CPU_SECONDS
    assert loaded.peak_memory < MEGABYTES
    study, figures = study_and_figures(tmp_path)
    planned = call_apart("planning", plan, study, tmp_path, figures)
    assert planned.result == 0
    assert planned.cpu_seconds < CPU_SECONDS
    assert planned.peak_memory < MEGABYTES


def test_the_benchmark_of_manifests_measures_both_forms(tmp_path: Path) -> None:
    found = measure_manifest(QUICK, cache=tmp_path)
    assert [row.name for row in found.rows] == [
        f"manifest_{form}_{what}" for form in ("csv", "parquet") for what in ("cpu_seconds", "peak_memory")
    ]
    assert all(row.value > 0 for row in found.rows)
    assert list(tmp_path.iterdir()) == []
