"""A study file is read strictly: whatever is wrong in it is one line that names the key."""

import re
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import pytest
import tomli_w

from baselines.extraction import DescriptorSettings
from baselines.gbt import GBT
from baselines.linear import Linear
from baselines.tagger import DescriptorTagger
from bench.audio import AudioSettings
from bench.corpora import place_of
from bench.errors import InputError
from bench.splits import Split
from bench.study import Study, read_study, shipped_studies
from neural.network import count_parameters
from neural.settings import NetworkSettings
from neural.tagger import NetworkTagger

PUBLIC = ("jamendo_moodtheme", "jamendo_top50", "magnatagatune", "mgphot", "msd")
WHOLE = ("demo", "paper", "smoke", "your_corpus", *PUBLIC)  # the shipped studies that are the whole experiment
PLAIN = """
sizes = [20, 10]
[corpus]
name = "manifest"
[[families]]
family = "prior"
"""


def study(tmp_path: Path, text: str) -> Study:
    (tmp_path / "mine.toml").write_text(text)
    return read_study(str(tmp_path / "mine.toml"))


def test_a_plain_study_is_complete_with_its_defaults(tmp_path: Path) -> None:
    read = study(tmp_path, PLAIN)
    assert read.name == "mine"
    assert read.sizes == [10, 20]
    assert read.seeds == [0]
    assert read.audio.sample_rate == 16000
    assert read.corpus.settings["file"] == ""
    assert [entry.label for entry in read.entries()] == ["prior"]


def test_shares_of_the_training_part_become_numbers_of_tracks(tmp_path: Path) -> None:
    read = study(tmp_path, PLAIN.replace("sizes = [20, 10]", "shares = [1.0, 0.1, 0.5]"))
    assert read.told_sizes == "10 %, 50 %, 100 %"
    assert read.sized(1871).sizes == [187, 936, 1871]
    with pytest.raises(InputError, match=r"shares 0.1, 0.5, 1 of 3 training tracks are \[0, 2, 3\]; give `sizes`"):
        read.sized(3)


def test_a_familys_defaults_are_its_entries_unless_they_say_otherwise(tmp_path: Path) -> None:
    rows = '[[families]]\nfamily = "gbt"\n[[families]]\nfamily = "gbt"\nlabel = "deep"\nmax_depth = 7\n'
    read = study(tmp_path, PLAIN.replace("[corpus]", "[defaults.gbt]\nmax_depth = 5\n[corpus]") + rows)
    depths = [entry.tagger.max_depth for entry in read.entries() if isinstance(entry.tagger, GBT)]
    assert depths == [5, 7]
    assert study(tmp_path, tomli_w.dumps(read.model_dump(mode="json", exclude_none=True))) == read


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (("sizes = [20, 10]", ""), ["sizes", "give the training sizes"]),
        (("sizes = [20, 10]", "sizes = [20, 10]\nshares = [0.5]"), ["sizes", "as numbers of tracks in `sizes` or"]),
        (("sizes = [20, 10]", "shares = [0.5, 1.5]"), ["shares.1", "1.5"]),
        (("[corpus]", "[tags.rock]\nkind = 'binary'\n[corpus]"), ["tags.rock.kind", "binary"]),
        (("sizes = [20, 10]", "sizes = []"), ["sizes"]),
        (("sizes = [20, 10]", "sizes = [10, 10]"), ["sizes", "twice"]),
        (("sizes = [20, 10]", "sizes = [0]"), ["sizes.0"]),
        (("sizes = [20, 10]", 'sizes = "many"'), ["sizes", "many"]),
        (("sizes = [20, 10]", "sizes = [true]"), ["sizes.0"]),
        (("sizes = [20, 10]", 'sizes = ["20"]'), ["sizes.0"]),
        (("sizes", "seeds = [5000000000]\nsizes"), ["seeds.0"]),
        (('name = "manifest"', 'name = "manifest"\n[audio]\nmax_seconds = inf'), ["audio.max_seconds", "inf"]),
        (('name = "manifest"', 'name = "manifest"\n[audio]\nmax_seconds = 0.5'), ["audio", "0.5"]),
        (('family = "prior"', 'family = "prior"\npair = "a"'), ["pair 'a' joins prior"]),
        (("sizes", "colour = 1\nsizes"), ["colour", "unknown key"]),
        (("[corpus]", "[defaults.gbt]\nmax_depth = 3\n[corpus]"), ["defaults.gbt", "no entry"]),
        (("[corpus]", "[defaults.prior]\ncolour = 3\n[corpus]"), ["families.prior.colour", "unknown key"]),
        (("[corpus]", "[defaults]\nprior = 3\n[corpus]"), ["defaults.prior", "3"]),
        (("sizes", "seeds = [-1]\nsizes"), ["seeds.0"]),
        (("sizes", f"name = '{'n' * 201}'\nsizes"), ["name", "200 characters"]),
        (('name = "manifest"', 'name = "manifesto"'), ["corpus", "manifesto", "manifest"]),
        (('name = "manifest"', 'name = "manifest"\ncolour = 1'), ["corpus.colour", "unknown key"]),
        (('name = "manifest"', 'name = "manifest"\nfile = 3'), ["corpus.file"]),
        (('name = "manifest"', 'name = "manifest"\n[split]\ntest = 1.5'), ["split.test", "1.5"]),
        (('name = "manifest"', 'name = "manifest"\n[split]\ntest = 0.5\nvalid=0.5'), ["split", "nothing to train on"]),
        (('name = "manifest"', 'name = "manifest"\n[audio]\nsample_rate = 10'), ["audio.sample_rate", "10"]),
        (('family = "prior"', 'family = "priest"'), ["families.priest", "unknown family", "gbt", "prior"]),
        (('family = "prior"', 'family = "prior"\ncolour = 1'), ["families.prior.colour", "unknown key"]),
        (('family = "prior"', 'family = "gbt"\nlearning_rate = -1'), ["families.gbt.learning_rate", "-1"]),
        (('family = "prior"', 'family = "prior"\n[[families]]\nfamily = "prior"'), ["families", "label 'prior'"]),
        (('family = "prior"', 'family = "extraction"'), ["families.extraction", "unknown family"]),
        (("[corpus]", "[corpus"), ["not valid TOML"]),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(tmp_path: Path, change: tuple[str, str], names: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        study(tmp_path, PLAIN.replace(*change, 1))
    assert "\n" not in str(refused.value)
    for name in [*names, "mine.toml"]:
        assert name in str(refused.value)


def test_a_name_cannot_leave_the_projects_packages(tmp_path: Path) -> None:
    for name in ("os", "..cli", "bench.cli", "../x"):
        with pytest.raises(InputError, match="unknown family"):
            study(tmp_path, PLAIN.replace("prior", name))


def test_an_unknown_study_is_refused_with_the_shipped_ones() -> None:
    with pytest.raises(InputError, match=r"no study 'nonsense'.*demo.*paper.*smoke"):
        read_study("nonsense")


@pytest.mark.parametrize("name", shipped_studies())
def test_every_shipped_study_can_be_read(name: str) -> None:
    assert read_study(name).name == name


@pytest.mark.parametrize("name", WHOLE)
def test_a_study_of_the_whole_experiment_has_every_family(name: str) -> None:
    assert {entry.family for entry in read_study(name).entries()} == {
        "prior",
        "linear",
        "gbt",
        "waveform",
        "spectrogram",
    }


@pytest.mark.parametrize("name", WHOLE)
def test_table_1_has_fixed_settings_without_class_weights(name: str) -> None:
    read = read_study(name)
    assert read.tuning is None
    baselines = [entry.tagger for entry in read.entries() if isinstance(entry.tagger, GBT | Linear)]
    assert [tagger.class_weights for tagger in baselines] == ["none", "none"]


def test_the_study_of_class_weights_has_each_family_with_and_without() -> None:
    taggers = [entry.tagger for entry in read_study("class_weights").entries()]
    for plain, balanced in zip(taggers[::2], taggers[1::2], strict=True):
        assert plain == type(plain)()
        assert balanced == plain.model_copy(update={"class_weights": "balanced"})


def test_the_study_of_descriptors_gives_both_families_the_same_sets() -> None:
    heard: dict[str, list[DescriptorSettings]] = defaultdict(list)
    for entry in read_study("descriptors").entries():
        assert isinstance(entry.tagger, DescriptorTagger)
        heard[entry.family].append(entry.tagger.descriptors)
    assert heard["gbt"] == heard["linear"]
    groups = [("timbre", "rhythm", "harmony"), ("timbre",), ("rhythm",), ("harmony",), ("music_extractor",)]
    assert [settings.groups for settings in heard["gbt"]] == groups


def test_the_entries_that_the_study_of_descriptors_holds_ready_hear_each_track_at_its_own_rate(tmp_path: Path) -> None:
    text = files("bench").joinpath("studies", "descriptors.toml").read_text("utf-8")
    ready = re.sub(r"^# (\[\[families\]\]|\w+ = .*)$", r"\1", text, flags=re.MULTILINE)
    own = [
        entry.family for entry in study(tmp_path, ready).entries() if entry.audio == AudioSettings(sample_rate="own")
    ]
    assert own == ["gbt", "linear"]


NETWORK = '[[families]]\nfamily = "{}"\nlabel = "{}"\n{}'


def pairs(tmp_path: Path, *networks: tuple[str, str, str]) -> dict[str, str]:
    read = study(tmp_path, PLAIN + "\n".join(NETWORK.format(*network) for network in networks))
    return {entry.label: entry.pair for entry in read.entries()}


def test_the_only_two_networks_are_a_pair(tmp_path: Path) -> None:
    found = pairs(tmp_path, ("waveform", "w", ""), ("spectrogram", "s", ""))
    assert found["w"] == found["s"] != ""
    assert found["prior"] == ""


def test_of_several_networks_only_those_that_say_so_are_pairs(tmp_path: Path) -> None:
    wide, small = 'pair = "wide"', 'pair = "small"'
    found = pairs(
        tmp_path,
        ("waveform", "w1", wide),
        ("spectrogram", "s1", wide),
        ("waveform", "w2", small),
        ("spectrogram", "s2", small),
        ("waveform", "w3", ""),
    )
    assert found == {"prior": "", "w1": "wide", "s1": "wide", "w2": "small", "s2": "small", "w3": ""}


def test_an_entry_may_hear_the_audio_in_another_way(tmp_path: Path) -> None:
    read = study(tmp_path, PLAIN + "audio = {sample_rate = 44100}\n")
    assert read.audio.sample_rate == 16000
    assert read.entries()[0].audio == AudioSettings(sample_rate=44100)


def test_an_entry_may_hear_each_track_at_its_own_rate_and_is_written_so(tmp_path: Path) -> None:
    read = study(tmp_path, PLAIN + 'audio = {sample_rate = "own"}\n')
    assert read.entries()[0].audio == AudioSettings(sample_rate="own")
    written = tomli_w.dumps(read.model_dump(mode="json", exclude_none=True))
    assert study(tmp_path, written) == read


def test_a_network_at_each_tracks_own_rate_is_refused_by_its_entry(tmp_path: Path) -> None:
    own = PLAIN.replace("prior", "waveform") + 'audio = {sample_rate = "own"}\n'
    with pytest.raises(InputError, match=r"families\.waveform: waveform needs one sample rate; give \[audio\]"):
        study(tmp_path, own)


@pytest.mark.parametrize(
    ("prior", "waveform", "alike"),
    [("", "", True), ("8000", "", False), ("", "8000", False), ("8000", "8000", True), ("16000", "", True)],
)
def test_entries_are_left_out_where_those_that_stay_hear_the_same(
    tmp_path: Path, prior: str, waveform: str, alike: bool
) -> None:
    own = [f"audio = {{sample_rate = {rate}}}\n" if rate else "" for rate in (prior, waveform)]
    (tmp_path / "mine.toml").write_text(f'{PLAIN}{own[0]}[[families]]\nfamily = "waveform"\n{own[1]}')
    if alike:
        assert [entry.label for entry in read_study(str(tmp_path / "mine.toml"), ["waveform"]).entries()] == [
            "waveform"
        ]
        return
    with pytest.raises(InputError, match=r"families\.prior hears .*; run the whole study at once"):
        read_study(str(tmp_path / "mine.toml"), ["waveform"])


def test_cells_are_every_entry_size_and_seed_once(tmp_path: Path) -> None:
    read = study(tmp_path, PLAIN.replace("sizes", "seeds = [0, 1]\nsizes") + '[[families]]\nfamily="linear"')
    cells = [(cell.entry.label, cell.n_train, cell.seed) for cell in read.cells()]
    assert len(cells) == len(set(cells)) == 2 * 2 * 2
    assert [n_train for _, n_train, _ in cells] == [10] * 4 + [20] * 4


def test_a_file_name_that_is_no_study_name_is_made_one(tmp_path: Path) -> None:
    (tmp_path / "my first study.toml").write_text(PLAIN)
    assert read_study(str(tmp_path / "my first study.toml")).name == "my-first-study"


def parts_of(study: Study) -> Split:
    place = place_of(study.corpus.name, study.corpus.settings, root=None, cache=Path())
    return study.split.divide(place.outline())


def test_the_demo_is_as_large_as_it_says() -> None:
    demo = read_study("demo")
    assert demo.corpus.settings["tracks"] >= 1000
    assert demo.corpus.settings["seconds"] == 30
    assert [size / demo.sizes[0] for size in demo.sizes] == [1, 3, 8]
    parts = parts_of(demo)
    assert len(parts.train) >= demo.sizes[-1]
    assert len(parts.test) >= 300


def test_smoke_has_enough_test_tracks_to_score_its_tags() -> None:
    assert len(parts_of(read_study("smoke")).test) >= 120


def test_the_papers_split_leaves_enough_to_train_on() -> None:
    paper = read_study("paper")
    assert 1_200_000 * (1 - paper.split.valid - paper.split.test) > 1.003 * paper.sizes[-1]


@pytest.mark.parametrize("name", WHOLE)
def test_both_networks_of_a_shipped_study_are_trained_alike_and_of_one_size(name: str) -> None:
    taggers = {entry.family: entry.tagger for entry in read_study(name).entries()}
    waveform, spectrogram = taggers["waveform"], taggers["spectrogram"]
    assert isinstance(waveform, NetworkTagger)
    assert isinstance(spectrogram, NetworkTagger)
    shared = set(NetworkSettings.model_fields)
    assert waveform.model_dump(include=shared) == spectrogram.model_dump(include=shared)
    assert waveform.patch_seconds >= 3
    sizes = [count_parameters(network.build(50, 16000)) for network in (waveform, spectrogram)]
    assert max(sizes) <= 1.15 * min(sizes)
