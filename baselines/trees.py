"""Looks through trees that come from a file before XGBoost reads them: its reader trusts what a file says.

A value nested too deeply overflows its stack, and a child or a descriptor that is not there is read from memory that is
not the tree's. XGBoost writes UBJSON (ubjson.org); what it writes is a small part of it, and nothing else is taken.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEEPEST = 16  # a tree's arrays lie 6 deep
NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
OF_NODES = ("left_children", "right_children", "parents", "split_indices", "split_type", "default_left")
VALUES_OF_NODES = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
ONE_OUTPUT = {"num_class": "0", "num_target": "1"}

Indices = NDArray[np.int64]


def check_trees(content: bytes, n_descriptors: int) -> None:
    """Raise `ValueError` unless these are trees as XGBoost writes them, of one output and so many descriptors."""
    try:
        learner = _Reader(content).document()["learner"]
        model = learner["gradient_booster"]["model"]
        _check_learner(learner, n_descriptors)
        for number, tree in enumerate(_trees(model)):
            _check_tree(tree, number, n_descriptors)
    except (KeyError, TypeError, IndexError, struct.error) as error:
        raise ValueError("these are no trees as XGBoost writes them") from error


def _check_learner(learner: dict[str, Any], n_descriptors: int) -> None:
    expected = ONE_OUTPUT | {"num_feature": str(n_descriptors)}
    told = {name: learner["learner_model_param"][name] for name in expected}
    if told != expected or learner["gradient_booster"]["name"] != "gbtree":
        raise ValueError(f"the trees are not of one output and {n_descriptors} descriptors")


def _trees(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the trees, once their number and the outputs that they add to are as they must be."""
    trees, count = model["trees"], len(model["trees"])
    ends, outputs, told = model["iteration_indptr"], model["tree_info"], model["gbtree_model_param"]
    one_a_round = list(map(int, ends)) == list(range(count + 1)) and told["num_parallel_tree"] == "1"
    if list(map(int, outputs)) != [0] * count or told["num_trees"] != str(count) or not one_a_round:
        raise ValueError("the rounds of training do not fit the trees")
    yield from trees


def _check_tree(tree: dict[str, Any], number: int, n_descriptors: int) -> None:
    """Refuse a tree unless each node but the root is the child of one, at most, and splits on a known descriptor."""
    size = len(tree["left_children"])
    left, right, _, splits, kinds, _ = (_indices(tree[name]) for name in OF_NODES)
    children = np.concatenate([left[left != -1], right[right != -1]])
    told = tree["tree_param"]["num_nodes"], tree["tree_param"]["num_feature"], tree["tree_param"]["size_leaf_vector"]
    sound = (
        size > 0
        and told == (str(size), str(n_descriptors), "1")
        and {len(tree[name]) for name in (*OF_NODES, *VALUES_OF_NODES)} == {size}
        and not any(len(tree[name]) for name in CATEGORIES)
        and not kinds.any()
        and np.array_equal(left == -1, right == -1)
        and bool(((children > 0) & (children < size)).all())
        and len(np.unique(children)) == len(children)
        and bool(((splits >= 0) & (splits < max(n_descriptors, 1))).all())
    )
    if not sound or int(tree["id"]) != number:
        raise ValueError(f"tree {number} is damaged")


def _indices(values: Any) -> Indices:  # noqa: ANN401 - whatever a file holds
    return np.asarray(values).astype(np.int64)


class _Reader:
    """Reads one value after another: objects as dictionaries, arrays as lists or arrays, text and numbers."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def document(self) -> dict[str, Any]:
        """Return the object that the whole content is."""
        value = self._value(0)
        if self._at != len(self._content) or not isinstance(value, dict):
            raise ValueError("these are no trees as XGBoost writes them")
        return value

    def _value(self, depth: int) -> Any:  # noqa: ANN401 - likewise
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        kind = self._take(1)
        if kind == b"{":
            return self._object(depth)
        if kind == b"[":
            return self._array(depth)
        if kind == b"S":
            return self._text()
        return self._numbers(kind.decode("ascii"), 1)[0]

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._content[self._at : self._at + 1] != b"}":
            key = self._text()
            if key in found:
                raise ValueError(f"{key[:40]!r} stands in it twice")
            found[key] = self._value(depth + 1)
        self._at += 1
        return found

    def _array(self, depth: int) -> Any:  # noqa: ANN401 - likewise
        kind = self._take(2)[1:].decode("ascii") if self._content[self._at : self._at + 1] == b"$" else ""
        if self._take(1) != b"#":
            raise ValueError("an array in it has no length")
        length = self._length()
        return self._numbers(kind, length) if kind else [self._value(depth + 1) for _ in range(length)]

    def _text(self) -> str:
        return self._take(self._length()).decode("utf-8")

    def _length(self) -> int:
        if self._take(1) != b"L":
            raise ValueError("a length in it is none")
        (length,) = struct.unpack(">q", self._take(8))
        if not 0 <= length <= len(self._content) - self._at:  # each thing takes a byte at least
            raise ValueError("it ends too early")
        return int(length)

    def _numbers(self, kind: str, length: int) -> NDArray[Any]:
        dtype = np.dtype(NUMBERS[kind])
        return np.frombuffer(self._take(length * dtype.itemsize), dtype)

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._content):
            raise ValueError("it ends too early")
        taken = self._content[self._at : end]
        self._at = end
        return taken
