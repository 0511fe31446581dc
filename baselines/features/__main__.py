"""Describe tracks in a child process that may be killed: `python -m baselines.features SET SECONDS`.

SET is `groups`, our own descriptors, or `music_extractor`, SECONDS the limit of CPU time a track. The greeting is the
names of the descriptors. A request names a track: a `file` of int16 samples, `start` and `length` in samples and
`rate` in Hz. The reply has its `descriptors`, or the `problem` why there are none.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from baselines.features import extractor, music_extractor
from baselines.features.stft import Float32Array
from bench.isolation import serve
from bench.store import FULL_SCALE

SETS = {"groups": extractor, "music_extractor": music_extractor}
Describe = Callable[[Float32Array, int], Float32Array]


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
    wanted = SETS[sys.argv[1]]
    serve(
        lambda request: _answer(wanted.describe, **request),
        cpu_seconds=float(sys.argv[2]),
        greeting=wanted.descriptor_names(),
    )
