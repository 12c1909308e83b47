"""A model in OpenAI's listing."""

from __future__ import annotations

from domain.catalog import ModelReport, ModelSource

OWNERS = {ModelSource.CACHE: "mlxk", ModelSource.WORKSPACE: "workspace", ModelSource.BUILTIN: "mlxk-builtin"}


def present_model(report: ModelReport) -> dict[str, object]:
    """created: when its files last changed, in Unix seconds. context_length: tokens, null when unknown."""
    return {
        "id": report.name,
        "object": "model",
        "created": int(report.last_modified.timestamp()),
        "owned_by": OWNERS[report.location.source],
        "permission": [],
        "context_length": report.context_length,
    }
