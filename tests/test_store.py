"""The store decodes each track once, keeps shards whole or absent, and names what it refused."""

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib.externals.loky import get_reusable_executor

from bench.audio import DECODER_VERSION, AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus
from bench.prepare import prepare
from bench.store import MANIFEST_VERSION, Store, StoredTrack, prepare_store, shard_numbers
from tests.audio_zoo import ZOO
from tests.small_corpus import write_small_corpus


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return manifest.load(write_small_corpus(tmp_path / "data", tracks=150, seconds=1.2))


def stored(corpus: Corpus, cache: Path, settings: AudioSettings | None = None) -> Store:
    return prepare_store(corpus, settings or AudioSettings(), cache=cache, workers=2)


def test_a_stored_track_is_its_file_to_half_a_step(corpus: Corpus, tmp_path: Path) -> None:
    store = stored(corpus, tmp_path / "cache")
    for row in (0, 63, 64, 149):
        samples, _ = soundfile.read(corpus.root / corpus.files[row], dtype="int16")
        np.testing.assert_array_equal(store.samples(corpus.ids[row]), samples)
        np.testing.assert_allclose(store.audio(corpus.ids[row]), samples / 32768, atol=1e-7)


def test_part_of_a_track_is_read_alone(corpus: Corpus, tmp_path: Path) -> None:
    store = stored(corpus, tmp_path / "cache")
    whole = store.samples("t070")
    np.testing.assert_array_equal(store.samples("t070", 100, 300), whole[100:300])
    assert len(store.samples("t070", 100, 10**9)) == store.length("t070") - 100


def test_a_second_preparation_decodes_nothing(corpus: Corpus, tmp_path: Path) -> None:
    stored(corpus, tmp_path / "cache")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "stores").iterdir()}
    stored(corpus, tmp_path / "cache")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "stores").iterdir()} == before


def test_a_shard_without_its_manifest_is_made_again_and_the_others_are_not(corpus: Corpus, tmp_path: Path) -> None:
    store = stored(corpus, tmp_path / "cache")
    lost = store.tracks["t000"].shard
    kept = next(track.shard for track in store.tracks.values() if track.shard != lost)
    lost.with_suffix(".json").unlink()
    lost.write_bytes(b"half a shard")
    kept_time = kept.stat().st_mtime_ns
    again = stored(corpus, tmp_path / "cache2" / ".." / "cache")
    assert again.length("t000") == 19200
    assert lost.stat().st_size > 19200
    assert kept.stat().st_mtime_ns == kept_time


def test_another_decoder_has_shards_of_its_own(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = stored(corpus, tmp_path / "cache").tracks["t000"].shard
    monkeypatch.setattr("bench.store.DECODER_VERSION", DECODER_VERSION + 1)
    assert stored(corpus, tmp_path / "cache").tracks["t000"].shard != old


def test_another_form_of_manifest_has_shards_of_its_own(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = stored(corpus, tmp_path / "cache").tracks["t000"].shard
    monkeypatch.setattr("bench.store.MANIFEST_VERSION", MANIFEST_VERSION + 1)
    assert stored(corpus, tmp_path / "cache").tracks["t000"].shard != old


def cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-2])


def flip_a_bit(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[1001] ^= 1
    shard.write_bytes(content)


def empty_the_manifest(shard: Path) -> None:
    shard.with_suffix(".json").write_bytes(b"")


def empty_list(shard: Path) -> None:
    shard.with_suffix(".json").write_bytes(b"[]")


def lose_a_key(shard: Path) -> None:
    manifest = shard.with_suffix(".json")
    content = json.loads(manifest.read_bytes())
    del content["tracks"]["t000"]["sha256"]
    manifest.write_text(json.dumps(content))


def forget_the_facts(shard: Path) -> None:
    manifest = shard.with_suffix(".json")
    content = json.loads(manifest.read_bytes())
    del content["tracks"]["t000"]["facts"]
    manifest.write_text(json.dumps(content))


def forget_the_rates(shard: Path) -> None:
    manifest = shard.with_suffix(".json")
    content = json.loads(manifest.read_bytes())
    content["tracks"] = {track_id: track["length"] for track_id, track in content["tracks"].items()}
    manifest.write_text(json.dumps(content))


def flip_a_bit_of_the_facts(shard: Path) -> None:
    manifest = shard.with_suffix(".json")
    content = manifest.read_bytes()
    assert b'"seconds":1.2' in content
    manifest.write_bytes(content.replace(b'"seconds":1.2', b'"seconds":1.3', 1))


HARMS = [
    Path.unlink,
    cut,
    flip_a_bit,
    flip_a_bit_of_the_facts,
    empty_the_manifest,
    empty_list,
    lose_a_key,
    forget_the_rates,
    forget_the_facts,
]


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_shard_is_made_again(corpus: Corpus, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    store = stored(corpus, tmp_path / "cache")
    shard = store.tracks["t000"].shard
    whole, first = shard.read_bytes(), store.samples("t000").copy()
    harm(shard)
    again = stored(corpus, tmp_path / "cache")
    assert (again.tracks, again.facts) == (store.tracks, store.facts)
    assert shard.read_bytes() == whole
    np.testing.assert_array_equal(again.samples("t000"), first)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_cannot_be_written_leaves_nothing_behind(corpus: Corpus, tmp_path: Path, workers: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    get_reusable_executor().shutdown()  # its workers have the limit of when they were started
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            prepare_store(corpus, AudioSettings(), cache=tmp_path / "cache", workers=workers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        get_reusable_executor().shutdown()
    assert list((tmp_path / "cache" / "stores").iterdir()) == []


def test_more_shards_are_read_than_files_may_be_open(tmp_path: Path) -> None:
    tracks = {f"t{number}": StoredTrack(tmp_path / f"{number}.i16", 0, 1, 16000) for number in range(600)}
    for number, track in enumerate(tracks.values()):
        track.shard.write_bytes(number.to_bytes(2, "little"))
    store = Store(AudioSettings(), tracks, {})
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        assert [store.samples(track_id).item() for track_id in tracks] == list(range(600))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_samples_beyond_full_scale_are_clipped(corpus: Corpus, tmp_path: Path) -> None:
    soundfile.write(corpus.root / corpus.files[0], np.tile([2.0, -2.0], 16000), 16000, subtype="FLOAT")
    assert stored(corpus, tmp_path / "cache").samples(corpus.ids[0])[:2].tolist() == [32767, -32768]


def test_a_changed_file_is_decoded_again(corpus: Corpus, tmp_path: Path) -> None:
    stored(corpus, tmp_path / "cache")
    soundfile.write(corpus.root / corpus.files[3], np.tile([0.5, -0.5], 16000), 16000)
    assert stored(corpus, tmp_path / "cache").length(corpus.ids[3]) == 32000


def test_a_file_that_has_become_readable_is_decoded(corpus: Corpus, tmp_path: Path) -> None:
    file = corpus.root / corpus.files[0]
    away = file.rename(tmp_path / "away.wav")
    file.mkdir()
    assert stored(corpus, tmp_path / "cache").rejected == {"t000": "is not a file that can be read"}
    file.rmdir()
    away.rename(file)
    assert stored(corpus, tmp_path / "cache").rejected == {}


def test_what_a_decoder_says_of_a_damaged_file_stays_off_the_terminal(
    corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ZOO["very rotten mp3"].write(corpus.root / corpus.files[0])
    prepare_store(corpus, AudioSettings(), cache=tmp_path / "cache", workers=1)
    assert capfd.readouterr() == ("", "")


def test_other_audio_settings_have_shards_of_their_own(corpus: Corpus, tmp_path: Path) -> None:
    low = stored(corpus, tmp_path / "cache", AudioSettings(sample_rate=8000))
    high = stored(corpus, tmp_path / "cache")
    assert low.length("t001") == high.length("t001") // 2


@pytest.mark.parametrize(("sample_rate", "rates"), [("own", [44100, 22050, 16000]), (8000, [8000] * 3)])
def test_each_track_has_its_rate(
    corpus: Corpus, tmp_path: Path, sample_rate: int | Literal["own"], rates: list[int]
) -> None:
    for row, rate in ((0, 44100), (1, 22050)):
        soundfile.write(corpus.root / corpus.files[row], np.tile([0.5, -0.5], rate), rate)
    store = stored(corpus, tmp_path / "cache", AudioSettings(sample_rate=sample_rate))
    assert [store.tracks[track_id].rate for track_id in ("t000", "t001", "t002")] == rates
    assert [store.length(track_id) / rate for track_id, rate in zip(corpus.ids, rates, strict=False)] == [2, 2, 1.2]


def test_the_store_tells_of_each_file_that_it_took(corpus: Corpus, tmp_path: Path) -> None:
    soundfile.write(corpus.root / corpus.files[0], np.tile([[1.0, 0.25], [-0.5, 0.25]], (22050, 1)), 22050)
    (corpus.root / corpus.files[1]).unlink()
    for _ in range(2):  # decoded, and read again
        store = stored(corpus, tmp_path / "cache", AudioSettings(max_seconds=1))
        assert store.facts.keys() == store.tracks.keys() == set(corpus.ids) - {"t001"}
        facts = store.facts["t000"]
        assert (facts.rate, facts.channels, facts.seconds, facts.clipped) == (22050, 2, 2.0, 0.25)
        assert (store.facts["t002"].rate, store.facts["t002"].seconds) == (16000, 1.2)


def test_unusable_tracks_are_named_and_the_rest_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    (corpus.root / corpus.files[0]).write_bytes(b"")
    (corpus.root / corpus.files[70]).unlink()
    soundfile.write(corpus.root / corpus.files[71], np.zeros(32000), 16000)
    prepared = prepare(corpus, [AudioSettings()], cache=tmp_path / "cache", workers=2)
    assert set(prepared.rejected) == {"t000", "t070", "t071"}
    assert prepared.rejected["t070"] == "file is missing"
    assert len(prepared.corpus) == 147


def test_a_track_refused_in_one_way_of_hearing_is_out_of_all(corpus: Corpus, tmp_path: Path) -> None:
    strict = AudioSettings(min_seconds=1.21)
    soundfile.write(corpus.root / corpus.files[5], np.tile([0.5, -0.5], 16000), 16000)
    prepared = prepare(corpus, [AudioSettings(), strict], cache=tmp_path / "cache", workers=2)
    assert prepared.corpus.ids.tolist() == ["t005"]


def test_adding_one_track_makes_one_shard_again_wherever_its_id_sorts(tmp_path: Path) -> None:
    corpus = manifest.load(write_small_corpus(tmp_path / "data", tracks=150, seconds=1.2))
    before = stored(corpus.take(corpus.ids != "t000"), tmp_path / "cache")
    after = stored(corpus, tmp_path / "cache")
    shards = {track.shard for track in after.tracks.values()}
    assert len(shards) == 4
    assert shards - {track.shard for track in before.tracks.values()} == {after.tracks["t000"].shard}


def test_the_order_of_a_corpus_moves_no_track(corpus: Corpus, tmp_path: Path) -> None:
    backwards = corpus.take(np.arange(len(corpus))[::-1])
    assert stored(backwards, tmp_path / "cache").tracks == stored(corpus, tmp_path / "cache").tracks


@settings(max_examples=30)
@given(st.integers(65, 20000))
def test_shards_are_of_an_even_size(tracks: int) -> None:
    sizes = np.bincount(shard_numbers([f"t{number}" for number in range(tracks)]))
    assert 32 <= sizes.mean() <= 64
    assert sizes.max() < 128
