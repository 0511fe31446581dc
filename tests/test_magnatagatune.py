"""MagnaTagATune's files become its clips, labels and parts as they are published, or are refused by file and row."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench.corpora import magnatagatune
from bench.corpus import Corpus
from bench.errors import InputError
from tests.small_magnatagatune import LABELLED, clip_id, clip_path, clip_tags, write_magnatagatune

write_text = partial(write_magnatagatune, audio=False)

HEADER = ["clip_id", "choir", "rock", "harp", "mp3_path"]
ROWS = [
    ["2", "0", "1", "1", "0/bach-cantatas-01-aria-30-59.mp3"],
    ["6", "0", "1", "1", "b/heino-lieder-01-enzian-0-29.mp3"],
    ["10", "0", "0", "1", "c/heino-lieder-02-nuss-29-58.mp3"],
    ["14", "0", "0", "0", "d/bach-cantatas-02-chor-0-29.mp3"],
    ["18", "1", "1", "0", "e/satie-one-01-vexations-810-839.mp3"],
    ["22", "0", "0", "0", "f/bach-motets-03-jesu-0-29.mp3"],
]


def write(root: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    lines = ["\t".join(f'"{field}"' for field in row) for row in [header, *rows]]
    (root / "annotations_final.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def changed(row: int, column: int, value: str) -> list[list[str]]:
    rows = [list(fields) for fields in ROWS]
    rows[row][column] = value
    return rows


def labels(corpus: Corpus) -> dict[str, dict[str, int]]:
    names = [tag.name for tag in corpus.tags]
    rows = corpus.targets.astype(int).tolist()
    return {i: dict(zip(names, row, strict=True)) for i, row in zip(corpus.ids.tolist(), rows, strict=True)}


def parts(corpus: Corpus) -> dict[str, str]:
    assert corpus.parts is not None
    return dict(zip(corpus.ids.tolist(), corpus.parts.tolist(), strict=True))


@pytest.mark.parametrize("index", [False, True], ids=["annotations", "index"])
def test_the_labels_are_those_that_were_written_row_by_row(tmp_path: Path, index: bool) -> None:
    corpus = magnatagatune.load(write_text(tmp_path, index=index))
    assert labels(corpus) == {clip_id(number): clip_tags(number) for number in range(48)}
    assert corpus.files.tolist() == [clip_path(number) for number in range(48)]
    assert [tag.kind for tag in corpus.tags] == ["classification"] * 4


def test_both_formats_give_the_same_corpus(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    annotations = magnatagatune.load(write_text(tmp_path / "a"))
    index = magnatagatune.load(write_text(tmp_path / "b", index=True))
    assert (annotations.digest, annotations.version, annotations.note) == (index.digest, index.version, index.note)
    assert parts(annotations) == parts(index)


def test_the_folder_says_the_part_and_clips_without_a_tag_are_kept(tmp_path: Path) -> None:
    corpus = magnatagatune.load(write(tmp_path, ROWS))
    assert parts(corpus) == {"2": "train", "6": "train", "10": "valid", "14": "test", "18": "test", "22": "test"}
    assert corpus.targets.sum(axis=1).tolist() == [2, 2, 1, 0, 2, 0]


def test_the_artist_is_the_group_and_the_name_tells_the_duration(tmp_path: Path) -> None:
    rows = [*ROWS, ["26", "0", "0", "0", "1/anon-untimed.mp3"]]
    corpus = magnatagatune.load(write(tmp_path, rows))
    assert corpus.groups.tolist() == ["bach", "heino", "heino", "bach", "satie", "bach", "anon"]
    np.testing.assert_array_equal(corpus.durations, np.array([29] * 6 + [np.nan], np.float32))


def test_the_top_tags_are_those_of_most_clips_and_ties_stay_in_the_files_order(tmp_path: Path) -> None:
    names = [f"tag {number}" for number in range(60)]
    counts = [1] * 55 + [0, 3, 2, 3, 1]
    rows = [[str(clip), *(str(int(clip < count)) for count in counts), f"0/a-{clip}-0-29.mp3"] for clip in range(4)]
    corpus = magnatagatune.load(write(tmp_path, rows, ["clip_id", *names, "mp3_path"]))
    top = [56, 58, 57, *range(47)]
    assert [tag.name for tag in corpus.tags] == [f"tag {number}" for number in top]
    assert corpus.targets.sum(axis=0).tolist() == [counts[number] for number in top]


def test_all_tags_stay_in_the_files_order(tmp_path: Path) -> None:
    assert [tag.name for tag in magnatagatune.load(write(tmp_path, ROWS), tags="all").tags] == ["choir", "rock", "harp"]
    assert [tag.name for tag in magnatagatune.load(tmp_path).tags] == ["rock", "harp", "choir"]


def test_broken_clips_are_left_out_but_count_for_the_top_tags(tmp_path: Path) -> None:
    broken = [["35644", "1", "0", "0", "6/a-b.mp3"], ["55753", "1", "0", "0", "8/a-b.mp3"]]
    broken += [["57881", "1", "0", "0", "9/a-b.mp3"]]
    corpus = magnatagatune.load(write(tmp_path, ROWS + broken))
    assert corpus.ids.tolist() == [row[0] for row in ROWS]
    assert corpus.tags[0].name == "choir"


def test_the_note_counts_the_artists_that_test_and_train(tmp_path: Path) -> None:
    note = magnatagatune.load(write(tmp_path, ROWS)).note
    assert "1 of 2 test artists also train (2 of 3 test clips)" in note
    assert 'variant = "artist_clean"' in note


def test_no_leak_is_told_of_where_there_is_none(tmp_path: Path) -> None:
    assert "artists" not in magnatagatune.load(write(tmp_path, [*ROWS[:3], ROWS[4]])).note


def test_artist_clean_leaves_out_the_test_clips_whose_artist_also_trains(tmp_path: Path) -> None:
    corpus = magnatagatune.load(write(tmp_path, ROWS), variant="artist_clean")
    assert corpus.ids.tolist() == ["2", "6", "10", "18"]
    assert "2 of 3 test clips whose artist also trains" in corpus.note
    assert "validation" not in corpus.note
    assert "not comparable" in corpus.note


def test_artist_clean_tells_of_the_test_artists_that_choose_when_to_stop(tmp_path: Path) -> None:
    rows = [*ROWS, ["26", "0", "0", "0", "c/satie-two-01-gnossienne-0-29.mp3"], ["30", "0", "0", "0", "d/orff-1.mp3"]]
    note = magnatagatune.load(write(tmp_path, rows), variant="artist_clean").note
    assert "1 of its 2 test artists (1 of 2 clips) are in the validation part, which chooses when training" in note
    assert "validation" not in magnatagatune.load(tmp_path).note


def official(tests: int, tags: int) -> list[list[str]]:
    """Return rows with so many test clips and tags, and a training clip of another artist."""
    marks = ["0"] * tags
    return [["a", *marks, "0/x-y.mp3"], *([str(clip), *marks, f"d/z-{clip}.mp3"] for clip in range(tests))]


@pytest.mark.parametrize(
    ("tests", "n_tags", "version"),
    [
        (5329, 50, "full, top 50"),
        (5329, 60, "full, top 50"),
        (5328, 50, "full, top 50, changed"),
        (5329, 49, "full, top 50, changed"),
    ],
)
def test_only_the_official_test_part_and_tags_have_the_official_version(
    tmp_path: Path, tests: int, n_tags: int, version: str
) -> None:
    header = ["clip_id", *(f"tag {number}" for number in range(n_tags)), "mp3_path"]
    corpus = magnatagatune.load(write(tmp_path, official(tests, n_tags), header))
    assert corpus.version == version
    assert ("published numbers" in corpus.note) == ("changed" in version)


LISTS = {"train": [0, 1], "valid": [2], "test": [3, 4]}


def write_lists(folder: Path, form: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in LISTS.items():
        if form == "npy":  # the published form: a count that is no clip id, and the path
            np.save(folder / f"{part}.npy", np.array([f"{9 + 4 * row}\t{ROWS[row][-1]}" for row in rows]))
        elif form == "tsv":
            (folder / f"{part}.tsv").write_text("".join(f"{ROWS[row][0]}\tanything\n" for row in rows))
        else:
            (folder / f"{part}.txt").write_text("\n".join(ROWS[row][-1] for row in rows))


@pytest.mark.parametrize("folder", ["", "split/mtat"])
@pytest.mark.parametrize("form", ["npy", "tsv", "txt"])
def test_the_clean_split_is_read_from_its_lists(tmp_path: Path, form: str, folder: str) -> None:
    write_lists(tmp_path / folder, form)
    corpus = magnatagatune.load(write(tmp_path, ROWS), variant="clean")
    assert parts(corpus) == {"2": "train", "6": "train", "10": "valid", "14": "test", "18": "test"}
    assert "1 of 2 test artists also train (1 of 2 test clips)" in corpus.note
    assert corpus.version == "clean, top 50, changed"


def test_the_lists_that_are_written_small_hold_the_clips_with_a_tag(tmp_path: Path) -> None:
    corpus = magnatagatune.load(write_text(tmp_path, lists=True), variant="clean")
    assert len(corpus) == 40
    assert corpus.targets.any(axis=1).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("valid.txt", None, r"needs the list valid.npy, .tsv or .txt in .*sota-music-tagging-models"),
        ("test.txt", "14\n99\n", r"test.txt, row 2: '99' is none of the 6 clips"),
        (
            "test.txt",
            "14\n0/bach-cantatas-01-aria-30-59.mp3",
            r"test.txt, row 2: '0/bach.*' stands already in .* train",
        ),
        ("test.txt", "14\n14\n", r"test.txt, row 2: '14' stands already in the list test"),
        ("test.txt", "14\n\n18\n", r"test.txt, row 2: '' is none of"),
        ("test.txt", "", r"test.txt is empty"),
    ],
)
def test_wrong_lists_are_refused(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    write_lists(tmp_path, "txt")
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as refused:
        magnatagatune.load(write(tmp_path, ROWS), variant="clean")
    assert "\n" not in str(refused.value)


class Trap:
    """Makes a folder where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("array", [np.array([Trap()]), np.array([14]), np.array([["14"]]), None])
def test_an_array_that_is_no_list_of_text_is_refused_and_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, array: np.ndarray | None
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lists(tmp_path, "npy")
    if array is None:
        (tmp_path / "test.npy").write_bytes(b"no array")
    else:
        np.save(tmp_path / "test.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=r"test.npy (is no array of text|holds an array of something other)"):
        magnatagatune.load(write(tmp_path, ROWS), variant="clean")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(1, 2, "2"), "row 3: tag 'rock' is '2', neither 0 nor 1"),
        (changed(1, 1, ""), "row 3: tag 'choir' is '', neither 0 nor 1"),
        (changed(2, 0, "2"), "row 4: clip '2' stands already in row 2"),
        (changed(2, 4, ROWS[0][4]), "row 4: path '0/bach.*' stands already in row 2"),
        (changed(2, 0, ""), "row 4: names no clip"),
        ([ROWS[0], ROWS[1][1:]], "row 3: has 4 columns, not 5"),
        ([ROWS[0], [*ROWS[1], "0"]], "row 3: has 6 columns, not 5"),
        ([ROWS[0], [], ROWS[1]], "row 3: has 0 columns, not 5"),
        (changed(0, 4, "../bach-1.mp3"), r"row 2: path '../bach-1.mp3' is not of the form"),
        (changed(0, 4, "/0/bach-1.mp3"), "row 2: path '/0/bach-1.mp3' is not of the form"),
        (changed(0, 4, "0/../../x.mp3"), "row 2: path '0/../../x.mp3' is not of the form"),
        (changed(0, 4, "g/bach-1.mp3"), "row 2: path 'g/bach-1.mp3' is not of the form"),
        (changed(0, 4, "0/-1.mp3"), "row 2: path '0/-1.mp3' is not of the form"),
        ([], "row 1: no clip follows it"),
    ],
)
def test_a_wrong_row_is_refused_by_file_and_row(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(InputError, match=f"annotations_final.csv, {message}") as refused:
        magnatagatune.load(write(tmp_path, rows))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "annotations_final.csv is empty"),
        (b"id\trock\tpath\n", "row 1: the columns are not clip_id"),
        (b'"clip_id"\t"rock"\t"mp3_path"\n"1"\t"0"\t"0/bj\xf6rk-1.mp3"\n', "row 2: is not text in UTF-8"),
        (b'"clip_id"\t"rock"\t"mp3_path"\n"1"\t"0"\t"0/a-1.mp3\n', "row 2: "),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "annotations_final.csv").write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        magnatagatune.load(tmp_path)
    assert "\n" not in str(refused.value)


def test_missing_metadata_is_refused_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"annotations_final.csv nor index_mtt.tsv is in .*; get .*mirg.*--root"):
        magnatagatune.load(tmp_path)


def test_a_part_whose_labels_are_not_there_is_left_out_and_told_of(tmp_path: Path) -> None:
    write_text(tmp_path, index=True)
    whole = magnatagatune.load(tmp_path)
    (tmp_path / LABELLED["train"]).unlink()
    corpus = magnatagatune.load(tmp_path)
    assert parts(corpus) == {track: part for track, part in parts(whole).items() if part != "train"}
    assert "36 clips are left out, as train_gt_mtt.tsv is not there" in corpus.note
    assert "5 of 6 test artists also train" in corpus.note


def test_broken_clips_stand_in_the_index_and_need_no_labels(tmp_path: Path) -> None:
    write_text(tmp_path, index=True)
    with (tmp_path / "index_mtt.tsv").open("a") as file:
        file.write("35644\t6/norine_braun-now_and_zen-08-gently-117-146.mp3\n")
    assert len(magnatagatune.load(tmp_path)) == 48


def test_an_index_without_any_labels_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path, index=True)
    for name in LABELLED.values():
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"train_gt_mtt.tsv, val_gt_mtt.tsv, test_gt_mtt.tsv, and none of them is in"):
        magnatagatune.load(tmp_path)


def test_all_tags_need_the_annotations(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tags = 'all' needs annotations_final.csv"):
        magnatagatune.load(write_text(tmp_path, index=True), tags="all")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("val_gt_mtt.tsv", "[1.0", "[0.5", "val_gt_mtt.tsv, row 1: is not a list of 4 times 0.0 or 1.0"),
        ("val_gt_mtt.tsv", "[1.0", "[1.0, 0.0", "val_gt_mtt.tsv, row 1: is not a list of 4 times"),
        ("val_gt_mtt.tsv", "\t", " ", "val_gt_mtt.tsv, row 1: has 1 columns, not 2"),
        ("val_gt_mtt.tsv", "", "3\t[0.0]\n", "val_gt_mtt.tsv, row 1: clip '3' is none of this part's"),
        ("val_gt_mtt.tsv", "", "2\t[0.0]\n", "val_gt_mtt.tsv, row 1: clip '2' is none of this part's"),
        ("test_gt_mtt.tsv", "74\t", "14\t", "test_gt_mtt.tsv, row 3: clip '14' stands already in row 1"),
        ("index_mtt.tsv", "", "1\tc/new-1.mp3\n", "clip 1 of .* has no labels"),
        ("index_mtt.tsv", "2\t0/", "2\t../", "index_mtt.tsv, row 1: path '../.*' is not of the form"),
        ("output_labels_mtt.txt", "'weird'", "__import__('os').mkdir('ran')", "lists no tags in Python's way"),
        ("output_labels_mtt.txt", "'weird'", "7", "something other than names"),
        ("output_labels_mtt.txt", "[", "(", "lists no tags in Python's way"),
    ],
)
def test_a_wrong_index_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path, index=True)
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as refused:
        magnatagatune.load(tmp_path)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


def test_an_index_without_the_names_of_its_tags_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path, index=True)
    (tmp_path / "output_labels_mtt.txt").unlink()
    with pytest.raises(InputError, match=r"output_labels_mtt.txt is not there; get it from jordipons"):
        magnatagatune.load(tmp_path)
