"""How a user names a model, and how the Hugging Face cache spells that name as a folder.

org/name            a model of an organisation
name                short for it, or a model without an organisation, or a workspace in the workspace home
name@revision       one snapshot: a branch, a tag, a full or short commit hash
.  ./x  ../x  /x  ~/x   a workspace folder
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.errors import InvalidRequest

CACHE_PREFIX = "models--"
SHORT_NAME_ORGANISATION = "mlx-community"
MAX_NAME_CHARACTERS = 96
_HUB_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", re.ASCII)
_REVISION_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f~^:?*\[\\]|\.\.|//|@\{")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model's name as somebody typed it. name: without the revision; a path is kept word for word."""

    name: str
    revision: str | None = None

    @classmethod
    def parse(cls, spec: str) -> ModelRef:
        """Raises InvalidRequest for text that can name no model; says nothing about whether the model exists."""
        if not spec or not spec.strip():
            raise _refused(spec, "it is empty")
        if any(ord(character) < 32 or ord(character) == 127 for character in spec):
            raise _refused(spec, "it holds control characters")
        if is_path(spec):
            return cls(spec)
        name, at, revision = spec.rpartition("@")
        if not at:
            name, revision = spec, ""
        elif not revision or not name:
            raise _refused(spec, "a revision is written name@revision, both parts filled")
        elif not _plain_revision(revision):
            raise _refused(spec, f"{revision!r} can be no branch, tag or commit hash")
        problem = _structure_problem(name)
        if problem:
            raise _refused(spec, problem)
        return cls(name, revision or None)

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def is_path(self) -> bool:
        """The name is a workspace folder, not a model's name."""
        return is_path(self.name)

    @property
    def organisation(self) -> str | None:
        """The part before the slash; None for short names and paths."""
        return None if self.is_path or "/" not in self.name else self.name.partition("/")[0]

    def require_hub_name(self) -> None:
        """Raises InvalidRequest unless the hub itself would take this name; pull and push need that."""
        problem = hub_name_problem(self.name)
        if problem:
            raise _refused(self.name, problem)


def is_path(text: str) -> bool:
    """Whether this text names a folder: it says so itself, by how it begins."""
    return text in (".", "..", "~") or text.startswith(("./", "../", "/", "~/"))


def short_name(name: str) -> str:
    """The name without its organisation."""
    return name.rpartition("/")[2]


def cache_folder_name(name: str) -> str:
    """`org/name` as the hub's cache spells it: `models--org--name`."""
    return CACHE_PREFIX + name.replace("/", "--")


def name_from_cache_folder(folder: str) -> str | None:
    """The model of a cache folder; None when the folder holds no model.

    The first `--` with text on both sides ends the organisation, so `models--org--a--b` is `org/a--b`, and
    cache_folder_name() of the answer is always the folder again.
    """
    if not folder.startswith(CACHE_PREFIX):
        return None
    rest = folder[len(CACHE_PREFIX) :]
    at = rest.find("--", 1)
    if at < 0 or at + 2 >= len(rest):
        return rest or None
    return f"{rest[:at]}/{rest[at + 2 :]}"


def hub_name_problem(name: str) -> str | None:
    """Why the hub would not take this name; None when it would."""
    if is_path(name):
        return "a folder is no name on the hub"
    problem = _structure_problem(name)
    if problem:
        return problem
    for part in name.split("/"):
        if len(part) > MAX_NAME_CHARACTERS:
            return f"a name has at most {MAX_NAME_CHARACTERS} characters, this one has {len(part)}"
    if "--" in name or ".." in name:
        return "'--' and '..' are not allowed in it"
    if name.endswith(".git"):
        return "it must not end in '.git'"
    for part in name.split("/"):
        if not _HUB_PART.fullmatch(part):
            return "only ASCII letters, digits, '-', '_' and '.' are allowed, not starting or ending with '-' or '.'"
    return None


def _structure_problem(name: str) -> str | None:
    if name.startswith("/") or name.endswith("/") or "//" in name:
        return "slashes stand between two parts: org/name"
    if name.count("/") > 1:
        return "at most one '/' is allowed: org/name (a folder is written ./folder)"
    if "\\" in name:
        return "a backslash is not allowed in it"
    if any(part in (".", "..") for part in name.split("/")):
        return "'.' and '..' are no names (a folder is written ./folder)"
    return None


def _plain_revision(revision: str) -> bool:
    """What git would take as a ref, and what can never leave the refs/ folder."""
    outside = revision.startswith(("/", "-", ".")) or revision.endswith(("/", ".", ".lock"))
    return not outside and not _REVISION_FORBIDDEN.search(revision) and "/." not in revision


def _refused(spec: str, problem: str) -> InvalidRequest:
    shown = spec if len(spec) <= 120 else spec[:117] + "..."
    return InvalidRequest(
        f"{shown!r} is not a model name: {problem}",
        hint="name a model as org/name, name, name@revision, or a folder as ./folder",
        param="model",
    )
