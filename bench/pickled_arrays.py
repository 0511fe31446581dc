"""What NumPy writes into a pickle, told from its parts: arrays and numbers of a plain numeric kind, and nothing else.

A pickled array names `_reconstruct`, `ndarray` and `dtype` and gives a shape and the numbers as bytes. Here those names
are names, the dtype is a code and a byte order, and the array is made from the bytes; nothing is looked up or called.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

NUMERIC = re.compile(r"b1|[iu][1248]|f[248]")
ORDERS = {"<": "<", ">": ">", "=": "=", "|": "="}  # the last: of one byte

T = TypeVar("T")


class RefusedError(Exception):
    """Why a pickle is not read, in a few words."""


@dataclass(frozen=True)
class Name:
    """A global as it is written; nothing of that name is looked up."""

    name: str


@dataclass
class Dtype:
    """A numeric dtype in the making: its code, such as "f8", and its byte order, which follows."""

    code: str
    order: str = "="


@dataclass
class Unfilled:
    """An array in the making; its contents follow. `memo` is where the pickle keeps it."""

    memo: int = -1


RECONSTRUCT, SCALAR, NDARRAY, DTYPE, ENCODE, BYTES = map(
    Name, ("reconstruct", "scalar", "ndarray", "dtype", "encode", "bytes")
)
KNOWN_NAMES = {
    **{f"numpy.{core}.multiarray._reconstruct": RECONSTRUCT for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": SCALAR for core in ("core", "_core")},
    "numpy.ndarray": NDARRAY,
    "numpy.dtype": DTYPE,
    "_codecs.encode": ENCODE,  # how Python 3 writes bytes in protocols 0 to 2
    "__builtin__.bytes": BYTES,  # and none
}


def made(name: object, arguments: tuple[object, ...]) -> object:
    """Return what a call of a known name stands for; raises `RefusedError` where the arguments are not NumPy's."""
    if name == RECONSTRUCT:
        return Unfilled()
    if name == DTYPE:
        return _dtype(arguments)
    if name == SCALAR:
        return _scalar(arguments)
    if name == ENCODE:
        return _encoded(arguments)
    if name == BYTES and arguments == ():
        return b""
    raise RefusedError("it calls what is not to be called")


def order_of(state: tuple[object, ...]) -> str:
    """Return the byte order that the state of a dtype gives."""
    return the(str, _text(state[1] if len(state) > 1 else None))


def filled(state: tuple[object, ...]) -> NDArray[np.generic]:
    """Return the array of a state: a version, shape, dtype, whether columns come first, and the numbers as bytes."""
    if len(state) != 5:
        raise RefusedError("an array in it has no contents")
    shape = [the(int, size) for size in the(tuple, state[1])]
    if min(shape, default=0) < 0:
        raise RefusedError("an array in it has a negative size")
    values = np.frombuffer(the(bytes, state[4]), _numpy_dtype(state[2]))
    return values.reshape(shape, order="F" if state[3] else "C")


def the(kind: type[T], value: object) -> T:
    """Return a value that must be of exactly this kind."""
    if type(value) is not kind:
        raise RefusedError(f"it has something else where a {kind.__name__.lower()} belongs")
    return value


def _text(value: object) -> object:
    return str(value, "latin-1") if isinstance(value, bytes) else value


def _dtype(arguments: tuple[object, ...]) -> Dtype:
    code = the(str, _text(arguments[0] if arguments else None))
    if not NUMERIC.fullmatch(code):
        raise RefusedError(f"it holds an array of {ascii(code)[:20]}, which are not numbers")
    return Dtype(code)


def _numpy_dtype(value: object) -> np.dtype[np.generic]:
    dtype = the(Dtype, value)
    if dtype.order not in ORDERS:
        raise RefusedError("an array in it has no byte order")
    return np.dtype(ORDERS[dtype.order] + dtype.code)


def _scalar(arguments: tuple[object, ...]) -> object:
    if len(arguments) != 2:
        raise RefusedError("a number in it has no value")
    values = np.frombuffer(the(bytes, arguments[1]), _numpy_dtype(arguments[0]))
    return values.reshape(()).item()


def _encoded(arguments: tuple[object, ...]) -> bytes:
    if len(arguments) != 2 or _text(arguments[1]) != "latin1":
        raise RefusedError("it encodes text in another way than Python does")
    return the(str, arguments[0]).encode("latin-1")
