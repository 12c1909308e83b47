"""What mlxk knows of one model: the object that `list`, `show`, `health` and the server share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.catalog.location import LocatedModel


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model with every verdict on it. JSON field names are those of the model object in docs/json-api.md.

    size_bytes: all files of the snapshot or workspace. last_modified: UTC-aware. health: "healthy"/"unhealthy".
    reason: the first thing that keeps the model from running here (integrity first, then runtime); None only when
    runtime_compatible. origin, content_hash, hash_modified, clean, managed: workspaces only, else None. architecture:
    config.json's model_type, "" when it has none. weights_bytes: the weight files alone. backend: the library that runs
    it here, None when nothing does. dropped: declared capabilities that do not run here, with the reason.
    evidence: what shows the framework, the type, the back end and each capability. findings: oddities of the files.
    """

    location: LocatedModel
    size_bytes: int
    last_modified: datetime
    framework: str
    model_type: str
    capabilities: tuple[str, ...]
    healthy: bool
    health_reason: str
    runtime_compatible: bool
    reason: str | None
    context_length: int | None = None
    display_name: str | None = None
    origin: str | None = None
    content_hash: str | None = None
    hash_modified: str | None = None
    clean: bool | None = None
    managed: bool | None = None
    architecture: str = ""
    weights_bytes: int = 0
    backend: str | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    @property
    def runnable_capabilities(self) -> tuple[str, ...]:
        """The declared capabilities that run here."""
        return tuple(each for each in self.capabilities if each not in self.dropped)

    @property
    def name(self) -> str:
        return self.location.name

    @property
    def revision(self) -> str | None:
        return self.location.revision
