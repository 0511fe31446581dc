"""SIGTERM and SIGINT: heard in order, and never in the midst of what must stay whole."""

import signal
import threading
from collections.abc import Iterator

import pytest

from bench.signals import TerminatedError, heed_sigterm, undisturbed


@pytest.fixture(autouse=True)
def _heeded() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    heed_sigterm()
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("told", "raised"), [(signal.SIGTERM, TerminatedError), (signal.SIGINT, KeyboardInterrupt)], ids=["term", "int"]
)
def test_a_signal_waits_for_the_end_of_the_block_and_no_longer(
    told: signal.Signals, raised: type[BaseException]
) -> None:
    done: list[str] = []

    def work() -> None:
        with undisturbed():
            signal.raise_signal(told)
            done.append("the block")
        done.append("what comes after")

    with pytest.raises(raised):
        work()
    assert done == ["the block"]
    with pytest.raises(raised):
        signal.raise_signal(told)


def test_a_signal_is_not_lost_where_the_block_fails() -> None:
    def fail() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError

    with pytest.raises(TerminatedError):
        fail()


def test_without_a_signal_nothing_happens_in_any_thread() -> None:
    def work() -> None:
        with undisturbed():
            done.append(threading.current_thread())

    done: list[threading.Thread] = []
    work()
    other = threading.Thread(target=work)
    other.start()
    other.join()
    assert done == [threading.main_thread(), other]
