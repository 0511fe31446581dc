"""A user's table of tracks becomes a corpus, or is refused in one line that names what is wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.corpora import manifest
from bench.errors import InputError

ROWS = pd.DataFrame(
    {
        "path": ["a/1.flac", "a/2.flac", "b/3.flac"],
        "id": ["1", "2", "3"],
        "group": ["x", "x", "y"],
        "rock": [1, 0, 1],
        "tempo": [0.1, 0.25, 1.0],
    }
)


def write(root: Path, table: pd.DataFrame, file: str = "manifest.parquet") -> Path:
    if file.endswith(".parquet"):
        table.to_parquet(root / file, index=False)
    else:
        table.to_csv(root / file, index=False, sep="\t" if file.endswith(".tsv") else ",")
    return root


@pytest.mark.parametrize("file", ["manifest.parquet", "tracks.csv", "tracks.tsv"])
def test_every_format_gives_the_same_corpus(tmp_path: Path, file: str) -> None:
    corpus = manifest.load(write(tmp_path, ROWS, file), file=file)
    assert corpus.ids.tolist() == ["1", "2", "3"]
    assert corpus.groups.tolist() == ["x", "x", "y"]
    assert corpus.files.tolist() == ["a/1.flac", "a/2.flac", "b/3.flac"]
    np.testing.assert_allclose(corpus.targets, np.array([[1, 0.1], [0, 0.25], [1, 1]], np.float32), rtol=1e-6)


def test_the_kind_of_a_tag_is_told_from_its_targets(tmp_path: Path) -> None:
    kinds = {tag.name: tag.kind for tag in manifest.load(write(tmp_path, ROWS)).tags}
    assert kinds == {"rock": "classification", "tempo": "regression"}


def test_declared_tags_are_taken_as_declared_and_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text(
        "name,kind,category,exclusive_group\ntempo,regression,feel,\nrock,regression,,g\n"
    )
    tags = manifest.load(write(tmp_path, ROWS)).tags
    assert [(tag.name, tag.kind, tag.category, tag.exclusive_group) for tag in tags] == [
        ("tempo", "regression", "feel", ""),
        ("rock", "regression", "", "g"),
    ]


def test_ids_and_groups_default_to_the_path(tmp_path: Path) -> None:
    corpus = manifest.load(write(tmp_path, ROWS.drop(columns=["id", "group"])))
    assert corpus.ids.tolist() == corpus.groups.tolist() == ROWS["path"].tolist()


@pytest.mark.parametrize("file", ["manifest.parquet", "tracks.csv"])
def test_blank_groups_are_groups_of_one_and_names_stay_as_they_are_written(tmp_path: Path, file: str) -> None:
    table = ROWS.assign(path=["001", "002", "003"], group=pd.Series(["NA", None, ""], dtype="object"))
    corpus = manifest.load(write(tmp_path, table, file), file=file)
    assert corpus.files.tolist() == ["001", "002", "003"]
    assert corpus.groups.tolist() == ["NA", "2", "3"]


def test_a_blank_target_is_refused_by_its_tag(tmp_path: Path) -> None:
    table = ROWS.assign(tempo=[0.5, np.nan, 0.5])
    with pytest.raises(InputError, match=r"tag 'tempo' has a target outside .* or missing"):
        manifest.load(write(tmp_path, table, "tracks.csv"), file="tracks.csv")


def test_exact_labels_and_parts_are_kept_apart_from_the_targets(tmp_path: Path) -> None:
    truth = pd.DataFrame({"truth/rock": [1, 1, 1], "truth/tempo": [0.5, 0.5, 0.5], "split": ["train", "", "test"]})
    corpus = manifest.load(write(tmp_path, ROWS.join(truth)))
    assert [tag.name for tag in corpus.tags] == ["rock", "tempo"]
    assert corpus.truth is not None
    assert corpus.truth.tolist() == [[1, 0.5]] * 3
    assert corpus.parts is not None
    assert corpus.parts.tolist() == ["train", "", "test"]


HALF, FULL = "ab" * 16, "AB" * 32
FILES = ROWS.assign(
    duration=[1.5, np.nan, 3],
    sha256=pd.Series([FULL, None, ""], dtype="object"),
    descriptors=pd.Series(["d/1.json", "", None], dtype="object"),
)


@pytest.mark.parametrize("file", ["manifest.parquet", "tracks.csv", "tracks.tsv"])
def test_what_is_told_of_the_files_is_no_tag_and_blank_where_it_is_not_known(tmp_path: Path, file: str) -> None:
    corpus = manifest.load(write(tmp_path, FILES, file), file=file)
    assert [tag.name for tag in corpus.tags] == ["rock", "tempo"]
    assert corpus.durations is not None
    np.testing.assert_array_equal(corpus.durations, np.array([1.5, np.nan, 3], np.float32))
    assert corpus.checksums is not None
    assert corpus.checksums.tolist() == [FULL.lower(), "", ""]
    assert corpus.descriptor_files is not None
    assert corpus.descriptor_files.tolist() == ["d/1.json", "", ""]


def test_a_checksum_of_digits_alone_stays_a_text(tmp_path: Path) -> None:
    corpus = manifest.load(write(tmp_path, ROWS.assign(sha256=["0" * 64] * 3), "tracks.csv"), file="tracks.csv")
    assert corpus.checksums is not None
    assert corpus.checksums.tolist() == ["0" * 64] * 3


def test_what_is_not_told_of_the_files_is_none(tmp_path: Path) -> None:
    corpus = manifest.load(write(tmp_path, ROWS))
    assert corpus.durations is None
    assert corpus.checksums is None
    assert corpus.descriptor_files is None


@pytest.mark.parametrize("file", ["manifest.parquet", "tracks.csv"])
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("duration", "-1.0", r"duration '-1.0' is no number of seconds"),
        ("duration", "3:15", r"duration '3:15' is no number of seconds"),
        ("duration", "inf", r"duration 'inf' is no number of seconds"),
        ("sha256", HALF, f"sha256 '{HALF}' is no SHA-256"),
        ("sha256", "x" * 64, "is no SHA-256"),
        ("descriptors", "../d.json", "leaves the root"),
    ],
)
def test_what_cannot_be_true_of_a_file_is_refused(
    tmp_path: Path, file: str, column: str, value: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        manifest.load(write(tmp_path, ROWS.assign(**{column: [value, "", ""]}), file), file=file)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (ROWS.drop(columns="path"), "has no column 'path'"),
        (ROWS.assign(path=["../1.flac", "a", "b"]), "path '../1.flac' leaves the root"),
        (ROWS.assign(path=["/etc/1.flac", "a", "b"]), "path '/etc/1.flac' leaves the root"),
        (ROWS.assign(id=["1", "1", "2"]), "track id '1' stands more than once"),
        (ROWS.assign(split=["train", "dev", "test"]), "split 'dev' is none of"),
        (ROWS.assign(tempo=[0.5, 120, 0.5]), "tag 'tempo' has a target outside"),
        (ROWS[["path", "id"]], "no numeric column"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path: Path, table: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        manifest.load(write(tmp_path, table))
    assert "\n" not in str(refused.value)


def test_a_missing_or_unreadable_manifest_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest not found: .*manifest.parquet"):
        manifest.load(tmp_path)
    (tmp_path / "manifest.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(InputError, match=r"manifest .* cannot be read"):
        manifest.load(tmp_path)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("name\nrock\n", "no column 'kind'"),
        ("", "cannot be read"),
        ("name,kind\n", "declares no tag"),
        ("name,kind\nrock,binary\n", "tag 'rock' has a kind other than"),
        ("name,kind\njazz,classification\n", "no column 'jazz'"),
    ],
)
def test_wrong_declarations_of_tags_are_refused(tmp_path: Path, declared: str, message: str) -> None:
    (tmp_path / "tags.csv").write_text(declared)
    with pytest.raises(InputError, match=message):
        manifest.load(write(tmp_path, ROWS))
