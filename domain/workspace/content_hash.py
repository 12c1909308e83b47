"""Content hash v2: what a workspace holds, as one digest that costs no reading of tensors.

Of a safetensors file only the JSON header counts, of other files the whole content (beyond 1 GiB: name and size), of a
link inside the workspace where it leads. Existing sentinels carry such digests: nothing here may change without a new
`hash_algorithm`. The deep hash has the same form over whole contents, tensors included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

ALGORITHM = "v2"
FULL_READ_LIMIT_BYTES = 1 << 30
MAX_HEADER_BYTES = 100 << 20
HEADER_LENGTH_BYTES = 8


class FileRecord(NamedTuple):
    """One hashed file. path: relative, `/`, NFC. Links have size and time 0. sha: "sha256:" and 64 hex digits."""

    path: str
    size_bytes: int
    mtime_ns: int
    sha: str


class Recipe(Enum):
    """How a file's own digest is made."""

    HEADER = "safetensors header"
    WHOLE = "whole content"
    NAME_AND_SIZE = "name and size"


class Unhashable(Exception):
    """A file that can have no digest, so that its workspace has none. The text says which and why."""


def recipe_of(name: str, size_bytes: int) -> Recipe:
    """name: the base name."""
    if name.endswith(".safetensors"):
        return Recipe.HEADER
    return Recipe.NAME_AND_SIZE if size_bytes > FULL_READ_LIMIT_BYTES else Recipe.WHOLE


def header_length(prefix: bytes) -> int:
    """Of a safetensors file from its first eight bytes. Raises Unhashable."""
    length = int.from_bytes(prefix, "little")
    if len(prefix) < HEADER_LENGTH_BYTES or not 0 < length <= MAX_HEADER_BYTES:
        raise Unhashable("its safetensors header is broken")
    return length


def text_digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def name_and_size_digest(name: str, size_bytes: int) -> str:
    return text_digest(f"{name}\0{size_bytes}".encode())


def link_digest(target: str) -> str:
    """target: where the link leads, relative to the workspace, with `/`."""
    return text_digest(b"SYMLINK\0" + target.encode("utf-8", "surrogateescape"))


def aggregate(records: Iterable[FileRecord]) -> str:
    """The digest of the whole; the order of the records does not matter."""
    digest = hashlib.sha256()
    for record in sorted(records, key=lambda each: each.path):
        digest.update(record.path.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
        digest.update(record.sha.encode("ascii"))
    return f"sha256:{digest.hexdigest()}"


def record_path_problem(path: object) -> str | None:
    """Why a recorded path must not be used, whoever wrote it down; None when it may."""
    if not isinstance(path, str):
        return "a path is no text"
    if not path:
        return "a path is empty"
    if "\0" in path or "\\" in path:
        return f"the path {path!r} holds a NUL or a backslash"
    if path.startswith("/") or path[1:2] == ":":
        return f"the path {path!r} is absolute"
    if ".." in path and ".." in path.split("/"):
        return f"the path {path!r} leaves the workspace"
    return None
