"""Where a corpus grows, shrinks or changes, the store decodes what is new and takes over the rest, byte for byte."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.audio import DECODER_VERSION, AudioSettings
from bench.corpora import manifest
from bench.corpus import Corpus
from bench.m4a import NEEDS_ESSENTIA
from bench.shards import Manifest, Place, Rejection, Samples, find_done, is_whole
from bench.store import Store, prepare_store
from tests.audio_zoo import M4A
from tests.small_corpus import write_small_corpus

LISTENING_CHILD = """
import os, signal, sys
import bench.audio

decoder = bench.audio.open_sound

def open_sound(path, max_seconds):
    with open({log!r}, "a") as log:
        print(path.stem, file=log)
    {fault}
    return decoder(path, max_seconds)

bench.audio.open_sound = open_sound
"""

CRASH_AT_003 = "path.stem == '003' and os.kill(os.getpid(), signal.SIGSEGV)"
WITHOUT_ESSENTIA = "sys.modules['essentia'] = None"


class Decodings:
    """Tells which files the child processes have opened to decode since it was asked last."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "decoded.txt"
        self.site = folder / "site" / "sitecustomize.py"
        self.site.parent.mkdir()
        self.come_to("pass")

    def come_to(self, fault: str) -> None:
        """Let every decoding from now on come to a fault, a line of Python."""
        self.site.write_text(LISTENING_CHILD.format(log=str(self.log), fault=fault))

    def since(self) -> list[str]:
        found = sorted(self.log.read_text().split()) if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return found


@pytest.fixture
def decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Decodings:
    decodings = Decodings(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(decodings.site.parent), prepend=os.pathsep)
    return decodings


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return manifest.load(write_small_corpus(tmp_path / "data", tracks=65, seconds=1.1))


def stored(corpus: Corpus, cache: Path, settings: AudioSettings | None = None) -> Store:
    return prepare_store(corpus, settings or AudioSettings(), cache=cache, workers=1)


def without(corpus: Corpus, *ids: str) -> Corpus:
    return corpus.take(~np.isin(corpus.ids, ids))


def content(store: Store) -> dict[str, tuple[bytes, bytes]]:
    """Return the two files of each shard, by its name."""
    shards = {track.shard for track in store.tracks.values()}
    return {shard.stem: (shard.read_bytes(), shard.with_suffix(".json").read_bytes()) for shard in shards}


def check_as_if_fresh(store: Store, corpus: Corpus, folder: Path, settings: AudioSettings | None = None) -> None:
    fresh = stored(corpus, folder / "fresh", settings)
    assert content(store) == content(fresh)
    assert (store.rejected, store.facts) == (fresh.rejected, fresh.facts)


def sound(file: Path, rate: int = 16000) -> None:
    soundfile.write(file, np.tile([0.5, -0.25], rate), rate)


def test_a_track_that_is_new_is_decoded_alone(corpus: Corpus, tmp_path: Path, decoded: Decodings) -> None:
    stored(corpus.take(np.arange(62)), tmp_path / "cache")
    assert len(decoded.since()) == 62
    for count in (63, 64):
        grown = corpus.take(np.arange(count))
        store = stored(grown, tmp_path / "cache")
        assert decoded.since() == [f"{count - 1:03}"]
    check_as_if_fresh(store, grown, tmp_path)


def test_where_the_number_of_shards_doubles_only_what_is_new_is_decoded(
    corpus: Corpus, tmp_path: Path, decoded: Decodings
) -> None:
    assert len(content(stored(without(corpus, "t010"), tmp_path / "cache"))) == 1
    decoded.since()
    grown = stored(corpus, tmp_path / "cache")
    assert len(content(grown)) == 2
    assert decoded.since() == ["010"]
    check_as_if_fresh(grown, corpus, tmp_path)


@pytest.mark.parametrize("sample_rate", [16000, "own"])
def test_a_changed_file_is_decoded_alone(
    corpus: Corpus, tmp_path: Path, decoded: Decodings, sample_rate: int | str
) -> None:
    settings = AudioSettings.model_validate({"sample_rate": sample_rate})
    sound(corpus.root / corpus.files[5], 22050)
    stored(corpus, tmp_path / "cache", settings)
    sound(corpus.root / corpus.files[3], 44100)
    decoded.since()
    store = stored(corpus, tmp_path / "cache", settings)
    assert decoded.since() == ["003"]
    check_as_if_fresh(store, corpus, tmp_path, settings)


def test_a_part_of_what_was_prepared_and_the_whole_of_it_are_not_decoded_again(
    corpus: Corpus, tmp_path: Path, decoded: Decodings
) -> None:
    stored(corpus, tmp_path / "cache")
    decoded.since()
    part = without(corpus, *corpus.ids[::3].tolist())
    check = stored(part, tmp_path / "cache")
    assert stored(corpus, tmp_path / "cache").rejected == {}
    assert decoded.since() == []
    check_as_if_fresh(check, part, tmp_path)


def test_another_corpus_of_the_same_files_is_not_decoded_again(
    corpus: Corpus, tmp_path: Path, decoded: Decodings
) -> None:
    stored(corpus, tmp_path / "cache")
    decoded.since()
    other = replace(corpus, name="other", ids=np.array([f"song {number}" for number in range(len(corpus))]))
    store = stored(other, tmp_path / "cache")
    assert decoded.since() == []
    check_as_if_fresh(store, other, tmp_path)


def test_a_refusal_that_is_the_files_own_is_taken_over(corpus: Corpus, tmp_path: Path, decoded: Decodings) -> None:
    (corpus.root / corpus.files[1]).write_bytes(b"no audio")
    (corpus.root / corpus.files[2]).unlink()
    refused = stored(without(corpus, "t010"), tmp_path / "cache").rejected
    assert refused.keys() == {"t001", "t002"}
    decoded.since()
    store = stored(corpus, tmp_path / "cache")
    assert decoded.since() == ["010"]
    check_as_if_fresh(store, corpus, tmp_path)


def test_a_file_that_goes_while_others_are_decoded_stops_it_and_once_it_is_back_is_decoded(
    corpus: Corpus, tmp_path: Path, decoded: Decodings
) -> None:
    file, away = corpus.root / corpus.files[3], tmp_path / "away"
    decoded.come_to(f"path.stem == '003' and path.rename({str(away)!r})")
    with pytest.raises(FileNotFoundError) as gone:
        stored(corpus, tmp_path / "cache")
    assert gone.value.filename == str(file)
    decoded.come_to("pass")
    assert stored(corpus, tmp_path / "cache").rejected == {"t003": "file is missing"}
    away.rename(file)
    assert stored(corpus, tmp_path / "cache").rejected == {}


def test_what_its_decoder_did_not_survive_is_decoded_again_with_what_is_new_and_not_before(
    corpus: Corpus, tmp_path: Path, decoded: Decodings
) -> None:
    decoded.come_to(CRASH_AT_003)
    small = without(corpus, "t010")
    reason = "the process decoding it crashed (signal 11)"
    assert stored(small, tmp_path / "cache").rejected == {"t003": reason}
    decoded.come_to("pass")
    decoded.since()
    assert stored(small, tmp_path / "cache").rejected == {"t003": reason}
    assert decoded.since() == []
    assert stored(corpus, tmp_path / "cache").rejected == {}
    assert decoded.since() == ["003", "010"]


def test_what_was_refused_for_want_of_essentia_is_decoded_alone_once_it_is_there(
    corpus: Corpus, tmp_path: Path, decoded: Decodings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus.root / corpus.files[3]).write_bytes(M4A)
    with monkeypatch.context() as bare:
        bare.setattr("bench.shards.has_essentia", lambda: False)
        decoded.come_to(WITHOUT_ESSENTIA)
        stored(without(corpus, "t010"), tmp_path / "cache")
        decoded.since()
        refused = stored(corpus, tmp_path / "cache")
        assert refused.rejected == {"t003": NEEDS_ESSENTIA}
        assert decoded.since() == ["010"]
    heard = {track_id: track.read().tobytes() for track_id, track in refused.tracks.items()}
    decoded.come_to("pass")
    store = stored(corpus, tmp_path / "cache")
    assert decoded.since() == ["003"]
    check_as_if_fresh(store, corpus, tmp_path)
    assert {track_id: track.read().tobytes() for track_id, track in refused.tracks.items()} == heard


def flip_a_bit(shard: Path) -> None:
    damaged = bytearray(shard.read_bytes())
    damaged[2 * 17600 * 3 + 1001] ^= 1  # in the fourth track, t003
    shard.write_bytes(damaged)


def cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-2])


def lose_the_samples(shard: Path) -> None:
    shard.unlink()


def lose_the_manifest(shard: Path) -> None:
    shard.with_suffix(".json").unlink()


def cut_the_manifest(shard: Path) -> None:
    file = shard.with_suffix(".json")
    file.write_bytes(file.read_bytes()[:-2])


def forget_the_keys(shard: Path) -> None:
    file = shard.with_suffix(".json")
    known = json.loads(file.read_bytes())
    for track in known["tracks"].values():
        del track["key"]
    file.write_text(json.dumps(known))


HARMS = [cut, lose_the_samples, lose_the_manifest, cut_the_manifest, forget_the_keys]


@pytest.mark.parametrize("harm", HARMS)
def test_nothing_is_taken_over_from_a_shard_that_is_not_whole(
    corpus: Corpus, tmp_path: Path, decoded: Decodings, harm: Callable[[Path], None]
) -> None:
    before = stored(without(corpus, "t010"), tmp_path / "cache")
    harm(before.tracks["t000"].shard)
    decoded.since()
    store = stored(corpus, tmp_path / "cache")
    assert len(decoded.since()) == 65
    check_as_if_fresh(store, corpus, tmp_path)


@pytest.mark.parametrize("grows", [False, True])
def test_damaged_samples_are_decoded_again_and_their_neighbours_are_not(
    corpus: Corpus, tmp_path: Path, decoded: Decodings, *, grows: bool
) -> None:
    small = without(corpus, "t010")
    flip_a_bit(stored(small, tmp_path / "cache").tracks["t000"].shard)
    decoded.since()
    wanted = corpus if grows else small
    store = stored(wanted, tmp_path / "cache")
    assert decoded.since() == (["003", "010"] if grows else ["003"])
    check_as_if_fresh(store, wanted, tmp_path)


def test_what_is_heard_otherwise_is_decoded(corpus: Corpus, tmp_path: Path, decoded: Decodings) -> None:
    stored(corpus, tmp_path / "cache")
    decoded.since()
    for settings in (AudioSettings(sample_rate=8000), AudioSettings(max_seconds=1), AudioSettings(min_seconds=0.5)):
        store = stored(corpus, tmp_path / "cache", settings)
        assert len(decoded.since()) == 65
    check_as_if_fresh(store, corpus, tmp_path, settings)


@pytest.mark.parametrize("version", ["DECODER_VERSION", "MANIFEST_VERSION"])
def test_nothing_is_taken_over_from_another_version(
    corpus: Corpus, tmp_path: Path, decoded: Decodings, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    stored(corpus, tmp_path / "cache")
    decoded.since()
    monkeypatch.setattr(f"bench.store.{version}", DECODER_VERSION + 10)
    stored(corpus, tmp_path / "cache")
    assert len(decoded.since()) == 65


def test_a_copy_of_the_data_set_is_decoded_for_itself(corpus: Corpus, tmp_path: Path, decoded: Decodings) -> None:
    stored(corpus, tmp_path / "cache")
    decoded.since()
    shutil.copytree(corpus.root, tmp_path / "copy")  # which keeps sizes and times
    stored(replace(corpus, root=tmp_path / "copy"), tmp_path / "cache")
    assert len(decoded.since()) == 65


def test_a_checksum_that_becomes_known_is_checked_against_the_one_file(
    corpus: Corpus, tmp_path: Path, decoded: Decodings
) -> None:
    stored(corpus, tmp_path / "cache")
    decoded.since()
    right = hashlib.sha256((corpus.root / corpus.files[0]).read_bytes()).hexdigest()
    known = replace(corpus, checksums=np.array([right, *[""] * 63, "0" * 64]))
    assert stored(known, tmp_path / "cache").rejected.keys() == {"t064"}
    assert decoded.since() == ["000"]  # the other was refused before anything was decoded


def one_shard(folder: Path, name: str, key: str, samples: bytes | None) -> Path:
    """Write a shard of one track, refused for want of essentia where it has no samples; return the samples' file."""
    facts = {"rate": 16000, "channels": 1, "seconds": None, "peak": 1, "clipped": 0}
    known = Manifest(tracks={}, rejected={})
    if samples is None:
        known.rejected["a"] = Rejection(reason=NEEDS_ESSENTIA, key=key)
    else:
        sha256 = hashlib.sha256(samples).hexdigest()
        track = {"length": len(samples) // 2, "rate": 16000, "facts": facts, "sha256": sha256, "key": key}
        known.tracks["a"] = Samples.model_validate(track)
    (folder / f"{name}.json").write_text(known.model_dump_json())
    file = folder / f"{name}.i16"
    file.write_bytes(samples or b"")
    return file


def test_a_shard_that_is_made_again_meanwhile_is_not_copied_from(tmp_path: Path) -> None:
    file = one_shard(tmp_path, "shard", "key", b"once")
    place = find_done(tmp_path, {"key", "other"})["key"]
    assert isinstance(place, Place)
    assert place.read() == b"once"
    file.write_bytes(b"more than once")
    assert place.read() is None
    file.unlink()
    assert place.read() is None


def test_a_refusal_for_want_of_essentia_does_not_stay_where_it_was_there_but_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = one_shard(tmp_path, "shard", "key", None).with_suffix(".json")
    assert not is_whole(manifest)
    monkeypatch.setattr("bench.shards.has_essentia", lambda: False)
    assert is_whole(manifest)


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_samples_count_more_than_a_refusal_by_a_machine_without_essentia(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    monkeypatch.setattr("bench.shards.has_essentia", lambda: False)
    one_shard(tmp_path, names[0], "key", None)
    assert isinstance(find_done(tmp_path, {"key"})["key"], Rejection)
    one_shard(tmp_path, names[1], "key", b"samples!")
    assert isinstance(find_done(tmp_path, {"key"})["key"], Place)
