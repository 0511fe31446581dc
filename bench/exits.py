"""How a command begins and ends: every mistake and every failure is one line on standard error and an exit code."""

import errno
import os
import sys
import traceback
from collections.abc import Callable

from bench.errors import BetterThanExpectedError, InputError, StudyFailedError
from bench.one_line import message_line
from bench.signals import LostProcessError, TerminatedError, heed_sigterm

AGAIN = "run the same command again to continue"
ADVICE = {  # by what the system calls its errors
    (errno.ENOSPC, errno.EDQUOT): "free some space, or give another --out or --cache",
    (errno.EFBIG,): "allow larger files (ulimit -f), or give another --out or --cache",
    (errno.EROFS,): "make it writable, or give another --out or --cache",
    (errno.EACCES, errno.EPERM): "let this user read and write there, or give another --out or --cache",
    (errno.EMFILE, errno.ENFILE): "allow more open files (ulimit -n), or use fewer --workers",
    (errno.ENOMEM, errno.EAGAIN): "free some memory, or use fewer --workers",
    (errno.EIO, errno.ESTALE): "see whether the disk or the file server is well",
    (errno.ENOENT,): "put it back",
}

DONE, FAILED, WRONG_INPUT, BETTER, OUR_FAULT, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143


def begin() -> None:
    """Prepare the process, before torch is loaded: SIGTERM is heeded, and threads do not spin while they wait.

    Those that do make a training step two to three times as long wherever another process is busy.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    heed_sigterm()


def exit_code_of(command: Callable[[], None]) -> int:
    """Do what a command says and return its exit code; what went wrong is told on standard error."""
    try:
        command()
    except InputError as error:
        return _told_here(str(error), WRONG_INPUT)
    except StudyFailedError as error:
        return _told_here(str(error), FAILED)
    except BetterThanExpectedError as error:
        return _told(str(error), BETTER)
    except OSError as error:
        return _told(_advised(error), FAILED)
    except KeyboardInterrupt:
        return _told_here(f"interrupted; {AGAIN}", INTERRUPTED)
    except TerminatedError:
        return _told_here(f"terminated; {AGAIN}", TERMINATED)
    except LostProcessError as error:
        return _told_here(f"another process has ended ({error}); {AGAIN}", FAILED)
    except Exception:  # noqa: BLE001 - the last door: whatever comes here is a fault of ours
        traceback.print_exc()
        return _told("this is a fault of tagbench; please report it with the lines above", OUR_FAULT)
    return DONE


def _advised(error: OSError) -> str:
    """Return what the system refused, of which file, and what to do."""
    reason = os.strerror(error.errno) if error.errno else str(error)  # libraries have words of their own for it
    what = ": ".join(str(part) for part in (reason, error.filename) if part)
    advice = next((advice for numbers, advice in ADVICE.items() if error.errno in numbers), "mend that")
    return f"{what}; {advice}, then {AGAIN}"


def _told(line: str, code: int) -> int:
    sys.stderr.write(f"tagbench: {message_line(line)}\n")
    return code


def _told_here(line: str, code: int) -> int:
    """Tell what all processes that torchrun has started on this machine meet alike."""
    return _told(line, code) if os.environ.get("LOCAL_RANK", "0") == "0" else code
