"""Stable digests: the same content gives the same name on every machine and in every Python version."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import StringConstraints

DIGEST_CHARACTERS = 16

Digest = Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{DIGEST_CHARACTERS}}}$")]  # read: it may name a folder


def content_digest(*parts: bytes) -> str:
    """Return the SHA-256 of `parts`, each preceded by its length, as 16 hexadecimal characters."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()[:DIGEST_CHARACTERS]


def json_digest(value: object) -> str:
    """Return the digest of a JSON-serialisable value, whatever the order of its keys."""
    return content_digest(json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False).encode())


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def unit_hashes(names: Iterable[str], salt: str) -> NDArray[np.float64]:
    """Return one number in [0, 1) for each name, shape (names,): a function of name and salt alone."""
    heads = [hashlib.sha256(f"{salt}\0{name}".encode()).digest()[:8] for name in names]
    integers = np.frombuffer(b"".join(heads), dtype=">u8") >> np.uint64(11)  # 53 bits: exact in a float64
    return integers.astype(np.float64) / 2.0**53
