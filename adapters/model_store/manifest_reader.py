"""A model folder to its manifest: stats files, parses small JSON, reads weight headers, never weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from adapters.model_store.chat_template import find_template
from adapters.model_store.front_matter import read_readme
from adapters.model_store.small_files import read_json
from adapters.model_store.weight_header import inspect_weight_file
from domain.catalog.listing import FolderListing
from domain.catalog.manifest import (
    ABSENT,
    CONFIG,
    IMAGE_PROCESSOR,
    PREPROCESSOR,
    PROCESSOR,
    PYTORCH_INDEX,
    SAFETENSORS_INDEX,
    TOKENIZER_CONFIG,
    VIDEO_PREPROCESSOR,
    JsonDocument,
    JsonState,
    ModelManifest,
    ReadmeFacts,
    ShardIndex,
    WorkspaceFacts,
    is_weight_file,
    section,
)
from domain.catalog.printable import printable
from domain.numbers import MAX_NUMBER

SENTINEL = ".mlxk_workspace.json"
README = "README.md"
MAX_CONFIG_BYTES = 8 * 1024 * 1024
_DOCUMENTS = (CONFIG, PREPROCESSOR, PROCESSOR, IMAGE_PROCESSOR, VIDEO_PREPROCESSOR)
_INDEXES = (SAFETENSORS_INDEX, PYTORCH_INDEX)


class Card(Enum):
    """Whether the README's front matter is read. UNLESS_QUANTIZED: not where config.json says already that the model is
    MLX's: YAML takes longer than all the rest of a small model, and a cache holds thousands.
    """

    ALWAYS = "always"
    UNLESS_QUANTIZED = "unless quantized"
    NEVER = "never"


def read_manifest(
    root: str, listing: FolderListing, *, incomplete_downloads: int = 0, card: Card = Card.ALWAYS
) -> ModelManifest:
    """All facts of the folder `root`, whose listing is known. Never raises for what lies there."""
    if listing.problem:
        return ModelManifest(listing, incomplete_downloads, findings=listing.findings)
    sizes = {entry.path: entry.size_bytes for entry in listing.files if not entry.problem}
    findings = list(listing.findings)
    documents = {
        name: read_json(f"{root}/{name}", sizes[name], MAX_CONFIG_BYTES) for name in _DOCUMENTS if name in sizes
    }
    tokenizer = JsonDocument(JsonState.MISSING)
    if TOKENIZER_CONFIG in sizes:
        tokenizer = read_json(f"{root}/{TOKENIZER_CONFIG}", sizes[TOKENIZER_CONFIG], MAX_CONFIG_BYTES)
        # The vocabulary parts are large and no rule asks for them: remember that the file is sound, not what it holds.
        documents[TOKENIZER_CONFIG] = JsonDocument(tokenizer.state, {}, tokenizer.detail)
    facts = ReadmeFacts()
    settled = card is Card.UNLESS_QUANTIZED and "quantization" in documents.get(CONFIG, ABSENT).value
    if README in sizes and not settled and card is not Card.NEVER:
        facts, complaint = read_readme(f"{root}/{README}")
        findings.extend([complaint] if complaint else [])
    findings.extend(f"{name}: {each.detail}" for name, each in documents.items() if each.detail)
    findings.extend(_senseless_numbers(documents.get(CONFIG, ABSENT).value))
    return ModelManifest(
        listing=listing,
        incomplete_downloads=incomplete_downloads,
        documents=documents,
        indexes={name: _read_index(f"{root}/{name}", sizes[name]) for name in _INDEXES if name in sizes},
        weights=tuple(
            inspect_weight_file(root, entry)
            for entry in listing.files
            if is_weight_file(entry.path) and not entry.problem.startswith(("dangling", "link"))
        ),
        template=find_template(root, sizes, tokenizer),
        readme=facts,
        workspace=_read_sentinel(f"{root}/{SENTINEL}", sizes[SENTINEL]) if SENTINEL in sizes else None,
        findings=tuple(printable(each) for each in findings),
    )


def _senseless_numbers(config: Mapping[str, object]) -> Iterator[str]:
    for place in (config, section(config, "text_config")):
        for key, value in place.items():
            if isinstance(value, int) and abs(value) > MAX_NUMBER:
                yield f"{CONFIG}: {key} is too large a number to mean anything and is ignored"


def _read_index(path: str, size_bytes: int) -> ShardIndex:
    document = read_json(path, size_bytes)
    if not document.usable:
        return ShardIndex(document.state)
    weight_map = document.value.get("weight_map")
    try:
        shards = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    except TypeError:  # lists and objects are no file names
        return ShardIndex(document.state)
    named = all(isinstance(shard, str) for shard in shards)
    return ShardIndex(document.state, tuple(sorted(shards)) if named else ())


def _read_sentinel(path: str, size_bytes: int) -> WorkspaceFacts | None:
    """A sentinel that cannot be read or does not say `managed` makes no managed workspace."""
    values = read_json(path, size_bytes).value
    if values.get("managed") is not True:
        return None

    def text(key: str) -> str | None:
        value = values.get(key)
        return value if isinstance(value, str) else None

    return WorkspaceFacts(text("source_repo"), text("content_hash"), text("hash_modified"))
