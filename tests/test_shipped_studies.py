"""The studies of public data have the paper's settings; the template for one's own works on any small corpus."""

import re
from pathlib import Path

import pandas as pd
import pytest

from baselines.gbt import GBT
from bench.audio import AudioSettings
from bench.cli import exit_code
from bench.corpora.manifest import load
from bench.prepare import PrepareSettings
from bench.study import CorpusChoice, Scoring, SplitSettings, Study, read_study, shipped_text
from neural.settings import NetworkSettings
from neural.tagger import NetworkTagger
from reports.published import published
from tests.small_corpus import write_small_corpus
from tests.test_study import PUBLIC

RATIO = [0.1, 0.5, 1.0]  # the paper's 1 : 5 : 10, up to the whole training part
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def study(tmp_path: Path, text: str) -> Study:
    (tmp_path / "mine.toml").write_text(text)
    return read_study(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_data_set_is_divided_officially_and_trained_on_up_to_the_whole(name: str) -> None:
    read = read_study(name)
    assert read.shares == RATIO
    assert read.split.kind == "official"
    assert read.tags == {}
    assert read.audio.sample_rate == 16000


@pytest.mark.parametrize("name", PUBLIC)
def test_the_networks_of_a_public_data_set_are_the_papers(name: str) -> None:
    for entry in read_study(name).entries():
        if isinstance(entry.tagger, NetworkTagger):
            assert published().networks[entry.family].departures(entry.tagger.model_dump(mode="json")) == {}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_data_set_is_taken_as_the_papers_corpus_is(name: str) -> None:
    assert [entry.tagger for entry in read_study(name).entries()] == [
        entry.tagger for entry in read_study("paper").entries()
    ]


@pytest.mark.parametrize(
    ("name", "version"), [("jamendo_top50", "top50tags, split 0"), ("jamendo_moodtheme", "moodtheme, split 0")]
)
def test_a_study_of_jamendo_is_one_of_those_that_numbers_are_published_on(name: str, version: str) -> None:
    corpus = read_study(name).corpus
    assert f"{corpus.settings['subset']}, split {corpus.settings['split']}" == version
    assert published().comparison(corpus.name, version) is not None


def test_every_variant_that_the_study_of_magnatagatune_names_is_one(tmp_path: Path) -> None:
    text = shipped_text("magnatagatune")
    variants = re.findall(r'^(?:# )?variant = "(\w+)"', text, flags=re.MULTILINE)
    assert variants == ["full", "clean", "artist_clean"]
    for variant in variants:
        read = study(tmp_path, text.replace('variant = "full"', f'variant = "{variant}"', 1))
        assert read.corpus.settings["variant"] == variant


@pytest.mark.parametrize("name", ["jamendo_top50", "jamendo_moodtheme"])
def test_the_entry_on_shipped_descriptors_is_held_ready(tmp_path: Path, name: str) -> None:
    assert "gbt, AcousticBrainz" not in [entry.label for entry in read_study(name).entries()]
    ready = re.sub(r"^# (\[\[families\]\]|\w+ = .*)$", r"\1", shipped_text(name), flags=re.MULTILINE)
    read = study(tmp_path, ready)
    assert [entry.label for entry in read.entries()][-1] == "gbt, AcousticBrainz"
    assert read.audio.max_seconds == 60


TEMPLATE = shipped_text("your_corpus")


def all_options(text: str) -> str:
    """Return the template with every option in use, but for those that another takes the place of."""
    without = re.sub(r'^(shares = .*|kind = "hash".*)$', "", text, flags=re.MULTILINE)
    return re.sub(r"^#(?=\S)", "", without, flags=re.MULTILINE)


def test_every_option_of_the_template_is_one(tmp_path: Path) -> None:
    read = study(tmp_path, all_options(TEMPLATE))
    assert read.sizes == [100, 500, 1000]
    assert read.split.kind == "official"
    assert read.tags["A tag"].positive_above == 0.5
    assert read.tuning is not None
    assert read.tuning.trials == 8


def test_what_the_template_gives_as_default_is_the_default(tmp_path: Path) -> None:
    read = study(tmp_path, all_options(TEMPLATE))
    assert read.corpus.settings == CorpusChoice(name="manifest", file="manifest.csv").settings
    assert read.prepare == PrepareSettings()
    assert read.scoring == Scoring()
    assert read.audio == AudioSettings(max_seconds=30)
    assert read.split.seed == SplitSettings().seed
    for name in ("subset_seed", "threads", "seeds"):
        assert getattr(read, name) == Study.model_fields[name].default
    assert f"the default, {GBT().max_depth}, is for" in TEMPLATE
    assert f"the default is {GBT().max_rounds}" in TEMPLATE


def test_the_template_has_the_papers_ratio_and_networks_that_need_no_gpu() -> None:
    read = read_study("your_corpus")
    assert read.shares == RATIO
    for entry in read.entries():
        if isinstance(entry.tagger, NetworkSettings):
            assert entry.tagger.max_updates <= 1000
            assert entry.tagger.backend_filters <= 128


@pytest.mark.slow
def test_the_template_takes_a_hundred_tracks_and_a_csv_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = write_small_corpus(tmp_path / "data", tracks=100), tmp_path / "out"
    pd.read_parquet(root / "manifest.parquet").to_csv(root / "manifest.csv", index=False)
    (root / "manifest.parquet").unlink()
    assert exit_code(["study", "your_corpus"]) == 0
    quick = capsys.readouterr().out.replace("max_updates = 800", "max_updates = 1")
    (tmp_path / "mine.toml").write_text(quick)
    flags = ["--root", str(root), "--out", str(out), "--cache", str(tmp_path / "cache"), "--workers", "1"]
    assert exit_code(["run", str(tmp_path / "mine.toml"), *flags, "--device", "cpu"]) == 0
    table = pd.read_csv(out / "table1.csv")
    assert sorted(table["n_train"].unique()) == [5, 27, 54]
    assert table["roc_auc"].notna().all()


def test_the_manifest_that_the_readme_shows_is_one(tmp_path: Path) -> None:
    example = README.split("## Bring your own data")[1].split("```\n")[1]
    (tmp_path / "manifest.csv").write_text(example)
    corpus = load(tmp_path, file="manifest.csv")
    assert [(tag.name, tag.kind) for tag in corpus.tags] == [
        ("rock", "classification"),
        ("jazz", "classification"),
        ("energy", "regression"),
    ]
