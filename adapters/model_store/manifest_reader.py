"""A model folder to its manifest: stats files, parses small JSON, reads weight headers, never weights."""

from __future__ import annotations

from adapters.model_store.chat_template import find_template
from adapters.model_store.front_matter import read_readme
from adapters.model_store.small_files import read_json
from adapters.model_store.weight_header import inspect_weight_file
from domain.catalog.manifest import (
    CONFIG,
    IMAGE_PROCESSOR,
    PREPROCESSOR,
    PROCESSOR,
    PYTORCH_INDEX,
    SAFETENSORS_INDEX,
    TOKENIZER_CONFIG,
    VIDEO_PREPROCESSOR,
    FolderListing,
    JsonDocument,
    JsonState,
    ModelManifest,
    ReadmeFacts,
    ShardIndex,
    WorkspaceFacts,
    is_weight_file,
)
from domain.catalog.printable import printable

SENTINEL = ".mlxk_workspace.json"
README = "README.md"
MAX_CONFIG_BYTES = 8 * 1024 * 1024
_DOCUMENTS = (CONFIG, PREPROCESSOR, PROCESSOR, IMAGE_PROCESSOR, VIDEO_PREPROCESSOR)
_INDEXES = (SAFETENSORS_INDEX, PYTORCH_INDEX)


def read_manifest(
    root: str, listing: FolderListing, *, incomplete_downloads: int = 0, readme: bool = True
) -> ModelManifest:
    """All facts of the folder `root`, whose listing is known. Never raises for what lies there.

    readme: whether its front matter is of interest.
    """
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
    if readme and README in sizes:
        facts, complaint = read_readme(f"{root}/{README}")
        findings.extend([complaint] if complaint else [])
    findings.extend(f"{name}: {each.detail}" for name, each in documents.items() if each.detail)
    return ModelManifest(
        listing=listing,
        incomplete_downloads=incomplete_downloads,
        documents=documents,
        indexes={name: _read_index(f"{root}/{name}", sizes[name]) for name in _INDEXES if name in sizes},
        weights=tuple(
            inspect_weight_file(root, entry)
            for entry in listing.files
            if is_weight_file(entry.name) and not entry.problem.startswith(("dangling", "link"))
        ),
        template=find_template(root, sizes, tokenizer),
        readme=facts,
        workspace=_read_sentinel(f"{root}/{SENTINEL}", sizes[SENTINEL]) if SENTINEL in sizes else None,
        findings=tuple(printable(each) for each in findings),
    )


def _read_index(path: str, size_bytes: int) -> ShardIndex:
    document = read_json(path, size_bytes)
    if not document.usable:
        return ShardIndex(document.state)
    weight_map = document.value.get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        return ShardIndex(document.state)
    return ShardIndex(document.state, tuple(sorted(set(weight_map.values()))))


def _read_sentinel(path: str, size_bytes: int) -> WorkspaceFacts | None:
    """A sentinel that cannot be read or does not say `managed` makes no managed workspace."""
    values = read_json(path, size_bytes).value
    if values.get("managed") is not True:
        return None

    def text(key: str) -> str | None:
        value = values.get(key)
        return value if isinstance(value, str) else None

    return WorkspaceFacts(text("source_repo"), text("content_hash"), text("hash_modified"))
