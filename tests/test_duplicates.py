"""Duplicates are found in real files through the real store, each listed once, and no track is heard twice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.audio import AudioSettings, resample
from bench.corpora.embedded.artists import roster
from bench.corpora.embedded.composition import compose
from bench.corpora.embedded.rendering import render
from bench.corpora.embedded.synthesis import RATE
from bench.corpus import Corpus, Float32Array, Tag
from bench.duplicates import Duplicate, clusters, find_duplicates
from bench.store import Store, prepare_store

SECONDS, SONGS = 12.0, 8
TIME = np.arange(round(SECONDS * RATE)) / RATE


@cache
def composed(track: int) -> Float32Array:
    """Return a song of the embedded corpus, which callers must not write to; neighbours are by one artist."""
    score = compose(0, track, roster(0, SONGS)[track], SECONDS)
    samples = (render(score, 0) / 32768).astype(np.float32)
    samples.flags.writeable = False
    return samples


def write(file: Path, samples: Float32Array, rate: int = RATE, *, compression: float | None = None) -> None:
    """Write a sound file in the format of its suffix, WAV and FLAC in 16 bits."""
    subtype = "PCM_16" if file.suffix in (".wav", ".flac") else None
    soundfile.write(file, samples, rate, subtype=subtype, compression_level=compression)


def corpus_of(root: Path) -> Corpus:
    """Return the corpus of a folder's files; ids are their names."""
    names = np.array(sorted(file.name for file in root.iterdir()))
    return Corpus(
        "songs", "1", root, (Tag("tag", "classification"),), names, names, names, np.zeros((len(names), 1), "f")
    )


@dataclass(frozen=True)
class Heard:
    """A folder's corpus in its store, and the cache that both keep to."""

    corpus: Corpus
    store: Store
    cache: Path

    def duplicates(self, workers: int = 1) -> list[Duplicate]:
        return find_duplicates(self.corpus, self.store, cache=self.cache, workers=workers)

    def without_audio(self) -> "Heard":
        """Return the same with every sample gone, and the store's tracks in another order."""
        tracks = reversed(self.store.tracks.items())
        gone = {track_id: replace(track, shard=Path("/nowhere") / track.shard.name) for track_id, track in tracks}
        return replace(self, store=replace(self.store, tracks=gone))


def heard(root: Path, cache: Path, settings: AudioSettings | None = None) -> Heard:
    corpus = corpus_of(root)
    return Heard(corpus, prepare_store(corpus, settings or AudioSettings(), cache=cache, workers=2), cache)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """Return eight songs, and in many guises a copy of each of the first two."""
    root = tmp_path_factory.mktemp("songs")
    for track in range(SONGS):
        write(root / f"song{track}.flac", composed(track))
    first, second = composed(0), composed(1)
    write(root / "song0-tagged.wav", first)
    write(root / "song0-twice.flac", np.stack([first, first], axis=1))
    write(root / "song0-lean.mp3", resample(first, RATE, 44100), 44100, compression=0.95)
    write(root / "song0-rich.mp3", first, compression=0.2)
    write(root / "song0-vorbis.ogg", first, compression=0.9)
    write(root / "song1-a-telephone.wav", resample(second, RATE, 8000), 8000)
    write(root / "song1-faint.wav", second * np.float32(0.05))
    write(root / "song1-late.flac", np.concatenate([np.zeros(int(0.037 * RATE), "f"), second]))
    write(root / "song1-trimmed.flac", second[int(1.3 * RATE) :])
    return heard(root, tmp_path_factory.mktemp("cache"))


def test_the_same_samples_under_other_names_are_exact_copies(songs: Heard) -> None:
    exact = [(copy.track, copy.copy_of, copy.similarity) for copy in songs.duplicates() if copy.kind == "exact"]
    assert exact == [("song0-twice.flac", "song0-tagged.wav", 1.0), ("song0.flac", "song0-tagged.wav", 1.0)]


def test_other_encodings_gains_rates_and_beginnings_are_near_copies_and_other_songs_are_not(songs: Heard) -> None:
    near = {copy.track: copy for copy in songs.duplicates() if copy.kind == "near"}
    assert {track: copy.copy_of for track, copy in near.items()} == {
        "song0-rich.mp3": "song0-lean.mp3",
        "song0-tagged.wav": "song0-lean.mp3",
        "song0-vorbis.ogg": "song0-lean.mp3",
        "song1-faint.wav": "song1-a-telephone.wav",
        "song1-late.flac": "song1-a-telephone.wav",
        "song1-trimmed.flac": "song1-a-telephone.wav",
        "song1.flac": "song1-a-telephone.wav",
    }
    assert all(0.8 < copy.similarity <= 1 for copy in near.values())
    assert near["song1-faint.wav"].similarity > near["song1-late.flac"].similarity


def test_a_near_copy_is_as_similar_to_the_first_as_if_there_were_no_others(songs: Heard) -> None:
    for copy in songs.duplicates():
        if copy.kind == "near":
            pair = np.isin(songs.corpus.ids, [copy.track, copy.copy_of])
            assert replace(songs, corpus=songs.corpus.take(pair)).duplicates() == [copy]


def test_clusters_are_the_copies_of_each_recording(songs: Heard) -> None:
    names = songs.corpus.ids.tolist()
    found = clusters(songs.duplicates())
    assert found == [tuple(name for name in names if name.startswith(song)) for song in ("song0", "song1")]


def test_the_order_of_the_tracks_does_not_matter(songs: Heard) -> None:
    turned = replace(songs, corpus=songs.corpus.take(np.arange(len(songs.corpus))[::-1]))
    assert turned.duplicates(workers=2) == songs.duplicates()


def test_only_tracks_of_the_corpus_that_the_store_holds_are_compared(songs: Heard) -> None:
    part = songs.corpus.take(~np.isin(songs.corpus.ids, ["song0-lean.mp3", "song0-tagged.wav", "song0-vorbis.ogg"]))
    kept = {track_id: track for track_id, track in songs.store.tracks.items() if not track_id.startswith("song1-")}
    found = replace(songs, corpus=part, store=replace(songs.store, tracks=kept)).duplicates()
    assert [(copy.track, copy.copy_of, copy.kind) for copy in found] == [
        ("song0-twice.flac", "song0-rich.mp3", "near"),
        ("song0.flac", "song0-twice.flac", "exact"),
    ]


def test_a_second_run_hears_nothing_again_nor_does_a_part_of_the_corpus(songs: Heard, tmp_path: Path) -> None:
    found = songs.duplicates()
    files = list((songs.cache / "fingerprints").iterdir())
    assert songs.without_audio().duplicates() == found
    part = replace(songs.without_audio(), corpus=songs.corpus.take(np.arange(3)))
    assert [copy.track for copy in part.duplicates()] == ["song0-rich.mp3", "song0-tagged.wav"]
    assert list((songs.cache / "fingerprints").iterdir()) == files
    with pytest.raises(FileNotFoundError, match="/nowhere/"):
        replace(songs.without_audio(), cache=tmp_path).duplicates()


def test_another_version_of_the_fingerprint_is_made_anew(songs: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    songs.duplicates()
    monkeypatch.setattr("bench.duplicates.FINGERPRINT_VERSION", 10**6)
    with pytest.raises(FileNotFoundError, match="/nowhere/"):
        songs.without_audio().duplicates()


def test_a_file_that_changed_is_heard_again(tmp_path: Path) -> None:
    root = tmp_path / "audio"
    root.mkdir()
    write(root / "a.wav", composed(0))
    write(root / "b.wav", composed(0))
    assert [copy.kind for copy in heard(root, tmp_path / "cache").duplicates()] == ["exact"]
    write(root / "b.wav", composed(4))
    assert heard(root, tmp_path / "cache").duplicates() == []


def cut(content: bytes) -> bytes:
    return content[:-1]


def empty(content: bytes) -> bytes:
    return content[:0]


def flip_a_bit(content: bytes) -> bytes:
    return content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


@pytest.mark.parametrize("harm", [cut, empty, flip_a_bit])
def test_a_damaged_file_of_fingerprints_is_made_again(
    songs: Heard, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    there = replace(songs, cache=tmp_path)
    found = there.duplicates()
    (file,) = (tmp_path / "fingerprints").iterdir()
    whole = file.read_bytes()
    file.write_bytes(harm(whole))
    assert there.duplicates() == found
    assert file.read_bytes() == whole


def test_tones_noise_and_very_short_tracks_are_copies_of_nothing(tmp_path: Path) -> None:
    root = tmp_path / "audio"
    root.mkdir()
    draw = np.random.default_rng(0)
    for number, hertz in enumerate((220.0, 220.1, 440.0, 441.0)):
        write(root / f"tone{number}.wav", (0.3 * np.sin(2 * np.pi * hertz * TIME)).astype("f"))
        write(root / f"faint{number}.wav", (0.001 * np.sin(2 * np.pi * hertz * TIME)).astype("f"))
        write(root / f"noise{number}.wav", (0.1 * draw.standard_normal(len(TIME))).astype("f"))
        strokes = draw.standard_normal(len(TIME)) * np.exp(-(TIME * 2 % 1) * 10)
        write(root / f"strokes{number}.wav", (0.1 * strokes).astype("f"))
        write(root / f"short{number}.wav", composed(0)[number * 1000 :][: 4 * RATE])
    assert heard(root, tmp_path / "cache").duplicates() == []


def test_many_copies_are_listed_once_each(tmp_path: Path) -> None:
    root = tmp_path / "audio"
    root.mkdir()
    for number in range(20):
        write(root / f"{number:02}.wav", composed(0) * np.float32(1 - number / 40))
    found = heard(root, tmp_path / "cache").duplicates()
    assert [copy.track for copy in found] == [f"{number:02}.wav" for number in range(1, 20)]
    assert {copy.copy_of for copy in found} == {"00.wav"}


def test_an_excerpt_ties_what_it_overlaps(tmp_path: Path) -> None:
    root = tmp_path / "audio"
    root.mkdir()
    song = np.concatenate([composed(0), composed(4)])
    for name, begin in (("a", 0), ("b", 5), ("c", 10)):
        write(root / f"{name}.wav", song[begin * RATE :][: 12 * RATE])
    found = heard(root, tmp_path / "cache").duplicates()
    assert [(copy.track, copy.copy_of, copy.kind) for copy in found] == [
        ("b.wav", "a.wav", "near"),
        ("c.wav", "a.wav", "near"),
    ]
    assert clusters(found) == [("a.wav", "b.wav", "c.wav")]


def test_at_their_own_rates_the_same_samples_are_no_copies(tmp_path: Path) -> None:
    root = tmp_path / "audio"
    root.mkdir()
    for rate in (16000, 22050):
        write(root / f"{rate}.wav", composed(0), rate)
    assert heard(root, tmp_path / "cache", AudioSettings(sample_rate="own")).duplicates() == []


def test_no_track_has_no_copies(songs: Heard) -> None:
    assert replace(songs, corpus=songs.corpus.take(np.array([], np.intp))).duplicates() == []
