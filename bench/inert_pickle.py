"""Reads plain data and numeric arrays from a pickle without running anything that the pickle names.

Unpickling calls what a file tells it to call, and even a restricted `pickle.Unpickler` can be told, in six bytes, to
reserve 64 GB. So this is a stack machine of our own over the few operations (see `pickletools`) that lists, tuples,
dictionaries, text, numbers and NumPy arrays are written with, in protocols 0 to 4. It has no way to import or to call:
a global is a name and nothing else; the few by which NumPy writes an array mean that an array follows; any other is
refused, as is every other operation. Work and memory are bounded by the size of the file and the limits below.
"""

import codecs
import pickletools
import struct
import warnings
from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np

from bench.errors import InputError
from bench.pickled_arrays import KNOWN_NAMES, Dtype, RefusedError, Unfilled, filled, made, order_of, the

LARGEST_FILE = 1 << 30  # bytes
MOST_OPERATIONS = 1 << 26  # each makes at most one object of its own, an empty list being the largest for its byte
DEEPEST = 100  # marks open at once
STOP, NOTHING = 0x2E, -1
OPERATIONS = {operation.code: operation.name for operation in pickletools.opcodes}

PLAIN = (str, bytes, int, float, bool, type(None))


def read_pickle(file: Path) -> object:
    """Return what a pickle holds: lists, tuples, dictionaries, text, bytes, numbers, None and numeric arrays.

    The strings of Python 2 are bytes. Raises `InputError` when the file is missing, too large, damaged, or holds or
    asks for anything else.
    """
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InputError(f"{file} has more than {LARGEST_FILE >> 20} MB; get the published file again")
        return _read(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}; put it there or make it readable") from error
    except RefusedError as error:
        raise InputError(f"{file} is refused: {error}; get the published file again") from error
    except (ValueError, DeprecationWarning) as error:  # the second: an escape that no string of Python has
        reason = ascii(str(error))[1:-1]
        raise InputError(f"{file} is damaged: {reason[:100]}; get the published file again") from error


def _read(data: bytes) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        value = _Machine(data).run()
    _refuse_unfinished(value)
    return value


def _refuse_unfinished(root: object) -> None:
    """Refuse what only the making of arrays uses, wherever it stands; lists may hold themselves."""
    waiting, seen = [root], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, list | tuple | dict):
            if id(value) not in seen:
                seen.add(id(value))
                waiting.extend(value.values() if isinstance(value, dict) else value)
        elif not isinstance(value, (*PLAIN, np.ndarray)):
            raise RefusedError("it names the parts of an array but does not make one")


class _Machine:
    """The stack, the marks on it, the memo, and where in the data the next operation stands."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}
        self.encoded = 0
        self.operations: dict[int, Callable[[], None]] = {
            ord(code): operation for code, operation in self._operations().items()
        }

    def run(self) -> object:
        """Return the value that is left when the pickle stops."""
        for _ in range(MOST_OPERATIONS):
            code = self.data[self.at] if self.at < len(self.data) else NOTHING
            self.at += 1
            if code == STOP:
                return self._pop()
            operation = self.operations.get(code)
            if operation is None:
                raise RefusedError(_why_not(code))
            operation()
        raise RefusedError(f"it has more than {MOST_OPERATIONS} operations")

    def _operations(self) -> dict[str, Callable[[], None]]:
        return self._constants() | self._containers() | self._memos() | self._globals()

    def _constants(self) -> dict[str, Callable[[], None]]:
        push, take, number, line = self.stack.append, self._take, self._number, self._line
        return {
            "N": lambda: push(None),
            "\x88": lambda: push(True),
            "\x89": lambda: push(False),
            "I": lambda: push(_integer(line())),
            "J": lambda: push(int.from_bytes(take(4), "little", signed=True)),
            "K": lambda: push(number(1)),
            "M": lambda: push(number(2)),
            "L": lambda: push(int(line().rstrip(b"L"))),
            "\x8a": lambda: push(int.from_bytes(take(number(1)), "little", signed=True)),
            "F": lambda: push(float(line())),
            "G": lambda: push(struct.unpack(">d", take(8))[0]),
            "S": lambda: push(_unquoted(line())),
            "T": lambda: push(take(number(4))),
            "U": lambda: push(take(number(1))),
            "B": lambda: push(take(number(4))),
            "C": lambda: push(take(number(1))),
            "V": lambda: push(str(line(), "raw-unicode-escape")),
            "X": lambda: push(str(take(number(4)), "utf-8", "surrogatepass")),
            "\x8c": lambda: push(str(take(number(1)), "utf-8", "surrogatepass")),
        }

    def _containers(self) -> dict[str, Callable[[], None]]:
        push, pop, marked = self.stack.append, self._pop, self._pop_to_mark
        return {
            "(": self._mark,
            "]": lambda: push([]),
            ")": lambda: push(()),
            "}": lambda: push({}),
            "l": lambda: push(marked()),
            "t": lambda: push(tuple(marked())),
            "d": lambda: push(_pairs(marked())),
            "\x85": lambda: push((pop(),)),
            "\x86": lambda: push(self._last(2)),
            "\x87": lambda: push(self._last(3)),
            "a": lambda: self._extend([pop()]),
            "e": lambda: self._extend(marked()),
            "s": lambda: self._update(list(self._last(2))),
            "u": lambda: self._update(marked()),
        }

    def _memos(self) -> dict[str, Callable[[], None]]:
        number, line = self._number, self._line
        return {
            "\x80": lambda: self._skip(1),  # the protocol
            "\x95": lambda: self._skip(8),  # the length of a frame
            "p": lambda: self._put(int(line())),
            "q": lambda: self._put(number(1)),
            "r": lambda: self._put(number(4)),
            "\x94": lambda: self._put(len(self.memo)),
            "g": lambda: self._get(int(line())),
            "h": lambda: self._get(number(1)),
            "j": lambda: self._get(number(4)),
        }

    def _globals(self) -> dict[str, Callable[[], None]]:
        return {
            "c": lambda: self._name(str(self._line(), "utf-8"), str(self._line(), "utf-8")),
            "\x93": lambda: self._name(*self._last(2)),
            "R": self._reduce,
            "b": self._build,
        }

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise RefusedError("it ends too early")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def _skip(self, size: int) -> None:
        self._take(size)

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def _line(self) -> bytes:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise RefusedError("it ends too early")
        line = self.data[self.at : end]
        self.at = end + 1
        return line

    def _pop(self) -> object:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise RefusedError("it takes a value that is not there")
        return self.stack.pop()

    def _last(self, count: int) -> tuple[object, ...]:
        return tuple(reversed([self._pop() for _ in range(count)]))

    def _mark(self) -> None:
        if len(self.marks) == DEEPEST:
            raise RefusedError(f"it is nested more than {DEEPEST} deep")
        self.marks.append(len(self.stack))

    def _pop_to_mark(self) -> list[object]:
        if not self.marks:
            raise RefusedError("it takes a value that is not there")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def _put(self, key: int) -> None:
        if not self.stack:
            raise RefusedError("it takes a value that is not there")
        self.memo[key] = value = self.stack[-1]
        if isinstance(value, Unfilled):
            value.memo = key

    def _get(self, key: int) -> None:
        if key not in self.memo:
            raise RefusedError("it takes a value that is not there")
        self.stack.append(self.memo[key])

    def _extend(self, values: list[object]) -> None:
        target = the(list, self._pop())
        target.extend(values)
        self.stack.append(target)

    def _update(self, values: list[object]) -> None:
        target = the(dict, self._pop())
        target.update(_pairs(values))
        self.stack.append(target)

    def _name(self, module: object, attribute: object) -> None:
        name = f"{module}.{attribute}"
        if name not in KNOWN_NAMES:
            raise RefusedError(f"it names {ascii(name)[1:-1][:100]}, and nothing that a pickle names is run")
        self.stack.append(KNOWN_NAMES[name])

    def _reduce(self) -> None:
        arguments, name = the(tuple, self._pop()), self._pop()
        value = made(name, arguments)
        self.encoded += len(value) if isinstance(value, bytes) else 0
        if self.encoded > len(self.data):
            raise RefusedError("it makes more bytes than it holds text")
        self.stack.append(value)

    def _build(self) -> None:
        state, target = the(tuple, self._pop()), self._pop()
        if isinstance(target, Dtype):
            target.order = order_of(state)
            self.stack.append(target)
            return
        place = the(Unfilled, target).memo
        self.stack.append(filled(state))
        if place in self.memo:
            self.memo[place] = self.stack[-1]


def _why_not(code: int) -> str:
    if code == NOTHING:
        return "it ends too early"
    known = OPERATIONS.get(chr(code))
    return f"it uses {known}, which plain data needs not" if known else "it is no pickle"


def _integer(line: bytes) -> int | bool:
    return line == b"01" if line in (b"00", b"01") else int(line)


def _unquoted(line: bytes) -> bytes:
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise RefusedError("a text in it has no quotes")
    return codecs.escape_decode(line[1:-1])[0]


def _pairs(values: list[object]) -> dict[Hashable, object]:
    keys = values[::2]
    if len(values) % 2 or not all(isinstance(key, PLAIN) for key in keys):
        raise RefusedError("a dictionary in it has a key that is neither text nor a number, or no value")
    return dict(zip(keys, values[1::2], strict=True))
