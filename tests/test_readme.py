"""The README tells of every file and command, and its numbers are those of the reports that are kept beside it."""

import json
from pathlib import Path

import pytest

from baselines.features.extractor import descriptor_names
from bench.cli import tagbench
from bench.speed import Findings, Row
from bench.study import shipped_studies

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEED = (ROOT / "reports" / "speed" / "README.md").read_text(encoding="utf-8")
MODULES = [
    file.relative_to(ROOT)
    for package in ("bench", "baselines", "neural", "reports")
    for file in sorted((ROOT / package).rglob("*.py"))
    if not file.name.startswith("__") and "genres" not in file.parts
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_stands_in_the_map_of_the_files(module: Path) -> None:
    section = README.split(f"| **{module.parts[0]}/** |")[1].split("| **")[0]
    assert f"`{module.name}`" in section or f"/{module.name}`" in section


@pytest.mark.parametrize("command", sorted(tagbench.commands))
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"tagbench {command}" in " ".join(README.split())


def test_every_shipped_study_has_its_command() -> None:
    for study in shipped_studies():
        assert f"tagbench run {study}" in README


def table_of(study: str) -> list[str]:
    page = (ROOT / "reports" / study / "table1.md").read_text(encoding="utf-8")
    return [line for line in page.split("\n## ")[0].splitlines() if line.startswith("|")]


def test_the_table_in_the_readme_is_the_demos() -> None:
    table = table_of("demo")
    assert len(table) == 2 + 5 * 3  # a header, a rule, five families at three sizes
    assert "\n".join(table) in README


def test_the_verdicts_in_the_readme_are_the_demos() -> None:
    page = (ROOT / "reports" / "demo" / "table1.md").read_text(encoding="utf-8")
    section = page.split("## The paper's sentences, on these data\n\n")[1]
    table = section.split("\n\n")[0]
    assert len(table.splitlines()) == 2 + 9
    assert table in README


def test_the_table_of_descriptors_in_the_readme_has_the_largest_size_of_that_study() -> None:
    table = table_of("descriptors")
    largest = [line for line in table[2:] if line.split("|")[2] == table[2].split("|")[2]]
    assert len(largest) == 10  # five sets of descriptors for two families
    assert "\n".join([*table[:2], *largest]) in README


def findings_of(what: str) -> Findings:
    content = json.loads((ROOT / "reports" / "speed" / f"{what}.json").read_text(encoding="utf-8"))
    return Findings(tuple(Row(**row) for row in content["rows"]), content["ratios"])


def test_the_table_of_speed_is_what_the_command_found() -> None:
    assert findings_of("baseline").table() in SPEED


def test_the_table_of_the_networks_speed_is_what_the_command_found() -> None:
    assert findings_of("neural").table() in SPEED


def test_the_table_of_steps_on_a_gpu_is_what_the_command_found() -> None:
    found = findings_of("neural_gpu")
    assert found.table() in SPEED
    assert found.ratios["gpu_patches_vs_plain"] == pytest.approx(4, abs=0.1)


def test_the_table_of_preparing_audio_is_what_the_command_found() -> None:
    assert findings_of("prepare").table() in SPEED


def test_the_table_of_resampling_is_what_the_command_found() -> None:
    assert findings_of("metrics").table() in SPEED


def test_resampling_is_as_fast_and_as_exact_as_the_readme_says() -> None:
    found = findings_of("metrics")
    values = {row.name: row.value for row in found.rows}
    assert found.ratios["bootstrap_vs_sklearn"] >= 50
    assert values["metrics_largest_difference"] <= 1e6  # of 1e-15
    assert values["metrics_peak_memory_tagbench"] < 4000


def test_audio_is_prepared_as_fast_as_the_readme_says() -> None:
    ratios = findings_of("prepare").ratios
    for form, stereo in (("mp3", 1.5), ("flac", 1.5), ("ogg", 1.3)):
        assert ratios[f"prepare_{form}_stereo_vs_librosa"] >= stereo
        assert ratios[f"prepare_{form}_mono_vs_librosa"] >= 0.93
        assert ratios[f"decoding_alone_{form}_stereo_vs_librosa"] < 3  # why three times librosa is out of reach
    assert all(times >= 4 for name, times in ratios.items() if name.endswith("_vs_essentia"))


def test_the_networks_are_as_fast_as_the_readme_says() -> None:
    found = findings_of("neural")
    assert found.ratios["cpu_step_spectrogram"] <= 0.6
    assert found.ratios["cpu_step_waveform"] <= 0.75


def test_the_table_of_ablations_in_the_readme_is_that_of_the_study() -> None:
    table = table_of("ablations")
    assert len(table) == 2 + 18
    assert "\n".join(table) in README


def test_the_baseline_is_as_fast_and_as_good_as_the_readme_says() -> None:
    found = findings_of("baseline")
    values = {row.name: row.value for row in found.rows}
    assert found.ratios["descriptors_vs_musicextractor"] >= 8
    assert found.ratios["descriptors_vs_librosa"] > 1
    assert found.ratios["training_vs_xgbclassifier"] >= 6
    assert found.ratios["pr_auc_minus_xgbclassifier"] >= 0
    assert values["extractor_memory_growth"] < 50
    assert values["training_cpu_exponent"] <= 1
    assert values["training_memory_exponent"] <= 1
    assert values["training_peak_memory_gb_1200000"] < 24


def test_the_readme_counts_the_descriptors_right() -> None:
    assert f"{len(descriptor_names()):,} descriptors" in " ".join(README.split())
