"""The reconstructed index of MGPHot becomes a corpus of both kinds of tag, or is refused in one line."""

from pathlib import Path
from typing import Any

import pytest

from bench.corpora import mgphot
from bench.corpus import Corpus
from bench.errors import InputError
from tests.small_mgphot import NAMES, song, write_index, write_mgphot


def loaded(root: Path, *songs: dict[str, Any], tags: Any = "both") -> Corpus:  # noqa: ANN401 - a literal
    write_index(root, {str(number): entry for number, entry in enumerate(songs)})
    return mgphot.load(root, tags=tags)


def rated(number: int = 0, **values: float) -> dict[str, Any]:
    """Return a song with these values of attributes, whose names have underscores for spaces."""
    entry = song(number)
    for name, value in values.items():
        entry["gene_values"][NAMES.index(name.replace("_", " "))] = value
    return entry


def targets(corpus: Corpus) -> dict[str, list[float]]:
    return {tag.name: corpus.targets[:, column].tolist() for column, tag in enumerate(corpus.tags)}


def test_the_index_gives_the_official_parts_artists_and_files_that_are_there(tmp_path: Path) -> None:
    corpus = mgphot.load(write_mgphot(tmp_path, tracks=20))
    assert corpus.version == "MGPHot-audio index, both kinds"
    assert corpus.ids[:2].tolist() == ["v0-_0000000", "v1-_0000001"]
    assert corpus.files[1] == "genome_audio/v1-/v1-_0000001.mp3"
    assert all((tmp_path / file).is_file() for file in corpus.files)
    assert corpus.groups[:4].tolist() == ["artist 0", "artist 0", "artist 1", "artist 1"]
    assert corpus.parts is not None
    assert corpus.parts.tolist() == ["train"] * 12 + ["valid"] * 4 + ["test"] * 4
    assert mgphot.load(tmp_path).digest == corpus.digest


def test_audio_may_lie_right_in_the_root(tmp_path: Path) -> None:
    corpus = mgphot.load(write_mgphot(tmp_path, tracks=2, folder=""))
    assert corpus.files.tolist() == ["v0-/v0-_0000000.mp3", "v1-/v1-_0000001.mp3"]
    assert all((tmp_path / file).is_file() for file in corpus.files)


def test_there_are_58_ratings_in_seven_categories_and_59_tags_derived_from_them(tmp_path: Path) -> None:
    corpus = mgphot.load(write_mgphot(tmp_path, audio=False))
    assert len(corpus.tag_rows("regression")) == 58
    assert len(corpus.tag_rows("classification")) == 59
    assert len({tag.category for tag in corpus.tags}) == 7
    assert [tag.name for tag in corpus.tags if tag.exclusive_group] == ["Major", "Minor"]
    assert "not independent evidence" in corpus.note


def test_a_value_above_four_fifths_is_a_positive_and_four_fifths_is_not(tmp_path: Path) -> None:
    found = targets(loaded(tmp_path, *(rated(n, Piano=value) for n, value in enumerate([0.0, 0.8, 0.8 + 1e-9, 1.0]))))
    assert found["Piano (high)"] == [0, 0, 1, 1]
    assert found["Piano"] == pytest.approx([0.0, 0.8, 0.8, 1.0])


def test_the_tonality_gives_major_and_minor_and_no_tag_of_its_own(tmp_path: Path) -> None:
    values = [0.0, 0.19, 0.2, 0.5, 0.8, 0.81]
    songs = [rated(n, **{"Minor_/_Major_Key_Tonality": value}) for n, value in enumerate(values)]
    found = targets(loaded(tmp_path, *songs))
    assert found["Minor"] == [1, 1, 0, 0, 0, 0]
    assert found["Major"] == [0, 0, 0, 0, 0, 1]
    assert found["Minor / Major Key Tonality"] == pytest.approx(values)
    assert "Minor / Major Key Tonality (high)" not in found


def test_either_kind_can_be_had_alone(tmp_path: Path) -> None:
    for kind, count in (("regression", 58), ("classification", 59)):
        corpus = loaded(tmp_path, song(0), song(1), tags=kind)
        assert {tag.kind for tag in corpus.tags} == {kind}
        assert corpus.targets.shape == (2, count)
        assert corpus.version == f"MGPHot-audio index, {kind}"
        assert corpus.note == ""


def test_the_attributes_stand_in_the_order_of_the_values(tmp_path: Path) -> None:
    corpus = loaded(tmp_path, song(0) | {"gene_values": [n / 100 for n in range(58)]}, tags="regression")
    found = {name: round(100 * values[0]) for name, values in targets(corpus).items()}
    assert found["Vocal Register"] == 0
    assert found["Minor / Major Key Tonality"] == 7
    assert found["Tempo"] == 9
    assert found["Drum Set"] == 19
    assert found["Angry Lyrics"] == 35
    assert found["Live Recording"] == 43
    assert found["Focus on Lead Vocal"] == 49
    assert found["Focus on Performance"] == 57


def test_a_list_of_songs_gives_the_same_corpus(tmp_path: Path) -> None:
    corpus = loaded(tmp_path, song(0), song(1))
    write_index(tmp_path, [song(0), song(1)])
    assert mgphot.load(tmp_path).digest == corpus.digest


@pytest.mark.parametrize(("word", "part"), [("validation", "valid"), ("valid", "valid"), ("ignore", "")])
def test_the_words_for_parts_are_understood(tmp_path: Path, word: str, part: str) -> None:
    corpus = loaded(tmp_path, song(0) | {"split": word})
    assert corpus.parts is not None
    assert corpus.parts.tolist() == [part]


def test_songs_that_share_a_video_are_all_kept_in_one_group_and_the_note_counts_them(tmp_path: Path) -> None:
    video = song(0)["youtube_id"]
    other = rated(6, Piano=0.1) | {"youtube_id": video}
    corpus = loaded(tmp_path, song(0), song(1), other, rated(8, Piano=0.2) | {"youtube_id": video})
    assert corpus.ids.tolist() == [video, song(1)["youtube_id"], f"{video}#2", f"{video}#3"]
    assert corpus.files[0] == corpus.files[2] == corpus.files[3]
    assert corpus.groups[0] == corpus.groups[2] == corpus.groups[3] == "artist 0"
    assert targets(corpus)["Piano"] == pytest.approx([0.95, 0.95, 0.1, 0.2])
    assert corpus.note.endswith("3 of 4 songs share their video, and so their audio, with another.")


def test_the_artist_is_the_group_where_no_main_artist_is_told(tmp_path: Path) -> None:
    for missing in ({"main_artist": None}, {"main_artist": ""}):
        assert loaded(tmp_path, song(0) | missing).groups.tolist() == ["Artist 0 feat. Someone"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gene_values": None}, "has no gene_values: its ratings were not found on reconstruction"),
        ({"gene_values": [0.5] * 57}, "has 57 gene_values instead of 58"),
        ({"gene_values": "0.5"}, "has no list of gene_values instead of 58"),
        ({"gene_values": [1.01] * 58}, r"has the gene value 1.01, which is no number in \[0, 1\]"),
        ({"gene_values": [-0.1] * 58}, "has the gene value -0.1"),
        ({"gene_values": [float("nan")] * 58}, "has the gene value nan"),
        ({"gene_values": ["0.5"] * 58}, "has the gene value '0.5'"),
        ({"gene_values": [True] * 58}, "has the gene value True"),
        ({"youtube_id": None}, "has the youtube_id None"),
        ({"youtube_id": "../../../x1"}, "has the youtube_id '../../../x1'"),
        ({"split": "dev"}, "has the split 'dev', which is none of train, val"),
        ({"split": None}, "has the split None"),
        ({"artist": None, "main_artist": None}, "has neither main_artist nor artist"),
    ],
)
def test_a_wrong_entry_is_refused_by_name_with_what_to_do(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"entry '1' {message}.*; make the index again") as refused:
        loaded(tmp_path, song(0), song(1) | change)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"{}", "holds no songs"),
        (b"3", "holds no songs"),
        (b'{"1": 3}', "entry '1' is no song"),
    ],
)
def test_a_broken_index_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / mgphot.INDEX).write_bytes(content)
    with pytest.raises(InputError, match=rf"genome_index_split\.json.* {message}") as refused:
        mgphot.load(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_missing_index_is_refused_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"genome_index_split\.json is not there; make the index again with"):
        mgphot.load(tmp_path)
