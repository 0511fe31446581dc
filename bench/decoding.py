"""Decode tracks in a child process that may be killed: `python -m bench.decoding SETTINGS SECONDS`.

SETTINGS are the audio settings as JSON, SECONDS the limit of CPU time a track. A request names a `source`, which is a
`file` in the `root` of a data set and its `sha256`, and the `output` to write its samples to from the byte `start` on;
the reply tells their `length`, their `rate` in Hz and the `facts` of the file, or why the track is `rejected`.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.audio import AudioSettings, decode
from bench.corpus import Float32Array, leads_out
from bench.digest import file_sha256
from bench.errors import StudyFailedError
from bench.facts import FileFacts, RejectedTrackError
from bench.isolation import Isolated, KilledError, serve
from bench.sound_file import can_be_read, decoders_silenced

FULL_SCALE = 32768.0
TRACK_CPU_SECONDS = 300.0  # a track of 6.8 h takes under a minute


@dataclass(frozen=True)
class Source:
    """A track's `file`, relative to the `root` of its data set, and the SHA-256 published for it ("": not known)."""

    root: Path
    file: str
    sha256: str = ""


@dataclass(frozen=True)
class Written:
    """The number of samples that a track was written as, their `rate` in Hz, and the facts of its file."""

    length: int
    rate: int
    facts: FileFacts


class DecoderDiedError(RejectedTrackError):
    """A track that its decoder did not survive: another time, or on another machine, one may."""


class Decoder(Isolated):
    """A child process that decodes tracks one after another; use it in a `with` block, which ends the child."""

    def __init__(self, settings: AudioSettings) -> None:
        super().__init__("bench.decoding", [settings.model_dump_json(), str(TRACK_CPU_SECONDS)], name="decoding")

    def decode(self, source: Source, output: Path, start: int) -> Written:
        """Write a track's int16 samples from the byte `start` of `output` on, and return what was written.

        What a decoder that died had written there is overwritten; it may reach further than what is written next.
        Raises `RejectedTrackError` when the file cannot be used, `DecoderDiedError` when it crashes its decoder or
        takes it more than `TRACK_CPU_SECONDS`, `OSError` when the samples cannot be written, and `StudyFailedError`
        when there is no child to decode, or the machine kills it each time, which says nothing of the file.
        """
        request = {"source": asdict(source) | {"root": str(source.root)}, "output": str(output), "start": start}
        try:
            reply = self.ask(request)
        except KilledError as killed:
            if killed.for_memory:
                raise StudyFailedError(f"{source.file}: {killed.told('decoding it', TRACK_CPU_SECONDS)}") from killed
            raise DecoderDiedError(killed.told("decoding it", TRACK_CPU_SECONDS)) from killed
        if "rejected" in reply:
            raise RejectedTrackError(reply["rejected"])
        return Written(reply["length"], reply["rate"], FileFacts(**reply["facts"]))


def _answer(request: dict[str, Any], settings: AudioSettings) -> dict[str, Any]:
    source = Source(**request["source"] | {"root": Path(request["source"]["root"])})
    file = source.root / source.file
    try:
        if can_be_read(file):  # why it cannot, the decoder knows to say
            _check_belongs(file, source)
        with decoders_silenced():
            decoded = decode(file, settings)
    except RejectedTrackError as reason:
        return {"rejected": str(reason)}
    with Path(request["output"]).open("r+b") as output:
        output.seek(request["start"])
        output.write(_to_int16(decoded.samples).data)
    return {"length": len(decoded.samples), "rate": decoded.rate, "facts": asdict(decoded.facts)}


def _check_belongs(file: Path, source: Source) -> None:
    if leads_out(source.root, file):
        raise RejectedTrackError("is a link that leads out of the data set's folder; put the file itself there")
    if source.sha256 and file_sha256(file) != source.sha256.lower():
        raise RejectedTrackError("is not the file that the data set publishes (its SHA-256 differs); download it again")


def _to_int16(samples: Float32Array) -> NDArray[np.int16]:
    scaled = samples * np.float32(FULL_SCALE)
    np.rint(scaled, out=scaled)  # in place: memory that is new for each step costs more than the step
    np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1, out=scaled)
    integers: NDArray[np.int16] = scaled.astype("<i2")
    return integers


if __name__ == "__main__":
    heard_as = AudioSettings.model_validate_json(sys.argv[1])
    serve(lambda request: _answer(request, heard_as), cpu_seconds=float(sys.argv[2]))
