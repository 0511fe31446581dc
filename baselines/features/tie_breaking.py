"""The noise by which essentia's beat trackers break ties: the same for every track, whatever was described before.

TempoTapDegara, and with it RhythmExtractor2013 and MusicExtractor, adds a ten-thousandth of noise to how likely each
tempo is. It takes it from the C library's `rand`, which goes on from track to track: where two tempi are as likely, a
track's beats depend on how many tracks its process has described (essentia, issue 1097).
"""

import ctypes

_C_LIBRARY = ctypes.CDLL(None)
FIRST_NOISE = 1  # the seed of a process that sets none: a track has the beats that it has as the first of a process


def restart_noise() -> None:
    """Let the noise begin anew, as in a new process; to be called before the beats of each track are tracked."""
    _C_LIBRARY.srand(FIRST_NOISE)
