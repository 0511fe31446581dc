"""Describe tracks on request, in a process of its own that may be killed: `python -m baselines.features SET SECONDS`.

SET is `groups`, our own descriptors, or `music_extractor`. The first line out is the JSON list of their names. Then
each line in is a JSON track, `file` (int16 samples), `start` and `length` in samples and `rate` in Hz, and each line
out its `descriptors`, or the `problem`. A track that takes more than SECONDS of CPU time ends the process by SIGPROF:
nothing in Python could interrupt essentia's own loops. The process ends with its input, and at once when nobody reads
its answers.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from baselines.features import extractor, music_extractor
from baselines.features.stft import Float32Array
from bench.store import FULL_SCALE

SETS = {"groups": extractor, "music_extractor": music_extractor}
Describe = Callable[[Float32Array, int], Float32Array]


def serve(set_name: str, cpu_seconds: float) -> None:
    """Answer requests on standard input until it ends."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the parent is gone: end without a word
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no reply
    descriptor_set = SETS[set_name]
    replies.write(json.dumps(descriptor_set.descriptor_names()) + "\n")
    replies.flush()
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        reply = _answer(descriptor_set.describe, **json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _answer(describe: Describe, file: str, start: int, length: int, rate: int) -> dict[str, Any]:
    try:
        return {"descriptors": describe(_samples(file, start, length), rate).tolist()}
    except (OSError, MemoryError):  # the store cannot be read, or the machine is full: no fault of the track
        raise
    except Exception as error:  # noqa: BLE001 (whatever an odd track sets off must not end the study)
        return {"problem": f"{type(error).__name__}: {error}"}


def _samples(file: str, start: int, length: int) -> Float32Array:
    """Read, not map: pages mapped by a process that sees a million tracks would add up to its memory."""
    return np.fromfile(file, "<i2", count=length, offset=2 * start).astype(np.float32) / np.float32(FULL_SCALE)


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]))
