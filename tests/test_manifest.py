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


def test_a_manifest_without_groups_says_in_every_table_what_that_may_do(tmp_path: Path) -> None:
    assert manifest.load(write(tmp_path, ROWS), note="Mine.").note == "Mine."
    note = manifest.load(write(tmp_path, ROWS.drop(columns="group")), note="Mine.").note
    assert note.startswith("Mine. The manifest has no column 'group'")


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
    with pytest.raises(InputError, match=r"tag 'tempo' has no target for track '2'; give one, or .*tags.csv"):
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
        (ROWS.assign(tempo=[0.5, 120, 0.5]), "tag 'tempo' is 120 for track '2', outside"),
        (ROWS[["path", "id"]], "manifest.parquet has no numeric column"),
        (ROWS.drop(columns="id").assign(path=["a", "b", "a"]), "path 'a' stands more than once; .* column `id`"),
        (ROWS[:0], "manifest.parquet has no track"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path: Path, table: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        manifest.load(write(tmp_path, table))
    assert "\n" not in str(refused.value)


def test_one_file_under_two_ids_is_two_tracks(tmp_path: Path) -> None:
    assert len(manifest.load(write(tmp_path, ROWS.assign(path=["a", "a", "b"])))) == 3


def test_a_missing_or_unreadable_manifest_is_refused_by_name(tmp_path: Path) -> None:
    names = "manifest.csv, manifest.tsv, manifest.parquet"
    with pytest.raises(InputError, match=f"manifest not found: {tmp_path} has none of {names}; .* --root"):
        manifest.load(tmp_path)
    with pytest.raises(InputError, match=r"manifest not found: .*/tracks.csv; .* --root"):
        manifest.load(tmp_path, file="tracks.csv")
    (tmp_path / "manifest.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(InputError, match=r"manifest.parquet cannot be read"):
        manifest.load(tmp_path)


@pytest.mark.parametrize("file", ["manifest.csv", "manifest.tsv", "manifest.parquet"])
def test_the_manifest_that_is_there_is_taken(tmp_path: Path, file: str) -> None:
    write(tmp_path, ROWS, "tracks.csv")
    assert len(manifest.load(write(tmp_path, ROWS, file))) == 3


def test_of_two_manifests_the_study_has_to_name_one(tmp_path: Path) -> None:
    write(tmp_path, ROWS[:2], "manifest.csv")
    write(tmp_path, ROWS)
    with pytest.raises(InputError, match=r"has manifest.csv and manifest.parquet; .*`file` under \[corpus\]"):
        manifest.load(tmp_path)
    assert len(manifest.load(tmp_path, file="manifest.csv")) == 2


@pytest.mark.parametrize("gap", [None, "", " "])
@pytest.mark.parametrize(
    ("file", "place"), [("m.parquet", "m.parquet, track 2"), ("m.csv", "m.csv, row 3"), ("m.tsv", "m.tsv, row 3")]
)
def test_a_blank_path_is_refused_by_its_place(tmp_path: Path, file: str, place: str, gap: str | None) -> None:
    table = ROWS.assign(path=pd.Series(["a/1.flac", gap, "b/3.flac"], dtype="str"))
    with pytest.raises(InputError, match=f"{place}: the path is blank; name the track's audio file"):
        manifest.load(write(tmp_path, table, file), file=file)


def test_a_gap_in_a_column_of_text_shortens_no_other_cell(tmp_path: Path) -> None:
    gaps = ROWS.assign(
        id=pd.Series(["one", None, "three"], dtype="str"),
        group=pd.Series([None, "the second", "the third"], dtype="str"),
        split=pd.Series(["train", None, "test"], dtype="str"),
        sha256=pd.Series(["a" * 64, None, "b" * 64], dtype="str"),
        descriptors=pd.Series([None, "d/2.json", "d/3.json"], dtype="str"),
    )
    corpus = manifest.load(write(tmp_path, gaps))
    assert corpus.ids.tolist() == ["one", "a/2.flac", "three"]
    assert corpus.groups.tolist() == ["one", "the second", "the third"]
    assert corpus.parts is not None
    assert corpus.parts.tolist() == ["train", "", "test"]
    assert corpus.checksums is not None
    assert corpus.checksums.tolist() == ["a" * 64, "", "b" * 64]
    assert corpus.descriptor_files is not None
    assert corpus.descriptor_files.tolist() == ["", "d/2.json", "d/3.json"]


@pytest.mark.parametrize("file", ["m.parquet", "m.csv"])
def test_columns_of_text_are_no_tags_and_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    table = ROWS.assign(title=["1979", "Hey, Jude", "Help!"], comment=["good", "", ""])
    corpus = manifest.load(write(tmp_path, table, file), file=file)
    assert [tag.name for tag in corpus.tags] == ["rock", "tempo"]
    assert capsys.readouterr().err == f"{file}: columns title, comment hold no numbers and are no tags\n"
    manifest.load(write(tmp_path, table.drop(columns="comment"), file), file=file)
    assert capsys.readouterr().err == f"{file}: column title holds no numbers and is no tag\n"


def test_where_tags_are_declared_no_other_column_matters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tags.csv").write_text("name,kind\nrock,classification\n")
    table = ROWS.assign(title="words", jazz=["1", "0", "l"], year=[1979, 1980, 1981])
    corpus = manifest.load(write(tmp_path, table.set_axis([*table.columns[:-1], "Unnamed: 7"], axis=1)))
    assert [tag.name for tag in corpus.tags] == ["rock"]
    assert capsys.readouterr().err == ""


def test_pandas_row_numbers_are_refused_as_a_column_without_a_name(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "manifest.csv")
    with pytest.raises(InputError, match=r"a column without a name, which pandas calls 'Unnamed: 0' .*; remove it"):
        manifest.load(tmp_path)


@pytest.mark.parametrize("column", ["rock", "truth/rock"])
@pytest.mark.parametrize("declared", [False, True])
def test_a_typo_among_numbers_is_refused_by_its_column_and_row(tmp_path: Path, column: str, declared: bool) -> None:
    if declared:
        (tmp_path / "tags.csv").write_text("name,kind\nrock,classification\n")
    table = ROWS[["path", "rock"]].assign(**{column: ["1", "0", "l"]})
    with pytest.raises(InputError, match=f"m.csv, row 4: 'l' in column '{column}' is no number; write one, or .*"):
        manifest.load(write(tmp_path, table, "m.csv"), file="m.csv")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("name\nrock\n", "no column 'kind'"),
        ("", "tags.csv is empty"),
        ("name,kind\n", "declares no tag"),
        ("name,kind\nrock,binary\n", "tag 'rock' has a kind other than"),
        ("name,kind\njazz,classification\n", "no column 'jazz'"),
        ("name,kind\ngroup,classification\n", "column 'group' is not numeric"),
        ("name;kind\nrock;classification\n", "looks separated by semicolons, not by commas"),
        ("name,kind\nrock,classification\nrock,regression\n", "tag 'rock' stands more than once"),
    ],
)
def test_wrong_declarations_of_tags_are_refused(tmp_path: Path, declared: str, message: str) -> None:
    (tmp_path / "tags.csv").write_text(declared)
    with pytest.raises(InputError, match=message):
        manifest.load(write(tmp_path, ROWS))
