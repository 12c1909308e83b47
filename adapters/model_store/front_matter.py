"""The YAML block at the head of a README."""

from __future__ import annotations

from functools import lru_cache

from adapters.model_store.small_files import UnreadableFile, read_limited
from domain.catalog.manifest import ReadmeFacts, texts

MAX_README_BYTES = 64 * 1024
_KEYS = ("tags", "library_name", "pipeline_tag")
_UNREADABLE = "unreadable"


def read_readme(path: str) -> tuple[ReadmeFacts, str | None]:
    """The facts, and what was wrong with the block, if anything."""
    try:
        content = read_limited(path, MAX_README_BYTES)
    except UnreadableFile as fault:
        return ReadmeFacts(), f"README.md cannot be read: {fault}"
    block = _front_matter(content.decode("utf-8", "replace"))
    return (ReadmeFacts(), None) if block is None else _facts(_wanted(block))


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


def _front_matter(text: str) -> str | None:
    lines = text.lstrip("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return None
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:number])
    return None


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
