"""The YAML block at the head of a README."""

from __future__ import annotations

import re
from functools import lru_cache

from adapters.model_store.small_files import UnreadableFile, read_limited
from domain.catalog.manifest import ReadmeFacts, texts

# Enough for nearly every card; the others are read a second time, as far as MAX_README_BYTES.
USUAL_README_BYTES = 64 * 1024
MAX_README_BYTES = 1024 * 1024
_KEYS = ("tags", "library_name", "pipeline_tag")
_UNREADABLE = "unreadable"
_OPENED = re.compile(r"\ufeff?---[ \t]*\r?\n[\w-]+:")
_BLOCK = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^---[ \t\r]*$", re.DOTALL | re.MULTILINE)


def read_readme(path: str) -> tuple[ReadmeFacts, str | None]:
    """The facts, and what was wrong with the block, if anything."""
    try:
        text, ends = _beginning(path, USUAL_README_BYTES)
        if not ends and _OPENED.match(text) and _front_matter(text) is None:
            text, ends = _beginning(path, MAX_README_BYTES)
    except UnreadableFile as fault:
        return ReadmeFacts(), f"README.md cannot be read: {fault}"
    block = _front_matter(text)
    if block is not None:
        return _facts(_wanted(block))
    if ends or not _OPENED.match(text):
        return ReadmeFacts(), None
    return ReadmeFacts(), f"README.md: front matter is not closed in its first {MAX_README_BYTES:,} bytes"


@lru_cache(maxsize=64)
def _facts(block: str) -> tuple[ReadmeFacts, str | None]:
    """Conversions of one kind share these few lines word for word: each is parsed once."""
    values = _load(block)
    if values is None:
        return ReadmeFacts(), None
    if not isinstance(values, dict):
        return ReadmeFacts(), "README.md: front matter is no valid YAML mapping"
    facts = ReadmeFacts(
        tags=texts(values.get("tags")),
        library_name=_text(values.get("library_name")),
        pipeline_tag=_text(values.get("pipeline_tag")),
    )
    return facts, None


def _wanted(block: str) -> str:
    """The entries we ask for, whole: a model card may carry hundreds of lines of evaluation results beside them."""
    taken: list[str] = []
    inside = False
    for line in block.splitlines():
        if line[:1] not in ("", " ", "\t", "-", "#", "]", "}"):
            inside = line.partition(":")[0].strip("\"' ") in _KEYS
        if inside:
            taken.append(line)
    return "\n".join(taken)


def _beginning(path: str, limit: int) -> tuple[str, bool]:
    """At most `limit` bytes of the file, and whether that is all of it."""
    content = read_limited(path, limit + 1)
    return content[:limit].decode("utf-8", "replace"), len(content) <= limit


def _front_matter(text: str) -> str | None:
    """The lines between the two `---`."""
    found = _BLOCK.match(text)
    return found[1] if found else None


def _load(block: str) -> object:
    """The block's value; some text, which is no mapping, when it is no YAML or would unfold beyond measure."""
    import yaml

    if "<<" in block:
        return _UNREADABLE
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(block, Loader=loader)  # noqa: S506 - one of the two safe loaders
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError):
        return _UNREADABLE


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
