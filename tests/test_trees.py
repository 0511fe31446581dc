"""Trees from a file are looked through before XGBoost, which trusts what a file says, reads them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb

from baselines.trees import check_trees

DESCRIPTORS = 5
LENGTH = b"L" + bytes(7)  # of a text of up to 255 bytes; the last byte follows


@pytest.fixture(scope="module")
def trees() -> bytes:
    """Thirty trees of several levels, as XGBoost writes them."""
    values = np.random.default_rng(0).random((300, DESCRIPTORS), np.float32)
    bins = xgb.QuantileDMatrix(values, label=(values[:, 0] + values[:, 1] > 1).astype(np.float32))
    return bytes(xgb.train({"objective": "binary:logistic", "max_depth": 3}, bins, 30).save_raw("ubj"))


def array_at(content: bytes, name: str, kind: bytes = b"l") -> int:
    """Return where the first array of this name that is not empty has its numbers."""
    begins = b"[$" + kind + b"#L"
    key = name.encode() + begins
    return content.index(key) + len(key) + 8


def changed(content: bytes, name: str, place: int, value: int) -> bytes:
    """Return trees with another number at a place of the first tree's array of this name."""
    at = array_at(content, name) + 4 * place
    return content[:at] + value.to_bytes(4, "big", signed=True) + content[at + 4 :]


def test_trees_that_xgboost_wrote_pass_whole_or_cut_to_fewer_rounds(trees: bytes) -> None:
    check_trees(trees, DESCRIPTORS)
    check_trees(bytes(xgb.Booster(model_file=bytearray(trees))[:7].save_raw("ubj")), DESCRIPTORS)


@pytest.mark.parametrize("name", ["left_children", "right_children"])
@pytest.mark.parametrize("child", [0, -2, 10_000, 2**31 - 1])
def test_a_child_that_is_not_there_or_above_is_refused(trees: bytes, name: str, child: int) -> None:
    with pytest.raises(ValueError, match="tree 0 is damaged"):
        check_trees(changed(trees, name, 0, child), DESCRIPTORS)


def test_a_node_with_two_parents_is_refused(trees: bytes) -> None:
    right = int.from_bytes(trees[array_at(trees, "right_children") :][:4], "big")
    with pytest.raises(ValueError, match="tree 0 is damaged"):
        check_trees(changed(trees, "left_children", 0, right), DESCRIPTORS)


@pytest.mark.parametrize("descriptor", [-1, DESCRIPTORS, 2**31 - 1])
def test_a_split_on_a_descriptor_that_is_not_there_is_refused(trees: bytes, descriptor: int) -> None:
    with pytest.raises(ValueError, match="tree 0 is damaged"):
        check_trees(changed(trees, "split_indices", 0, descriptor), DESCRIPTORS)


def test_trees_of_other_descriptors_are_refused(trees: bytes) -> None:
    with pytest.raises(ValueError, match="not of one output and 6 descriptors"):
        check_trees(trees, DESCRIPTORS + 1)


def test_a_file_that_is_cut_off_anywhere_is_refused(trees: bytes) -> None:
    for size in range(0, len(trees), len(trees) // 30):
        with pytest.raises(ValueError, match="too early"):
            check_trees(trees[:size], DESCRIPTORS)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 100_000,
        (b"{" + LENGTH + b"\x01a") * 100_000 + b"Z" + b"}" * 100_000,
        (b"[#" + LENGTH + b"\x01") * 100_000 + b"i\x00",
        b"{" + LENGTH + b"\x01a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff}",
        b"{" + 2 * (LENGTH + b"\x01ai\x00") + b"}",
        b"{}",
        b"",
        b"\x80\x04}.",
    ],
    ids=[
        "deep JSON",
        "deep JSON arrays",
        "deep objects",
        "deep arrays",
        "huge",
        "twice",
        "no trees",
        "empty",
        "pickle",
    ],
)
def test_what_is_no_file_of_trees_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_trees(content, DESCRIPTORS)


@pytest.mark.slow
def test_xgboost_itself_does_not_survive_a_value_that_is_nested_too_deeply(tmp_path: Path) -> None:
    """Should it one day, `baselines/trees.py` has less to do."""
    (tmp_path / "deep.ubj").write_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    read = "import sys, xgboost; xgboost.Booster(model_file=bytearray(open(sys.argv[1], 'rb').read()))"
    command = [sys.executable, "-c", read, str(tmp_path / "deep.ubj")]
    assert subprocess.run(command, capture_output=True, check=False).returncode < 0
