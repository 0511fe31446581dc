"""Describe tracks on request, in a process of its own that may be killed: `python -m baselines.features RATE SECONDS`.

The first line out is the JSON list of descriptor names at that sample rate. Then each line in is a JSON track, `file`
(int16 samples), `start` and `length` in samples, and each line out its `descriptors`, or the `problem`. A track that
takes more than SECONDS of CPU time ends the process by SIGPROF: nothing in Python could interrupt essentia's own loops.
The process ends with its input, and at once when nobody reads its answers.
"""

import json
import os
import signal
import sys
from typing import Any

import numpy as np

from baselines.features.extractor import Extractor
from baselines.features.stft import Float32Array
from bench.store import FULL_SCALE


def serve(sample_rate: int, cpu_seconds: float) -> None:
    """Answer requests on standard input until it ends."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the parent is gone: end without a word
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no reply
    extractor = Extractor(sample_rate)
    replies.write(json.dumps(extractor.names) + "\n")
    replies.flush()
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        reply = _answer(extractor, **json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _answer(extractor: Extractor, file: str, start: int, length: int) -> dict[str, Any]:
    try:
        return {"descriptors": extractor.describe(_samples(file, start, length)).tolist()}
    except OSError:  # the audio store cannot be read, which is no fault of the track
        raise
    except Exception as error:  # noqa: BLE001 (whatever an odd track sets off must not end the study)
        return {"problem": f"{type(error).__name__}: {error}"}


def _samples(file: str, start: int, length: int) -> Float32Array:
    """Read, not map: pages mapped by a process that sees a million tracks would add up to its memory."""
    return np.fromfile(file, "<i2", count=length, offset=2 * start).astype(np.float32) / np.float32(FULL_SCALE)


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]))
