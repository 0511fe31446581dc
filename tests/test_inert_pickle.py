"""A published pickle of plain data and arrays is read; one that wants anything run is refused, and nothing runs."""

import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.inert_pickle import DEEPEST, read_pickle
from tests.python2_pickle import python2_pickle

FIXTURES = Path(__file__).parent / "fixtures"
RESULT = "ran"
TOUCH = f"touch {RESULT}".encode()


def refusal(folder: Path, content: bytes) -> str:
    """Return why a pickle is refused, or nothing where it is read."""
    try:
        read(folder, content)
    except InputError as error:
        return str(error)
    return ""


def read(folder: Path, content: bytes) -> Any:  # noqa: ANN401 - what a pickle holds is for the test to say
    (folder / "a.pkl").write_bytes(content)
    return read_pickle(folder / "a.pkl")


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_what_python_2_wrote_is_read_with_its_text_as_bytes(protocol: int) -> None:
    found: Any = read_pickle(FIXTURES / f"python2_protocol{protocol}.pkl")  # by CPython 2.7.18 with NumPy 1.16.6
    assert set(found) == {b"a", "b€", b"c", b"d", b"e"}
    assert found[b"a"] == (1, 2.5, None, True, 10**20, -3, 300, 70000)
    assert found["b€"] == 1.5
    assert found[b"c"].dtype == np.dtype(">i4")
    assert found[b"c"].tolist() == [1, 2]
    assert found[b"d"].tolist() == [[True, False]]
    assert found[b"e"][0] == 3
    assert found[b"e"][1].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", ">f4", "float64"])
def test_dictionaries_of_arrays_come_back_as_they_were_in_every_protocol(
    tmp_path: Path, protocol: int, dtype: str
) -> None:
    arrays = {f"TR{n}": (np.arange(50) % (n + 2) == 0).astype(dtype).reshape(50, 1) for n in range(3)}
    found = read(tmp_path, pickle.dumps(arrays, protocol=protocol))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_what_stands_in_two_places_stands_there_and_a_list_may_hold_itself(tmp_path: Path) -> None:
    array = np.arange(3)
    for protocol in range(5):
        first, second = read(tmp_path, pickle.dumps([array, array], protocol=protocol))
        assert first.tolist() == second.tolist() == [0, 1, 2]
    found = read(tmp_path, b"]q\x00h\x00a.")
    assert found[0] is found


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(value=plain, protocol=st.integers(0, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_plain_data_comes_back_as_it_was(tmp_path: Path, value: object, protocol: int) -> None:
    assert read(tmp_path, pickle.dumps(value, protocol=protocol)) == value


class Hostile:
    """Unpickling it runs a command."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (TOUCH.decode(),)


class Evaluated:
    """Unpickling it evaluates a text."""

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (f"__import__('pathlib').Path({RESULT!r}).touch()",)


class WithState:
    """Unpickling it sets its state."""

    def __init__(self) -> None:
        self.state = 1


HOSTILE = {
    "a command": b"cposix\nsystem\n(S'" + TOUCH + b"'\ntR.",
    "a command by INST": b"(S'" + TOUCH + b"'\niposix\nsystem\n.",
    "a command by OBJ": b"(cposix\nsystem\nS'" + TOUCH + b"'\no.",
    "a command by STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93S'" + TOUCH + b"'\n\x85R.",
    "a command by NEWOBJ": b"\x80\x02csubprocess\nPopen\nS'" + TOUCH + b"'\n\x85\x81.",
    "an object with a reduction": pickle.dumps(Hostile()),
    "an evaluation": pickle.dumps(Evaluated(), protocol=2),
    "one deep in plain data": pickle.dumps({"TR1": [1, (2, {"x": Hostile()})]}),
    "an object with a state": pickle.dumps(WithState()),
    "one that is written, and popped before the end": b"cposix\nsystem\n(S'" + TOUCH + b"'\ntR0I1\n.",
    "a persistent object": b"Pmodule\n.",
    "a persistent object by its number": b"I1\nQ.",
    "an extension": b"\x80\x02\x82\x01.",
    "a dotted name within a known module": b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.",
    "another name within a known module": b"cnumpy\nload\n(S'x'\ntR.",
    "a codec": b"c_codecs\ndecode\n(S'x'\nS'zip'\ntR.",
    "a call of plain data": b"S'x'\n)R.",
    "a call of a name of an array": b"cnumpy\nndarray\n(I3\ntR.",
    "the state of plain data": b"]}b.",
    "the state of a name": b"cnumpy\nndarray\n(S'x'\ntb.",
    "an array of objects": pickle.dumps(np.array([Hostile(), None])),
    "an array of text": pickle.dumps(np.array(["a"])),
    "an array of named fields": pickle.dumps(np.zeros(1, [("a", "f8")])),
    "a name that is left": b"cnumpy\ndtype\n.",
    "an array that is not made": b"cnumpy.core.multiarray\n_reconstruct\n(tR.",
    "an array not made, kept in a list": b"](cnumpy.core.multiarray\n_reconstruct\n(tRlaI1\n\x86.",
    "an object as a set": pickle.dumps({1, 2}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_a_pickle_wants_run_is_refused_in_one_line_and_not_run(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"a\.pkl is (refused|damaged): ") as refused:
        read(tmp_path, HOSTILE[kind])
    assert "\n" not in str(refused.value)
    assert not Path(RESULT).exists()


@pytest.mark.parametrize("kind", ["a command", "a command by INST", "a command by STACK_GLOBAL", "an evaluation"])
def test_the_hostile_pickles_would_run_what_they_want_under_pickle_itself(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE[kind])  # noqa: S301 - our own, and they touch a file
    assert Path(RESULT).exists()


def test_a_refusal_names_the_file_and_what_it_wanted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.pkl is refused: it names posix\.system, and nothing .* is run"):
        read(tmp_path, HOSTILE["a command"])
    with pytest.raises(InputError, match=r"it names po\\nsix\.system, "):
        read(tmp_path, b"\x80\x04\x8c\x06po\nsix\x8c\x06system\x93.")


ARRAY = python2_pickle({"TR1": np.ones((2, 1))})
DOUBLED = b"q\x00h\x00\x86" * 200  # pairs of pairs of pairs: two hundred objects, and 2**200 ways through them
ENCODED = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
BOMBS = {
    "a memo of four thousand million places": (b"Nr\xf0\xff\xff\xff.", "^$"),  # here a memo is a dictionary
    "pairs of pairs": (b"N" + DOUBLED + b".", "^$"),
    "pairs of pairs to be hashed": (b"}N" + DOUBLED + b"Ns.", "a key that is neither text nor a number"),
    "a text longer than the file": (b"X\xff\xff\xff\x7fabc.", "ends too early"),
    "marks without end": (b"(" * (DEEPEST + 1), "nested more than"),
    "a text encoded again and again": (
        b"X\x00\x01\x00\x00" + b"a" * 256 + b"q\x00(" + ENCODED * 9 + b"l.",
        "more bytes than it holds text",
    ),
    "an array larger than its bytes": (ARRAY.replace(b"(I2\nI1\n", b"(I200000000\nI1\n"), "damaged: cannot reshape"),
    "an array of a negative size": (ARRAY.replace(b"(I2\nI1\n", b"(I-1\nI2\n"), "a negative size"),
    "an array of many dimensions": (ARRAY.replace(b"(I2\nI1\n", b"(I2\n" + b"I1\n" * 99), "damaged: .*dimension"),
    "a number of ten thousand digits": (b"I" + b"9" * 10_000 + b"\n.", "damaged: Exceeds the limit"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_pickle_cannot_ask_for_much_memory_or_time(kind: str, tmp_path: Path) -> None:
    content, message = BOMBS[kind]
    assert re.search(message, refusal(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"no pickle at all",
        b"I1\n",
        b"I1",
        b"Ione\n.",
        b"S'a\n.",
        b"S'\\d'\n.",
        b"S'\\x4'\n.",
        b"X\x01\x00\x00\x00\xff.",
        b"t.",
        b"(a.",
        b"]I1\nu.",
        b"}(I1\nu.",
        b"g5\n.",
        b"p0\n.",
        b"(0.",
        b"\x95\x01.",
        b"PK\x03\x04",
    ],
)
def test_a_file_that_is_no_pickle_or_a_broken_one_is_one_line(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.pkl is (refused|damaged): .*; get the published file again") as refused:
        read(tmp_path, content)
    assert "\n" not in str(refused.value)


@given(cut=st.integers(0, len(ARRAY) - 1), at=st.integers(0, len(ARRAY) - 1), byte=st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_truncated_or_altered_file_is_read_or_refused_and_nothing_else(
    tmp_path: Path, cut: int, at: int, byte: int
) -> None:
    with pytest.raises(InputError):
        read(tmp_path, ARRAY[:cut])
    assert "\n" not in refusal(tmp_path, ARRAY[:at] + bytes([byte]) + ARRAY[at + 1 :])


def test_a_missing_file_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing.pkl"):
        with pytest.raises(InputError, match="cannot be read: ") as refused:
            read_pickle(file)
        assert "\n" not in str(refused.value)


def test_a_file_of_too_many_bytes_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.inert_pickle.LARGEST_FILE", 3)
    with pytest.raises(InputError, match="has more than 0 MB"):
        read(tmp_path, b"I10\n.")


def test_a_pickle_of_too_many_operations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.inert_pickle.MOST_OPERATIONS", 100)
    assert read(tmp_path, b"(" + b"N" * 97 + b"l.") == [None] * 97
    with pytest.raises(InputError, match="more than 100 operations"):
        read(tmp_path, b"(" + b"N" * 98 + b"l.")
