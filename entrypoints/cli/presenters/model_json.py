"""The model object and its companions, as docs/json-api.md specifies them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.catalog import ModelReport, ModelSource
from entrypoints.cli.presenters.formatting import size

if TYPE_CHECKING:
    from application.catalog.check_health import HealthEntry, HealthSummary
    from application.catalog.show_model import ModelDetail
    from domain.serving.memory_policy import MemoryForecast


def model_object(report: ModelReport) -> dict[str, object]:
    """One model, as every command shows it."""
    body: dict[str, object] = {
        "name": report.name,
        "hash": report.revision,
        "size_bytes": report.size_bytes,
        "last_modified": utc(report.last_modified),
        "framework": str(report.framework),
        "model_type": str(report.model_type),
        "capabilities": [str(each) for each in report.capabilities],
        "health": "healthy" if report.healthy else "unhealthy",
        "runtime_compatible": report.runtime_compatible,
        "reason": report.reason,
        "cached": report.location.source is ModelSource.CACHE,
        "source": report.location.source.value,
        "origin": report.origin,
        "content_hash": report.content_hash,
        "hash_modified": report.hash_modified,
        "clean": report.clean,
    }
    if report.location.source is ModelSource.WORKSPACE:
        body["display_name"] = report.display_name or report.name
    return body


def utc(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second, with a Z that is true."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def health_object(summary: HealthSummary) -> dict[str, object]:
    """The data of `health`."""
    return {
        "healthy": [_health_entry(entry) for entry in summary.healthy],
        "unhealthy": [_health_entry(entry) for entry in summary.unhealthy],
        "summary": {
            "total": len(summary.healthy) + len(summary.unhealthy),
            "healthy_count": len(summary.healthy),
            "unhealthy_count": len(summary.unhealthy),
        },
    }


def _health_entry(entry: HealthEntry) -> dict[str, object]:
    body: dict[str, object] = {
        "name": entry.name,
        "status": "healthy" if entry.healthy else "unhealthy",
        "reason": entry.reason,
    }
    if entry.managed is not None:
        body["managed"] = entry.managed
    return body


def detail_object(detail: ModelDetail, *, files: bool = False, config: bool = False) -> dict[str, object]:
    """The data of `show`: the model, and one of its files, its config.json and its metadata."""
    report = detail.report
    body: dict[str, object] = {
        "model": {**model_object(report), "quantization": detail.quantization},
        "workspace_metadata": None,
        "metadata": None if files or config else _metadata(detail),
        "memory": _memory(detail.memory),
        "dropped_capabilities": {str(name): reason for name, reason in report.dropped.items()},
        "evidence": {str(name): shown for name, shown in report.evidence.items()},
        "findings": list(report.findings),
    }
    if files:
        body["files"] = [
            {"name": each.name, "size": size(each.size_bytes), "size_bytes": each.size_bytes, "type": str(each.kind)}
            for each in detail.files
        ]
    elif config:
        body["config"] = detail.config
    return body


def _memory(memory: MemoryForecast | None) -> dict[str, object] | None:
    if memory is None:
        return None
    return {
        "weights_bytes": memory.weights_bytes,
        "kv_bytes_per_1k_tokens": memory.kv_bytes_per_1k_tokens,
        "longest_context": memory.longest_context,
    }


def _metadata(detail: ModelDetail) -> dict[str, object]:
    metadata = detail.metadata
    return {
        "model_type": metadata.model_type,
        "architecture": metadata.architecture,
        "quantization": metadata.quantization,
        "context_length": metadata.context_length,
        "vocab_size": metadata.vocab_size,
        "hidden_size": metadata.hidden_size,
        "num_attention_heads": metadata.heads,
        "num_hidden_layers": metadata.layers,
    }
