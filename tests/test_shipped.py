"""The table of shipped descriptors: under the model's names, read once, and a bad file costs its own track alone."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.acousticbrainz import read_descriptors
from baselines.extraction import DescriptorSettings, DescriptorTable, describe_tracks, descriptors
from baselines.gbt import GBT
from baselines.linear import Linear
from baselines.tagger import DescriptorTagger, TrainedOnDescriptors
from bench.corpus import Corpus, Tag
from bench.errors import InputError
from bench.metrics import roc_auc
from bench.run import SILENCE
from bench.tagger import Context
from tests.small_descriptors import document, write_document

SHIPPED = DescriptorSettings(groups=("acousticbrainz",))
SMALL: list[dict[str, Any]] = [
    {"lowlevel": {"b": 1, "a": 2}},
    {"lowlevel": {"b": 3}, "rhythm": {"bpm": 90}},
    {"lowlevel": {"a": 4, "c": "no number"}, "tonal": {"d": [5, 6]}},
]
LEARNERS: list[DescriptorTagger] = [Linear(descriptors=SHIPPED), GBT(descriptors=SHIPPED, max_rounds=60)]
FAMILIES = pytest.mark.parametrize("tagger", LEARNERS, ids=["linear", "gbt"])


def write_corpus(root: Path, documents: list[object], targets: list[float] | None = None) -> Corpus:
    """Write a document for each track; there is no audio."""
    ids = np.array([f"t{number:03}" for number in range(len(documents))])
    files = np.array([f"acousticbrainz/{track}.json" for track in ids.tolist()])
    for file, content in zip(files.tolist(), documents, strict=True):
        write_document(root / file, content)
    labels = np.array(targets or [0.0] * len(ids), np.float32)[:, None]
    tags = (Tag("tone", "classification"),)
    audio = np.array([f"{track}.mp3" for track in ids.tolist()])
    return Corpus("tiny", "1", root, tags, ids, ids, audio, labels, descriptor_files=files)


def context_in(cache: Path, workers: int = 1) -> Context:
    return Context(SILENCE, seed=0, device="cpu", workers=workers, cache=cache)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return context_in(tmp_path / "cache")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return write_corpus(tmp_path / "data", [*SMALL])


def file_of(corpus: Corpus, row: int) -> Path:
    assert corpus.descriptor_files is not None
    return corpus.root / str(corpus.descriptor_files[row])


def told(table: DescriptorTable) -> list[dict[str, float]]:
    """Return each track's descriptors by name, without the missing."""
    return [
        {name: value for name, value in zip(table.names, row, strict=True) if not np.isnan(value)}
        for row in table.matrix.tolist()
    ]


def spoil_unseen(file: Path, length: int | None = None) -> None:
    """Make a file useless without its size and time of change telling so: who reads it again finds nothing."""
    state = file.stat()
    file.write_bytes(b" " * (state.st_size if length is None else length))
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_a_table_has_what_any_of_its_tracks_has_sorted_by_name(corpus: Corpus, context: Context) -> None:
    table = descriptors(corpus, context, SHIPPED)
    assert table.names == ("lowlevel.a", "lowlevel.b", "rhythm.bpm", "tonal.d.00", "tonal.d.01")
    assert told(table) == [
        {"lowlevel.a": 2, "lowlevel.b": 1},
        {"lowlevel.b": 3, "rhythm.bpm": 90},
        {"lowlevel.a": 4, "tonal.d.00": 5, "tonal.d.01": 6},
    ]
    assert table.problems == {}
    assert isinstance(table.matrix, np.memmap)


def test_what_only_another_part_has_is_no_name_of_this_one(corpus: Corpus, context: Context) -> None:
    descriptors(corpus, context, SHIPPED)
    part = descriptors(corpus.take(np.array([1, 0])), context, SHIPPED)
    assert part.names == ("lowlevel.a", "lowlevel.b", "rhythm.bpm")
    assert told(part) == [{"lowlevel.b": 3, "rhythm.bpm": 90}, {"lowlevel.a": 2, "lowlevel.b": 1}]


def test_tracks_that_are_kept_together_have_names_of_their_own(tmp_path: Path, context: Context) -> None:
    documents: list[object] = [{"lowlevel": {f"n{number:03}": number}} for number in range(200)]
    corpus = write_corpus(tmp_path / "data", documents)
    describe_tracks(corpus, context, SHIPPED)
    assert len(list((context.cache / "shipped").iterdir())) < 150  # so that many lie beside another
    part = descriptors(corpus.take(np.arange(0, 200, 2)), context, SHIPPED)
    assert part.names == tuple(f"lowlevel.n{number:03}" for number in range(0, 200, 2))
    assert told(part) == [{f"lowlevel.n{number:03}": number} for number in range(0, 200, 2)]


def test_another_part_is_brought_under_the_names_that_a_model_knows(corpus: Corpus, context: Context) -> None:
    names = ("lowlevel.a", "lowlevel.gone", "rhythm.bpm")
    table = descriptors(corpus, context, SHIPPED, names)
    assert table.names == names
    assert told(table) == [{"lowlevel.a": 2}, {"rhythm.bpm": 90}, {"lowlevel.a": 4}]
    nothing = descriptors(corpus.take(np.array([], np.intp)), context, SHIPPED, names)
    assert (nothing.names, nothing.matrix.shape) == (names, (0, 3))


def test_no_file_is_read_twice(corpus: Corpus, context: Context) -> None:
    assert describe_tracks(corpus.take(np.array([0, 2])), context, SHIPPED) == {}
    for row in (0, 2):
        spoil_unseen(file_of(corpus, row))
    assert describe_tracks(corpus, context, SHIPPED) == {}
    spoil_unseen(file_of(corpus, 1))
    other_subset = replace(corpus, name="other", ids=np.array(["x", "y", "z"]))
    assert told(descriptors(other_subset, context, SHIPPED))[1] == {"lowlevel.b": 3, "rhythm.bpm": 90}
    assert len(told(descriptors(corpus.take(np.array([2, 0])), context, SHIPPED))) == 2


def test_a_file_that_changed_is_read_again_and_no_other(corpus: Corpus, context: Context) -> None:
    descriptors(corpus, context, SHIPPED)
    spoil_unseen(file_of(corpus, 0))
    write_document(file_of(corpus, 1), {"lowlevel": {"b": 33}})
    assert told(descriptors(corpus, context, SHIPPED)) == [
        {"lowlevel.a": 2, "lowlevel.b": 1},
        {"lowlevel.b": 33},
        {"lowlevel.a": 4, "tonal.d.00": 5, "tonal.d.01": 6},
    ]


def test_a_file_of_the_same_size_at_another_time_is_another(corpus: Corpus, context: Context) -> None:
    descriptors(corpus, context, SHIPPED)
    file = file_of(corpus, 0)
    later = file.stat().st_mtime_ns + 1000
    file.write_text(file.read_text().replace("1", "7"))
    os.utime(file, ns=(later, later))
    assert told(descriptors(corpus, context, SHIPPED))[0] == {"lowlevel.a": 2, "lowlevel.b": 7}


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda content: content[:0],
        lambda content: b"no archive at all" + content[:40],
        lambda content: content.replace(np.float32(90).tobytes(), np.float32(91).tobytes()),
        lambda content: content.replace(b"'shape': (1,", b"'shape': (0,"),
    ],
    ids=["cut", "empty", "other", "value", "shape"],
)
def test_a_damaged_cache_is_made_again(corpus: Corpus, context: Context, damage: Callable[[bytes], bytes]) -> None:
    expected = told(descriptors(corpus, context, SHIPPED))
    damaged = 0
    for archive in (context.cache / "shipped").iterdir():
        content = archive.read_bytes()
        damaged += damage(content) != content
        archive.write_bytes(damage(content))
    assert damaged
    for file in (context.cache / "matrices").iterdir():
        file.write_bytes(cut(file.read_bytes()))
    assert told(descriptors(corpus, context, SHIPPED)) == expected


def test_a_byte_that_flips_anywhere_in_the_cache_changes_no_value(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "data", [SMALL[1]])
    context = context_in(tmp_path / "cache")
    expected = told(descriptors(corpus, context, SHIPPED))
    (archive,) = (context.cache / "shipped").iterdir()
    whole = archive.read_bytes()
    draw = np.random.default_rng(0)
    for place in range(0, len(whole), 29):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(draw.integers(8))
        archive.write_bytes(flipped)
        for file in (context.cache / "matrices").iterdir():
            file.unlink()
        assert told(descriptors(corpus, context, SHIPPED)) == expected


def test_tracks_without_descriptors_are_noted_with_the_reason_and_are_rows_of_nan(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "data", [SMALL[0], b"{", {"metadata": {"year": 1999}}, SMALL[1], SMALL[2]])
    file_of(corpus, 3).unlink()
    file_of(corpus, 4).unlink()
    os.mkfifo(file_of(corpus, 4))  # who opens it waits for ever
    context = context_in(tmp_path / "cache")
    why = {
        "t001": "the file is no JSON",
        "t002": "the file holds none",
        "t003": "the file is missing or cannot be read",
        "t004": "the file is missing or cannot be read",
    }
    tagger = GBT(descriptors=SHIPPED)
    assert tagger.prepare(corpus, context) == {track: f"no descriptors: {problem}" for track, problem in why.items()}
    table = descriptors(corpus, context, SHIPPED)
    assert table.problems == why
    assert told(table) == [{"lowlevel.a": 2, "lowlevel.b": 1}, {}, {}, {}, {}]
    assert set(tagger.prepare(corpus.take(np.array([0, 2])), context)) == {"t002"}


def test_a_file_that_vanished_is_noted_and_one_that_came_back_is_not(corpus: Corpus, context: Context) -> None:
    descriptors(corpus, context, SHIPPED)
    content = file_of(corpus, 0).read_bytes()
    file_of(corpus, 0).unlink()
    assert set(describe_tracks(corpus, context, SHIPPED)) == {"t000"}
    assert told(descriptors(corpus, context, SHIPPED))[0] == {}
    file_of(corpus, 0).write_bytes(content)
    assert describe_tracks(corpus, context, SHIPPED) == {}
    assert told(descriptors(corpus, context, SHIPPED))[0] == {"lowlevel.a": 2, "lowlevel.b": 1}


def test_a_training_part_without_any_descriptor_is_refused(tmp_path: Path, context: Context) -> None:
    corpus = write_corpus(tmp_path / "data", [b"{", b""])
    with pytest.raises(InputError, match=r"^no track of this part of tiny has a descriptor that can be read$"):
        descriptors(corpus, context, SHIPPED)


def test_a_data_set_that_ships_none_is_refused_with_where_they_must_lie(corpus: Corpus, context: Context) -> None:
    without = replace(corpus, descriptor_files=None)
    for work in (GBT(descriptors=SHIPPED).check_corpus, lambda given: descriptors(given, context, SHIPPED)):
        with pytest.raises(
            InputError, match=r"^corpus tiny ships no descriptors: .*acousticbrainz/NN/ID\.json"
        ) as said:
            work(without)
        assert "\n" not in str(said.value)
    GBT().check_corpus(without)


def test_the_number_of_workers_and_other_tracks_beside_change_no_value(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "data", [document(seed=seed) for seed in range(12)])
    one = descriptors(corpus, context_in(tmp_path / "one"), SHIPPED)
    two = descriptors(corpus, context_in(tmp_path / "two", workers=2), SHIPPED)
    assert one.names == two.names
    np.testing.assert_array_equal(one.matrix, two.matrix)
    for row in range(12):
        assert told(two)[row] == pytest.approx(read_descriptors(file_of(corpus, row)), rel=1e-6)


def labelled(root: Path, number: int, **changes: Any) -> Corpus:  # noqa: ANN401 - of `document`
    tones = [float(position % 2) for position in range(number)]
    documents: list[object] = [document(tone, seed=seed, **changes) for seed, tone in enumerate(tones)]
    return write_corpus(root, documents, tones)


@FAMILIES
def test_a_model_takes_the_documents_of_another_release(tagger: DescriptorTagger, tmp_path: Path) -> None:
    train = labelled(tmp_path / "train", 40)
    valid = labelled(tmp_path / "valid", 20, release="2.1-beta5")
    context = context_in(tmp_path / "cache")
    trained = tagger.fit(train, valid, context)
    assert isinstance(trained, TrainedOnDescriptors)
    assert "tonal.key_key.Bb" in trained.names
    assert not any("edma" in name or "stdev" in name for name in trained.names)
    (tmp_path / "model").mkdir()
    trained.save(tmp_path / "model")
    loaded = type(tagger).load(tmp_path / "model")
    scores = loaded.predict(valid, context)
    np.testing.assert_allclose(scores, trained.predict(valid, context), rtol=1e-6)
    assert roc_auc(valid.targets, scores)[0] > 0.95


@FAMILIES
def test_a_tag_that_the_metadata_alone_give_away_is_not_learnt(tagger: DescriptorTagger, tmp_path: Path) -> None:
    def corpus(part: str, seeds: range) -> Corpus:
        tones = [float(position % 2) for position in range(len(seeds))]
        documents = [
            document(seed=seed) | {"metadata": document(tone, seed=seed)["metadata"]}
            for seed, tone in zip(seeds, tones, strict=True)
        ]
        assert len({json.dumps(each["metadata"]) for each in documents}) == 2
        return write_corpus(tmp_path / part, [*documents], tones)

    train, valid, test = corpus("train", range(40)), corpus("valid", range(50, 70)), corpus("test", range(100, 160))
    context = context_in(tmp_path / "cache")
    trained = tagger.fit(train, valid, context)
    assert isinstance(trained, TrainedOnDescriptors)
    assert {name.split(".")[0] for name in trained.names} == {"lowlevel", "rhythm", "tonal"}
    assert 0.25 < roc_auc(test.targets, trained.predict(test, context))[0] < 0.75


def test_our_own_descriptors_under_other_names_are_still_refused(tmp_path: Path) -> None:
    from tests.pulses import context_for
    from tests.pulses import write_corpus as write_pulses

    corpus = write_pulses(tmp_path / "audio", [1.0])
    with pytest.raises(InputError, match="other descriptors than this version's; train it again"):
        descriptors(corpus, context_for(corpus, tmp_path / "cache"), DescriptorSettings(), ("timbre.other",))
