"""MTG-Jamendo's files become its tracks, tags and parts as they are published, or are refused by file and row."""

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from pydantic import ValidationError

from bench.corpora import jamendo, settings_model
from bench.errors import InputError
from tests.small_jamendo import write_jamendo

HEADER = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
ROWS = {
    "train": [
        ["track_0000214", "artist_000014", "album_000031", "14/214.mp3", "124.6", "genre---rock", "instrument---piano"],
        ["track_0000382", "artist_000020", "album_000046", "82/382.mp3", "211.1", "mood/theme---deep"],
    ],
    "validation": [["track_0000773", "artist_000104", "album_000126", "73/773.mp3", "275.3", "genre---ambient"]],
    "test": [["track_0000215", "artist_000015", "album_000032", "15/215.mp3", "151.4", "genre---rock"]],
}
DOWNLOADED = "data/download/raw_30s_audio_sha256_tracks.txt"


def write(
    folder: Path, rows: dict[str, list[list[str]]] = ROWS, *, subset: str = "top50tags", header: list[str] = HEADER
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for part, tracks in rows.items():
        lines = ["\t".join(fields) for fields in [header, *tracks]]
        (folder / f"autotagging_{subset}-{part}.tsv").write_text("\n".join(lines) + "\n")
    return folder


def changed(part: str, row: int, column: int, value: str) -> dict[str, list[list[str]]]:
    rows = {each: [list(fields) for fields in tracks] for each, tracks in ROWS.items()}
    rows[part][row][column] = value
    return rows


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def test_the_columns_are_those_of_the_files(tmp_path: Path) -> None:
    corpus = jamendo.load(write(tmp_path))
    assert corpus.ids.tolist() == ["track_0000214", "track_0000382", "track_0000773", "track_0000215"]
    assert corpus.groups.tolist() == ["artist_000014", "artist_000020", "artist_000104", "artist_000015"]
    assert corpus.files.tolist() == ["14/214.mp3", "82/382.mp3", "73/773.mp3", "15/215.mp3"]
    assert corpus.parts is not None
    assert corpus.parts.tolist() == ["train", "train", "valid", "test"]
    np.testing.assert_array_equal(corpus.durations, np.array([124.6, 211.1, 275.3, 151.4], np.float32))


def test_tags_have_their_category_and_stand_in_one_order(tmp_path: Path) -> None:
    corpus = jamendo.load(write(tmp_path))
    assert [(tag.category, tag.name) for tag in corpus.tags] == [
        ("genre", "ambient"),
        ("genre", "rock"),
        ("instrument", "piano"),
        ("mood/theme", "deep"),
    ]
    assert {tag.kind for tag in corpus.tags} == {"classification"}
    assert corpus.targets.tolist() == [[0, 1, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_tags_of_one_name_in_two_categories_keep_their_categories_in_the_name(tmp_path: Path) -> None:
    corpus = jamendo.load(write(tmp_path, changed("train", 1, 5, "mood/theme---ambient")))
    assert [(tag.category, tag.name) for tag in corpus.tags] == [
        ("genre", "genre---ambient"),
        ("genre", "rock"),
        ("instrument", "piano"),
        ("mood/theme", "mood/theme---ambient"),
    ]


def test_both_places_of_the_splits_files_give_the_same_corpus(tmp_path: Path) -> None:
    beside = jamendo.load(write(tmp_path / "beside"))
    write(tmp_path / "cloned" / "data" / "splits" / "split-0")
    cloned = jamendo.load(tmp_path / "cloned")
    assert (beside.digest, beside.version, beside.note) == (cloned.digest, cloned.version, cloned.note)
    assert beside.files.tolist() == cloned.files.tolist()


def test_a_split_is_read_from_its_own_folder_even_if_files_lie_in_the_root(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path / "data" / "splits" / "split-3", changed("test", 0, 0, "track_0000999"))
    assert jamendo.load(tmp_path, split=3).ids[-1] == "track_0000999"
    assert jamendo.load(tmp_path, split=0).ids[-1] == "track_0000215"


def test_the_subset_chooses_the_files(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, changed("test", 0, 5, "mood/theme---dark"), subset="moodtheme")
    assert "dark" in [tag.name for tag in jamendo.load(tmp_path, subset="moodtheme").tags]
    assert "dark" not in [tag.name for tag in jamendo.load(tmp_path).tags]


@pytest.mark.parametrize("setting", [{"split": 5}, {"split": "0"}, {"subset": "everything"}, {"quality": "best"}])
def test_settings_that_no_release_has_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="Input should be"):
        settings_model(jamendo)(**setting)


@pytest.mark.parametrize(
    ("quality", "heard"),
    [
        ("auto", ["14/214.mp3", "82/382.low.mp3", "73/773.mp3", "15/215.mp3"]),
        ("full", ["14/214.mp3", "82/382.mp3", "73/773.mp3", "15/215.mp3"]),
        ("low", ["14/214.low.mp3", "82/382.low.mp3", "73/773.low.mp3", "15/215.low.mp3"]),
    ],
)
def test_the_copy_that_is_heard_is_chosen_track_by_track(
    tmp_path: Path, quality: Literal["auto", "full", "low"], heard: list[str]
) -> None:
    touch(tmp_path, "14/214.mp3", "14/214.low.mp3", "82/382.low.mp3", "15/215.mp3")
    corpus = jamendo.load(write(tmp_path), quality=quality)
    assert corpus.files.tolist() == heard
    low = sum(file.endswith(".low.mp3") for file in heard)
    assert (f"{low} of 4 tracks are heard in the data set's copy of lower quality" in corpus.note) == (low > 0)


@pytest.mark.parametrize("low", [False, True])
def test_checksums_are_those_of_the_copy_that_is_heard(tmp_path: Path, low: bool) -> None:
    corpus = jamendo.load(write_jamendo(tmp_path, tracks=20, seconds=0.2, low=low))
    assert corpus.checksums is not None
    found = [hashlib.sha256((tmp_path / file).read_bytes()).hexdigest() for file in corpus.files]
    assert corpus.checksums.tolist() == found


def test_a_track_in_no_list_has_no_checksum_and_without_a_list_there_are_none(tmp_path: Path) -> None:
    assert jamendo.load(write(tmp_path)).checksums is None
    (tmp_path / "raw_30s_audio_sha256_tracks.txt").write_text(f"{'AB' * 32} 82/382.mp3\n{'cd' * 32} 99/999.mp3\n")
    (tmp_path / "autotagging_moodtheme_audio_sha256_tracks.txt").write_text(f"{'12' * 32}  73/773.mp3\n")
    checksums = jamendo.load(tmp_path).checksums
    assert checksums is not None
    assert checksums.tolist() == ["", "ab" * 32, "12" * 32, ""]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (f"{'ab' * 32} 82/382.mp3\n{'ab' * 31} 1/1.mp3\n", "row 2: is not a SHA-256 and a path"),
        (f"{'ab' * 32}\n", "row 1: is not a SHA-256 and a path"),
        (f"{'ab' * 32} 82/382.mp3\n{'cd' * 32} 82/382.mp3\n", "row 2: another checksum of 82/382.mp3 than before"),
        ("", " is empty"),
    ],
)
def test_wrong_lists_of_checksums_are_refused(tmp_path: Path, lines: str, message: str) -> None:
    touch(tmp_path, DOWNLOADED)
    (tmp_path / DOWNLOADED).write_text(lines)
    with pytest.raises(InputError, match=f"raw_30s_audio_sha256_tracks.txt.*{message}") as refused:
        jamendo.load(write(tmp_path))
    assert "\n" not in str(refused.value)


def test_descriptors_are_found_in_their_folder_or_beside_the_tracks(tmp_path: Path) -> None:
    assert jamendo.load(write(tmp_path)).descriptor_files is None
    touch(tmp_path, "82/999.json", "acousticbrainz/82/999.json")
    assert jamendo.load(tmp_path).descriptor_files is None
    touch(tmp_path, "73/773.json")  # not the first track's
    beside = jamendo.load(tmp_path).descriptor_files
    assert beside is not None
    assert beside.tolist() == ["14/214.json", "82/382.json", "73/773.json", "15/215.json"]
    touch(tmp_path, "acousticbrainz/82/382.json")
    apart = jamendo.load(tmp_path).descriptor_files
    assert apart is not None
    assert apart[:2].tolist() == ["acousticbrainz/14/214.json", "acousticbrainz/82/382.json"]


def official(tests: int, tags: int) -> dict[str, list[list[str]]]:
    """Return rows with so many test tracks, and tags among all."""
    tracks = [[str(number), "a", "b", f"00/{number}.mp3", "1", "genre---0"] for number in range(tests)]
    everything = [["t", "a", "b", "01/1.mp3", "1", *(f"genre---{number}" for number in range(tags))]]
    return {"train": everything, "validation": [["v", "a", "b", "01/2.mp3", "1", "genre---0"]], "test": tracks}


@pytest.mark.parametrize(
    ("tests", "tags", "subset", "version"),
    [
        (11356, 50, "top50tags", "top50tags, split 0"),
        (11355, 50, "top50tags", "top50tags, split 0, changed"),
        (11356, 49, "top50tags", "top50tags, split 0, changed"),
        (4231, 56, "moodtheme", "moodtheme, split 0"),
        (4231, 50, "moodtheme", "moodtheme, split 0, changed"),
        (20, 50, "genre", "genre, split 0"),
    ],
)
def test_only_the_official_test_part_and_tags_have_the_official_version(
    tmp_path: Path, tests: int, tags: int, subset: Literal["top50tags", "genre", "moodtheme"], version: str
) -> None:
    corpus = jamendo.load(write(tmp_path, official(tests, tags), subset=subset), subset=subset)
    assert corpus.version == version
    assert ("published numbers" in corpus.note) == ("changed" in version)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed("train", 1, 0, ""), "train.tsv, row 3: names no track or no artist"),
        (changed("train", 1, 1, ""), "train.tsv, row 3: names no track or no artist"),
        (changed("train", 1, 0, "track_0000214"), "row 3: track 'track_0000214' stands already in row 2"),
        (changed("test", 0, 0, "track_0000214"), "test.tsv, row 2: track .* stands already in .*train.tsv, row 2"),
        (changed("train", 1, 3, "../1.mp3"), "row 3: path '../1.mp3' is not of the form"),
        (changed("train", 1, 3, "/82/382.mp3"), "row 3: path '/82/382.mp3' is not of the form"),
        (changed("train", 1, 3, "82/382.wav"), "row 3: path '82/382.wav' is not of the form"),
        (changed("train", 1, 4, "long"), "row 3: duration 'long' is no number of seconds"),
        (changed("train", 1, 4, "nan"), "row 3: duration 'nan' is no number of seconds"),
        (changed("train", 1, 4, "0"), "row 3: duration '0' is no number of seconds"),
        (changed("train", 1, 4, "inf"), "row 3: duration 'inf' is no number of seconds"),
        (changed("train", 1, 5, "rock"), "row 3: tag 'rock' is not of the form category---tag"),
        (changed("train", 1, 5, "genre---"), "row 3: tag 'genre---' is not of the form"),
        (changed("train", 1, 5, ""), "row 3: tag '' is not of the form"),
        (ROWS | {"train": [ROWS["train"][0][:5]]}, "row 2: has 5 columns"),
        (ROWS | {"train": [ROWS["train"][0], [], ROWS["train"][1]]}, "row 3: has 0 columns"),
        (ROWS | {"train": []}, "train.tsv, row 1: no track follows it"),
    ],
)
def test_a_wrong_row_is_refused_by_file_and_row(tmp_path: Path, rows: dict[str, list[list[str]]], message: str) -> None:
    with pytest.raises(InputError, match=f"autotagging_top50tags-.*{message}") as refused:
        jamendo.load(write(tmp_path, rows))
    assert "\n" not in str(refused.value)


def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    with (write(tmp_path) / "autotagging_top50tags-test.tsv").open("a") as file:
        file.write("\r\n\n")
    assert len(jamendo.load(tmp_path)) == 4


def test_files_of_other_columns_or_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train.tsv, row 1: the columns are not TRACK_ID"):
        jamendo.load(write(tmp_path, header=["TRACK_ID", "PATH", "DURATION", "TAGS"]))
    (tmp_path / "autotagging_top50tags-train.tsv").write_bytes("\t".join(HEADER).encode() + b"\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"train.tsv, row 2: is not text in UTF-8"):
        jamendo.load(tmp_path)


def test_a_missing_file_is_refused_with_where_it_was_sought_and_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"genre-train.tsv is not in .*split-2 or .*; get it from .*MTG.*--root"):
        jamendo.load(tmp_path, subset="genre", split=2)
    write(tmp_path)
    (tmp_path / "autotagging_top50tags-test.tsv").unlink()
    with pytest.raises(InputError, match=r"top50tags-test.tsv is not in [^ ]*; get it from"):
        jamendo.load(tmp_path)
