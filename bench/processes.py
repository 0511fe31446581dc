"""The processes that torchrun started on one study: the first does all there is, and the others what it hands out.

The first reads the study, prepares the tracks, trains alone the families that cannot share work, and writes; the others
wait meanwhile, however long it takes. Without torchrun there is one process, which is the first, and no group of them.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from signal import SIGINT
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.distributed_c10d import Store, _get_default_store

from bench.errors import InputError, StudyFailedError
from bench.progress import be_silent
from bench.signals import LostProcessError, TerminatedError, undisturbed

LONGEST_EXCHANGE = timedelta(minutes=30)  # of a process that neither answers nor ends, nobody hears more
SECONDS_BETWEEN = 0.1  # two looks for work
HANDED_OUT, DISMISSED = "handed out", "dismissed"
DONE, FAILED = "done", "failed"  # how the first process dismisses the others

Result = TypeVar("Result")


def started_together() -> bool:
    """Tell whether torchrun has started this process, and others with it."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def count() -> int:
    """Return the number of processes that work together."""
    return dist.get_world_size() if _joined() else 1


def rank() -> int:
    """Return the number of this process among them, from 0."""
    return dist.get_rank() if _joined() else 0


def is_first() -> bool:
    """Tell whether this is the process that writes and tells."""
    return rank() == 0


def own_device(device: str) -> torch.device:
    """Return the device of this process, "cpu" or "cuda": with several processes on a machine, each has a GPU."""
    return (
        torch.device(device, torch.cuda.current_device()) if device == "cuda" and count() > 1 else torch.device(device)
    )


def own_share(places: range) -> range:
    """Return the part of consecutive places that is this process's; as many go to each."""
    share = len(places) // count()
    return places[rank() * share : (rank() + 1) * share]


def run_together(device: str, work: Callable[[], None]) -> None:
    """Do `work` in the first process, and in the others what it hands out meanwhile.

    Raises what `work` raises, in the first process, and `StudyFailedError` in the others where that is an error of the
    user's or of the study: torchrun on another machine would wait minutes for an end that is not theirs. Raises
    `InputError` where a machine has fewer GPUs than processes; and `LostProcessError` where another process has ended
    before its time.
    """
    if not started_together():
        work()
        return
    with _group(device) as store:
        if not is_first():
            be_silent()
            _follow(store)
            return
        try:
            work()
        except (InputError, StudyFailedError):
            _dismiss(store, FAILED)
            raise
        _dismiss(store, DONE)


def hand_out(work: Callable[[], object]) -> None:
    """Let the other processes do what the first is about to do; what they return is lost.

    An `InputError` or a `StudyFailedError` in the midst of it must come in all processes alike.
    """
    if count() > 1:
        _store().add(HANDED_OUT, 1)
        _sent_by_first(work)


def from_first(work: Callable[[], Result]) -> Result:
    """Do a piece of work in the first process; return in all what it returned, which pickle can send."""
    if count() == 1:
        return work()
    result: Result = _sent_by_first(work() if is_first() else None)
    return result


def add_up(tensor: Tensor) -> None:
    """Put the sum over all processes in the place of a tensor's values."""
    with _reaching_others():
        dist.all_reduce(tensor)


def from_all(tensor: Tensor) -> Tensor:
    """Return the tensors of all processes, alike in shape, stacked along a new first axis."""
    tensors = [torch.empty_like(tensor) for _ in range(count())]
    with _reaching_others():
        dist.all_gather(tensors, tensor)
    return torch.stack(tensors)


def take_from_first(tensor: Tensor) -> None:
    """Put the values that a tensor has in the first process in the place of this process's."""
    with _reaching_others():
        dist.broadcast(tensor, src=0)


@contextmanager
def ending_together() -> Iterator[Callable[[], None]]:
    """Hold SIGINT and SIGTERM back inside; the function that is given raises them in all processes where one has any.

    All processes have to call it at the same points. With one process nothing is held back, and nothing raised.
    """
    if count() == 1:
        yield lambda: None
        return
    with undisturbed() as told:

        def heed() -> None:
            any_told = int(from_all(torch.tensor(max(told, default=0))).max())
            if any_told:
                told.clear()
                raise KeyboardInterrupt if any_told == SIGINT else TerminatedError

        yield heed


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


@contextmanager
def _group(device: str) -> Iterator[Store]:
    """Form the group, and end it however the block ends; it gives the store.

    A thread of the group that lets go of a tensor while the interpreter ends would abort the process. Whoever imports
    `torch.distributed.nn` for the first time, as an optimizer's first step does, gives its functions the group of that
    moment as a default, with which its threads live as long as the process: it is imported while there is none.
    """
    import_module("torch.distributed.nn")
    store = _join(device)
    try:
        yield store
    finally:
        dist.destroy_process_group()


def _join(device: str) -> Store:
    """Form the group; tensors on the CPU travel by gloo, those on GPUs by NCCL."""
    if device == "cuda":
        here, found = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > found:
            raise InputError(
                f"torchrun has started {here} processes here; torch finds {found} GPUs: start one for each"
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=LONGEST_EXCHANGE)
    return _store()


def _store() -> Store:
    """Return where processes can leave a word that others look for, and go on."""
    return _get_default_store()  # torch has no other name for it


def _sent_by_first(value: Any) -> Any:  # noqa: ANN401 - anything that pickle can send
    box = [value]
    with _reaching_others():
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


def _follow(store: Store) -> None:
    """Do what is handed out, one after another, until nothing more will be."""
    done = 0
    while _more_comes(store, done):
        with suppress(InputError, StudyFailedError):  # the first has the same, and tells of it
            _sent_by_first(None)()
        done += 1
    with _reaching_others():
        how = store.get(DISMISSED).decode()
    _wait_for_all()
    if how == FAILED:
        raise StudyFailedError("the first process has failed, and says why")


def _more_comes(store: Store, done: int) -> bool:
    """Wait until more is handed out than was done, or nothing more will be.

    Nothing is sent or received meanwhile, so that there is no limit to the time, and signals are heard.
    """
    with _reaching_others():
        while store.add(HANDED_OUT, 0) == done:
            if store.check([DISMISSED]):
                return False
            time.sleep(SECONDS_BETWEEN)
    return True


def _dismiss(store: Store, how: str) -> None:
    """Let the others know that it is over, and wait until they do: the store may end with this process."""
    with _reaching_others():
        store.set(DISMISSED, how)
    _wait_for_all()


def _wait_for_all() -> None:
    from_all(torch.zeros(()))


@contextmanager
def _reaching_others() -> Iterator[None]:
    """Tell a lost connection, which torch tells as any `RuntimeError`, from other faults."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(str(error)) from error
