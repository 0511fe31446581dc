"""Pickles as Python 2 wrote them in protocol 0, its default: how lists of tracks were once published."""

import numpy as np

Value = object


def python2_pickle(value: Value) -> bytes:
    """Return the pickle of lists, dictionaries, text, whole numbers and arrays, text being Python 2's `str`."""
    return _written(value, [0]) + b"."


def _written(value: Value, memo: list[int]) -> bytes:
    if isinstance(value, str):
        return b"S" + _quoted(value.encode()) + b"\n" + _put(memo)
    if isinstance(value, int):
        return b"I%d\n" % value
    if isinstance(value, list):
        return b"(l" + _put(memo) + b"".join(_written(each, memo) + b"a" for each in value)
    if isinstance(value, dict):
        items = (_written(key, memo) + _written(each, memo) + b"s" for key, each in value.items())
        return b"(d" + _put(memo) + b"".join(items)
    assert isinstance(value, np.ndarray)
    return _array(value, memo)


def _array(value: "np.ndarray", memo: list[int]) -> bytes:
    made = b"cnumpy.core.multiarray\n_reconstruct\n" + _put(memo)
    made += b"(cnumpy\nndarray\n" + _put(memo) + b"(I0\nt" + _put(memo) + b"S'b'\n" + _put(memo)
    made += b"t" + _put(memo) + b"R" + _put(memo)
    shape = b"".join(b"I%d\n" % size for size in value.shape)
    dtype = b"cnumpy\ndtype\n" + _put(memo) + b"(S'" + value.dtype.str[1:].encode() + b"'\n" + _put(memo)
    dtype += b"I0\nI1\nt" + _put(memo) + b"R" + _put(memo)
    dtype += b"(I3\nS'" + value.dtype.str[:1].encode() + b"'\n" + _put(memo) + b"NNNI-1\nI-1\nI0\nt" + _put(memo) + b"b"
    data = b"I00\nS" + _quoted(value.tobytes()) + b"\n" + _put(memo)
    return made + b"(I1\n(" + shape + b"t" + _put(memo) + dtype + data + b"t" + _put(memo) + b"b"


def _quoted(text: bytes) -> bytes:
    return repr(text)[1:].encode()


def _put(memo: list[int]) -> bytes:
    memo[0] += 1
    return b"p%d\n" % memo[0]
