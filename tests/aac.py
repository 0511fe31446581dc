"""Encodes music as AAC and ALAC by FFmpeg (PyAV): nothing else here can write what essentia reads."""

import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
FRAMES = 4096


def encoded_m4a(
    samples: np.ndarray, rate: int = 44100, *, codec: str = "aac", form: str = "ipod", flags: str = ""
) -> bytes:
    """Return a file's bytes of samples, shape (samples,) or (samples, channels).

    `form` is "ipod" (.m4a), "mp4" or "adts" (.aac), `flags` are FFmpeg's movflags: with "faststart" the index stands
    at the beginning.
    """
    with tempfile.TemporaryDirectory() as folder:  # to set its index first, FFmpeg opens the file again
        file = Path(folder) / "encoded"
        with av.open(str(file), "w", format=form, options={"movflags": flags} if flags else {}) as container:
            _encode(container, np.ascontiguousarray(np.atleast_2d(samples.T), np.float32), rate, codec)
        return file.read_bytes()


def _encode(container: av.container.OutputContainer, channels: np.ndarray, rate: int, codec: str) -> None:
    stream: Any = container.add_stream(codec, rate=rate)
    stream.layout = layout = LAYOUTS[len(channels)]
    for start in range(0, channels.shape[1], FRAMES):
        frame = _frame(channels[:, start : start + FRAMES], layout, planes="s16p" if codec == "alac" else "fltp")
        frame.sample_rate, frame.pts = rate, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _frame(channels: np.ndarray, layout: str, *, planes: str) -> av.AudioFrame:
    values = np.rint(channels * 32767).astype(np.int16) if planes == "s16p" else channels
    return av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format=planes, layout=layout)
