"""Names that come from a hub and become names on this disk. Whatever could lead elsewhere is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_NAME_BYTES = 255
MAX_PATH_CHARACTERS = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RESERVED_ON_WINDOWS = re.compile(r"[a-zA-Z]:")


def file_name_problem(path: str) -> str | None:
    """Why a file of this name must not be written below a model's folder; None when it may."""
    if not path:
        return "it is empty"
    if len(path) > MAX_PATH_CHARACTERS:
        return f"it has more than {MAX_PATH_CHARACTERS} characters"
    if _CONTROL.search(path):
        return "it holds control characters"
    if path.startswith("/") or _RESERVED_ON_WINDOWS.match(path):
        return "it is an absolute path"
    if "\\" in path:
        return "it holds a backslash"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "it leaves its folder" if part == ".." else "a part of it is empty or '.'"
        if len(part.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            return f"a part of it has more than {MAX_NAME_BYTES} bytes"
    return None


def names_problem(paths: Iterable[str]) -> tuple[str, str] | None:
    """The first of these names that cannot be written, and why; None when all can, together."""
    seen: set[str] = set()
    for path in paths:
        problem = file_name_problem(path)
        if problem is None and path in seen:
            problem = "it is there twice"
        if problem:
            return path, problem
        seen.add(path)
    for path in sorted(seen):
        steps = path.split("/")
        for count in range(1, len(steps)):
            if "/".join(steps[:count]) in seen:
                return path, "it lies below another file"
    return None


def is_commit(text: str) -> bool:
    """A full git hash, which can be a folder's name."""
    return bool(_COMMIT.fullmatch(text))


def is_sha256(text: str) -> bool:
    return bool(_SHA256.fullmatch(text))


def is_blob_name(text: str) -> bool:
    """What the cache names a blob by: a git hash or a sha256, in lower-case hexadecimal digits."""
    return is_commit(text) or is_sha256(text)
