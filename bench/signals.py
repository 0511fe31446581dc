"""SIGTERM, a cluster's pre-emption, ends a run in order, as Ctrl-C does; neither cuts into what must stay whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TerminatedError(BaseException):
    """The process was told to end; as a `KeyboardInterrupt`, it is no fault that anything on the way may handle."""


class LostProcessError(BaseException):
    """Another process of this run has ended before its time, and this one cannot go on alone."""


def heed_sigterm() -> None:
    """Raise `TerminatedError` in the main thread where SIGTERM would end the process without a word."""
    signal.signal(signal.SIGTERM, _terminate)


@contextmanager
def undisturbed() -> Iterator[list[int]]:
    """Hold SIGINT and SIGTERM back until the block is done; only the main thread is ever told of them.

    Those that are held are in the list that it gives.
    """
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield held
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda told, _: held.append(told))
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for told in held:
            signal.raise_signal(told)


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as Python calls it
    raise TerminatedError
