"""From the facts of a folder to everything mlxk says about the model."""

from __future__ import annotations

from domain.catalog.capability import Capability, ModelProfile, probe
from domain.catalog.health import judge_health
from domain.catalog.libraries import InstalledLibraries
from domain.catalog.listing import utc_from_ns
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import ModelManifest
from domain.catalog.report import ModelReport
from domain.catalog.runtime import judge_runtime
from domain.inference.context_length import context_length


def judge(location: LocatedModel, manifest: ModelManifest, libraries: InstalledLibraries) -> ModelReport:
    """Health, type, capabilities and runtime verdict of one model. Pure; never fails on odd facts."""
    health = judge_health(manifest)
    profile = probe(location, manifest)
    runtime = judge_runtime(health, profile, manifest, libraries)
    workspace = manifest.workspace
    return ModelReport(
        location=location,
        size_bytes=manifest.listing.size_bytes,
        last_modified=utc_from_ns(manifest.listing.modified_ns),
        framework=profile.framework.value,
        model_type=profile.label.value,
        capabilities=tuple(capability.value for capability in profile.capabilities),
        healthy=health.healthy,
        health_reason=health.reason,
        runtime_compatible=runtime.compatible,
        reason=runtime.reason,
        context_length=_context_length(profile, manifest),
        display_name=location.path.name if location.source is ModelSource.WORKSPACE else None,
        origin=workspace.source_repo if workspace else None,
        content_hash=workspace.content_hash if workspace else None,
        hash_modified=workspace.hash_modified if workspace else None,
        managed=workspace is not None if location.source is ModelSource.WORKSPACE else None,
        architecture=profile.architecture,
        weights_bytes=manifest.weights_bytes,
        backend=runtime.backend.value if runtime.backend else None,
        dropped={capability.value: reason for capability, reason in runtime.dropped.items()},
        evidence=_evidence(profile),
        findings=manifest.findings,
    )


def _context_length(profile: ModelProfile, manifest: ModelManifest) -> int | None:
    writes = Capability.TEXT_GENERATION in profile.capabilities and manifest.config
    return context_length(manifest.config) if writes else None


def _evidence(profile: ModelProfile) -> dict[str, str]:
    return {
        "framework": profile.framework_evidence,
        "model_type": profile.label_evidence,
        "backend": profile.backend_evidence,
        **{capability.value: shown for capability, shown in profile.capabilities.items()},
    }
