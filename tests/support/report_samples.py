"""A report with something in every field."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.catalog.location import LocatedModel
from domain.catalog.report import ModelReport


def sample_report(location: LocatedModel) -> ModelReport:
    return ModelReport(
        location=location,
        size_bytes=123,
        last_modified=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        framework="MLX",
        model_type="chat",
        capabilities=("text-generation", "chat", "vision"),
        healthy=True,
        health_reason="Model is healthy",
        runtime_compatible=True,
        reason=None,
        context_length=4096,
        display_name="näme",
        origin="org/origin",
        content_hash="sha256:0",
        hash_modified="sha256:1",
        clean=False,
        managed=True,
        architecture="llama",
        weights_bytes=100,
        backend="mlx-lm",
        dropped={"vision": "model_type 'x' not supported by mlx-vlm"},
        evidence={"framework": "name: mlx-community", "chat": "name: chat"},
        findings=("odd: \ufffd",),
    )
