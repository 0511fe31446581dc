"""Extraction: real audio files, real child processes; nothing is described twice and a bad track costs itself alone."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from baselines.extraction import DescriptorSettings, DescriptorTable, descriptors
from baselines.features import music_extractor
from baselines.features.extractor import Extractor, descriptor_names
from baselines.gbt import GBT
from bench.corpus import Corpus
from bench.store import TRACKS_PER_SHARD, shard_numbers
from bench.tagger import Context
from tests.pulses import RATE, context_for, write_corpus

SETTINGS = DescriptorSettings()


def without_audio(context: Context) -> Context:
    """Return the context of the same store with every sample gone."""
    tracks = {
        track_id: replace(track, shard=Path("/nowhere") / track.shard.name)
        for track_id, track in context.audio.tracks.items()
    }
    return replace(context, audio=replace(context.audio, tracks=tracks))


@dataclass(frozen=True)
class Described:
    """Three tracks, out of order, with their descriptors cached."""

    corpus: Corpus
    context: Context
    table: DescriptorTable


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    folder = tmp_path_factory.mktemp("described")
    corpus = write_corpus(folder / "audio", [1.0, 1.5, 2.0]).take(np.array([2, 0, 1]))
    context = context_for(corpus, folder / "cache")
    return Described(corpus, context, descriptors(corpus, context, SETTINGS))


def test_each_track_has_the_descriptors_of_its_own_audio_in_the_order_of_the_corpus(described: Described) -> None:
    extractor, audio = Extractor(RATE), described.context.audio
    assert described.table.names == descriptor_names()
    expected = [extractor.describe(audio.audio(track_id)) for track_id in described.corpus.ids.tolist()]
    np.testing.assert_allclose(described.table.matrix, expected, rtol=1e-3, atol=1e-4)  # threads round differently
    assert described.table.problems == {}


def test_finished_tracks_are_not_heard_again_by_a_part_of_the_corpus(described: Described) -> None:
    part = descriptors(described.corpus.take(np.array([2, 0])), without_audio(described.context), SETTINGS)
    np.testing.assert_array_equal(part.matrix, described.table.matrix[[2, 0]])


def test_groups_choose_columns_and_share_one_extraction(described: Described) -> None:
    settings = DescriptorSettings(groups=("rhythm",))
    rhythm, whole = descriptors(described.corpus, without_audio(described.context), settings), described.table
    assert rhythm.names == tuple(name for name in whole.names if name.startswith("rhythm."))
    chosen = [whole.names.index(name) for name in rhythm.names]
    np.testing.assert_array_equal(rhythm.matrix, whole.matrix[:, chosen])


def test_another_time_limit_is_another_extraction(described: Described) -> None:
    with pytest.raises(FileNotFoundError, match="/nowhere/"):
        descriptors(described.corpus, without_audio(described.context), DescriptorSettings(track_cpu_seconds=61))


def test_no_track_gives_an_empty_table(described: Described) -> None:
    nothing = described.corpus.take(np.array([], np.intp))
    assert len(descriptors(nothing, without_audio(described.context), SETTINGS).matrix) == 0


def test_another_sample_rate_has_the_same_names_and_values_of_its_own(described: Described, tmp_path: Path) -> None:
    context = context_for(described.corpus, tmp_path, sample_rate=44100)
    table = descriptors(described.corpus, context, SETTINGS)
    assert table.names == described.table.names
    assert not np.array_equal(table.matrix, described.table.matrix)


def test_a_track_is_described_at_its_own_rate(tmp_path: Path) -> None:
    rates = (8000, 11025, 12000, 22050, 24000, 32000, 44100, 48000, 96000)
    corpus = write_corpus(tmp_path / "audio", [1.0] * len(rates), rates)
    context = context_for(corpus, tmp_path / "cache", sample_rate="own")
    table = descriptors(corpus, context, SETTINGS)
    for row, (track_id, rate) in enumerate(zip(corpus.ids.tolist(), rates, strict=True)):
        expected = Extractor(rate).describe(context.audio.audio(track_id))
        np.testing.assert_allclose(table.matrix[row], expected, rtol=1e-3, atol=1e-4)
    missing = np.isnan(table.matrix).sum(axis=1).tolist()
    assert missing == sorted(missing, reverse=True)  # what lies above half the rate
    assert missing[0] > missing[-1]


def file_of(table: DescriptorTable) -> Path:
    assert isinstance(table.matrix, np.memmap)
    return Path(str(table.matrix.filename))


def flip_a_bit(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


def test_the_matrix_is_mapped_from_a_file_that_is_made_once(described: Described) -> None:
    file = file_of(described.table)
    written = file.stat().st_mtime_ns
    assert file.parent == described.context.cache / "matrices"
    assert file_of(descriptors(described.corpus, described.context, SETTINGS)) == file
    assert file.stat().st_mtime_ns == written
    assert sorted(each.suffix for each in file.parent.glob(f"{file.stem}*")) == [".json", ".npy", ".sha256"]
    with pytest.raises(ValueError, match="read-only"):
        described.table.matrix[0] = 0


def test_another_order_is_another_matrix(described: Described) -> None:
    turned = descriptors(described.corpus.take(np.array([1, 2, 0])), described.context, SETTINGS)
    np.testing.assert_array_equal(turned.matrix, described.table.matrix[[1, 2, 0]])


@pytest.mark.parametrize("suffix", [".npy", ".json", ".sha256"])
def test_a_matrix_that_is_cut_off_or_has_a_wrong_bit_is_made_again(
    tmp_path: Path, described: Described, suffix: str
) -> None:
    context = replace(described.context, cache=tmp_path)
    descriptors(described.corpus, context, SETTINGS)
    (file,) = (tmp_path / "matrices").glob(f"*{suffix}")
    whole = file.read_bytes()
    for damaged in (b"", whole[:100], whole[:-1], flip_a_bit(whole)):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(descriptors(described.corpus, context, SETTINGS).matrix, described.table.matrix)
        assert file.read_bytes() == whole


def test_essentias_own_set_is_another_extraction(tmp_path: Path, described: Described) -> None:
    context = replace(described.context, cache=tmp_path)
    table = descriptors(described.corpus, context, DescriptorSettings(groups=("music_extractor",)))
    assert table.names == music_extractor.descriptor_names()
    assert table.problems == {}
    timbre = [name.startswith("lowlevel.") for name in table.names]
    assert np.isfinite(table.matrix[:, timbre]).all()  # such short tracks may have no beats
    assert descriptors(described.corpus, context, SETTINGS).names == described.table.names


@pytest.mark.parametrize(
    ("short", "groups"),
    [
        ("music_extractor", ("music_extractor",)),
        ("timbre", ("timbre",)),
        (["harmony", "timbre"], ("harmony", "timbre")),
        ({"track_cpu_seconds": 5}, ("timbre", "rhythm", "harmony")),
    ],
)
def test_groups_may_be_said_in_short(short: object, groups: tuple[str, ...]) -> None:
    settings = GBT.model_validate({"descriptors": short}).descriptors
    assert settings.groups == groups
    assert GBT.model_validate({"descriptors": settings.model_dump()}).descriptors == settings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("melody", "Input should be 'timbre', 'rhythm', 'harmony', 'music_extractor' or 'acousticbrainz'"),
        (["timbre", "timbre"], "a group stands in it twice"),
        (["timbre", "music_extractor"], '"music_extractor" is a set of its own; give it alone'),
        (["timbre", "acousticbrainz"], '"acousticbrainz" is a set of its own; give it alone'),
        (["acousticbrainz", "music_extractor"], "is a set of its own; give it alone"),
        ([], "at least 1 item"),
        ({"groups": "timbre"}, "valid tuple"),
        (3, "valid dictionary"),
    ],
)
def test_wrong_groups_are_refused(wrong: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GBT.model_validate({"descriptors": wrong})


def test_tracks_of_other_shards_add_to_what_is_there(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "audio", [1.0] * (TRACKS_PER_SHARD + 2))
    context = context_for(corpus, tmp_path / "cache", workers=2)
    last = corpus.take(shard_numbers(corpus.ids.tolist()) == 1)
    descriptors(last, context, SETTINGS)
    (first,) = (tmp_path / "cache" / "descriptors").glob("*.parquet")
    written = first.stat().st_mtime_ns
    whole = descriptors(corpus, context, SETTINGS)
    assert first.stat().st_mtime_ns == written
    assert len(list(first.parent.glob("*.parquet"))) == 2
    levels = whole.matrix[:, whole.names.index("timbre.rms.mean")]
    assert np.isfinite(levels).all()


def test_a_stopped_extraction_leaves_nothing_that_looks_finished(
    tmp_path: Path, described: Described, capfd: pytest.CaptureFixture[str]
) -> None:
    context = replace(described.context, cache=tmp_path)
    (finished,) = (described.context.cache / "descriptors").glob("*.parquet")
    partial = tmp_path / "descriptors" / f"{finished.name}.1.partial"
    partial.parent.mkdir()
    partial.write_bytes(finished.read_bytes()[:1000])
    again = descriptors(described.corpus, context, SETTINGS)
    np.testing.assert_array_equal(again.matrix, described.table.matrix)
    assert capfd.readouterr() == ("", "")  # and nothing was printed


def cut(content: bytes) -> bytes:
    return content[:-1]


def empty(content: bytes) -> bytes:
    return content[:0]


def garble(content: bytes) -> bytes:
    return content.replace(b"001", b"0?1", 1)


def rename(content: bytes) -> bytes:
    return content.replace(b"timbre.rms", b"timbre.rmt")  # which Parquet does not notice


@pytest.mark.parametrize("harm", [cut, empty, garble, rename])
def test_damaged_descriptors_are_made_again(
    tmp_path: Path, described: Described, harm: Callable[[bytes], bytes]
) -> None:
    context = replace(described.context, cache=tmp_path)
    (whole,) = (described.context.cache / "descriptors").glob("*.parquet")
    damaged = tmp_path / "descriptors" / whole.name
    damaged.parent.mkdir()
    damaged.write_bytes(harm(whole.read_bytes()))
    shutil.copy(whole.with_suffix(".sha256"), damaged.parent)
    np.testing.assert_array_equal(descriptors(described.corpus, context, SETTINGS).matrix, described.table.matrix)
    pd.testing.assert_frame_equal(pd.read_parquet(damaged), pd.read_parquet(whole))


def test_a_track_over_its_time_is_stopped_and_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "audio", [1.0, 240.0, 1.0])
    context = context_for(corpus, tmp_path / "cache")
    settings = DescriptorSettings(track_cpu_seconds=0.25)
    table = descriptors(corpus, context, settings)
    assert table.problems == {"001": "describing it took more than 0.25 s of CPU time"}
    np.testing.assert_array_equal(np.isfinite(table.matrix).any(axis=1), [True, False, True])
    notes = GBT(descriptors=settings).prepare(corpus, context)
    assert notes == {"001": "no descriptors: describing it took more than 0.25 s of CPU time"}
    (file,) = (tmp_path / "cache" / "descriptors").glob("*.parquet")
    assert pd.read_parquet(file)["problem"].tolist() == ["", "describing it took more than 0.25 s of CPU time", ""]
