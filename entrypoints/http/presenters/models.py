"""A model in OpenAI's listing."""

from __future__ import annotations

from flask import json

from application.serving.manage_models import UnloadedModel
from application.serving.served_models import ServedModel
from domain.catalog import ModelSource

OWNERS = {ModelSource.CACHE: "mlxk", ModelSource.WORKSPACE: "workspace", ModelSource.BUILTIN: "mlxk-builtin"}


def present_model(model: ServedModel) -> dict[str, object]:
    """created: when its files last changed, in Unix seconds. context_length: tokens, null when unknown. size_bytes: of
    its files. loaded_bytes: of memory, null when it is not loaded.
    """
    report = model.report
    return {
        "id": report.name,
        "object": "model",
        "created": int(report.last_modified.timestamp()),
        "owned_by": OWNERS[report.location.source],
        "permission": [],
        "context_length": report.context_length,
        "capabilities": list(report.runnable_capabilities),
        "state": model.state.value,
        "size_bytes": report.size_bytes,
        "loaded_bytes": model.loaded_bytes,
        "pinned": model.pinned,
        "aliases": list(model.aliases),
    }


def present_unloaded(unloaded: UnloadedModel) -> dict[str, object]:
    return {"object": "model.unloaded", "id": unloaded.model.name, "was_loaded": unloaded.was_loaded}


class ListingBody:
    """The listing as JSON, made again only when it has changed. Thread-safe without a lock: models and body are
    replaced in one step, and two threads that make it at once make the same.
    """

    def __init__(self) -> None:
        self._made: tuple[tuple[ServedModel, ...] | None, bytes] = (None, b"")

    def of(self, models: tuple[ServedModel, ...]) -> bytes:
        known, body = self._made
        if models != known:
            data = [present_model(each) for each in models]
            body = json.dumps({"object": "list", "data": data}).encode()
            self._made = models, body
        return body
