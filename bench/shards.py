"""A shard of prepared audio on disk: what its manifest tells, whether it is whole, what another takes over from it.

A track's samples in one shard are good for any other, as long as the track's key is the same: the digest of its file as
it is on disk and should be, and of how it is heard.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from pydantic import BaseModel

from bench.digest import json_digest
from bench.facts import FileFacts
from bench.m4a import NEEDS_ESSENTIA, has_essentia

SAMPLE_BYTES = 2
_SEALED = re.compile(rb'\{"sha256":"(?P<sha256>[0-9a-f]{64})",')


class Samples(BaseModel):
    """What is known of a track's samples: their number, their `rate` in Hz, their SHA-256, and the facts of the file.

    `key` is that of the track.
    """

    length: int
    rate: int
    facts: FileFacts
    sha256: str
    key: str

    @property
    def size(self) -> int:
        """The number of bytes that they take."""
        return self.length * SAMPLE_BYTES


class Rejection(BaseModel):
    """Why a track was refused, and its `key`: none where the reason may lie in the machine, not in the file."""

    reason: str
    key: str | None


class Manifest(BaseModel):
    """What is known of a shard's tracks, by their ids, those with samples in the order of their samples."""

    tracks: dict[str, Samples]
    rejected: dict[str, Rejection]

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON that starts with the SHA-256 of all else in it."""
        content = self.model_dump_json().encode()
        return b'{"sha256":"%s",%s' % (bytes_sha256(content).encode(), content[1:])

    @staticmethod
    def read(file: Path) -> "Manifest":
        """Read a manifest; raises `ValueError` where it is damaged, and `OSError` as reading does.

        One that an earlier version wrote says nothing of its SHA-256.
        """
        content = file.read_bytes()
        sealed = _SEALED.match(content)
        if sealed and bytes_sha256(b"{" + content[sealed.end() :]).encode() != sealed["sha256"]:
            raise ValueError(f"{file} is damaged")
        return Manifest.model_validate_json(content)

    def starts(self) -> Iterator[int]:
        """Yield the byte at which each track's samples start, and at last where all of them end."""
        return accumulate((track.size for track in self.tracks.values()), initial=0)

    def lies_in(self, samples_file: Path) -> bool:
        """Tell whether a file is there and as large as all samples."""
        *_, end = self.starts()
        return samples_file.is_file() and samples_file.stat().st_size == end


@dataclass(frozen=True)
class Place:
    """Where a shard has the samples of a track: its file, and the byte at which they start."""

    samples_file: Path
    start: int
    samples: Samples

    def read(self) -> bytes | None:
        """Return the samples, or nothing where they are not there any more as they were written.

        Another process may have made the shard again since its manifest was read.
        """
        try:
            with self.samples_file.open("rb") as file:
                file.seek(self.start)
                content = file.read(self.samples.size)
        except OSError:  # who did not ask for this shard need not mend it
            return None
        return content if bytes_sha256(content) == self.samples.sha256 else None


def shard_name(ids: list[str], keys: list[str]) -> str:
    """Name a shard by its tracks' ids and keys, and by whether essentia is installed.

    Without it a track may be refused that another machine decodes. Under one name, the one would replace the other's
    shard, and who reads that meanwhile would hear the wrong samples.
    """
    return json_digest([ids, keys] if has_essentia() else [ids, keys, NEEDS_ESSENTIA])


def bytes_sha256(content: bytes) -> str:
    """Return the SHA-256 of what was read, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_whole(file: Path) -> bool:
    """Tell whether the shard of a manifest is there as it was written.

    Hashing costs 0.7 s a GB and thread (SHA-256 in hardware), which is 9 hours of audio at 16 kHz.
    """
    samples_file = file.with_suffix(".i16")
    try:
        content = Manifest.read(file)
        if not content.lies_in(samples_file) or any(map(_may_heal, content.rejected.values())):
            return False
        with samples_file.open("rb") as samples:
            return all(bytes_sha256(samples.read(track.size)) == track.sha256 for track in content.tracks.values())
    except (FileNotFoundError, ValueError):
        return False


def find_done(folder: Path, wanted: set[str]) -> dict[str, Place | Rejection]:
    """Return what the shards in a folder have of the tracks of the `wanted` keys, by key, where it holds good."""
    found: dict[str, Place | Rejection] = {}
    for file in sorted(folder.glob("*.json")):
        samples_file = file.with_suffix(".i16")
        try:
            content = Manifest.read(file)
            if not content.lies_in(samples_file):
                continue
        except (OSError, ValueError):  # of an older form, damaged, or gone
            continue
        for rejection in content.rejected.values():
            if rejection.key in wanted and not _may_heal(rejection):
                found.setdefault(rejection.key, rejection)
        for track, start in zip(content.tracks.values(), content.starts(), strict=False):
            if track.key in wanted:  # before a rejection, as by a machine that lacked something
                found[track.key] = Place(samples_file, start, track)
    return found


def _may_heal(rejection: Rejection) -> bool:
    """Tell whether a track was refused for want of essentia, and this machine has it.

    A machine that has it writes such a refusal itself where it cannot be imported.
    """
    return rejection.reason == NEEDS_ESSENTIA and has_essentia()
