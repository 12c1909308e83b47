"""Facts of model folders that no disk ever held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from domain.catalog.listing import CONFIG, FileEntry, FolderListing
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import JsonDocument, JsonState, ModelManifest, WeightFile, WeightState


def located(name: str = "org/Model", source: ModelSource = ModelSource.CACHE) -> LocatedModel:
    return LocatedModel(name, PurePosixPath("/models") / name, source)


def weight(path: str = "model.safetensors", state: WeightState = WeightState.SOUND, **more: Any) -> WeightFile:
    return WeightFile(path, more.pop("size_bytes", 0 if state is WeightState.EMPTY else 10), state, **more)


def manifest(
    config: Mapping[str, object] | JsonState | None = None,
    *,
    weights: Sequence[WeightFile | str] = ("model.safetensors",),
    documents: Mapping[str, Mapping[str, object] | JsonState] | None = None,
    files: Iterable[str] = (),
    **facts: Any,
) -> ModelManifest:
    """config and documents: an object, or the state of a file that holds none. files: beside weights and documents."""
    held = {CONFIG: {"model_type": "llama"} if config is None else config, **(documents or {})}
    read = {name: _document(value) for name, value in held.items()}
    found = tuple(each if isinstance(each, WeightFile) else weight(each) for each in weights)
    paths = {*(each.path for each in found), *files, *(name for name in read if held[name] is not JsonState.MISSING)}
    entries = tuple(FileEntry(path, 10, 1, 1, number) for number, path in enumerate(sorted(paths)))
    listing = facts.pop("listing", FolderListing(entries))
    return ModelManifest(listing, documents=read, weights=found, **facts)


def _document(value: Mapping[str, object] | JsonState) -> JsonDocument:
    if isinstance(value, JsonState):
        return JsonDocument(value, detail="no room in the head" if value is JsonState.TOO_LARGE else "no rights")
    return JsonDocument(JsonState.OBJECT if value else JsonState.EMPTY, value)
