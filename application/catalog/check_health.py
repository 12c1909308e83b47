"""Which models are sound, and what is wrong with the others?"""

from __future__ import annotations

from dataclasses import dataclass

from application.catalog.list_models import ListModels, ListQuery
from domain.catalog.location import ModelSource
from domain.catalog.model_ref import is_path


@dataclass(frozen=True, slots=True)
class HealthEntry:
    """managed: whether the workspace is one of mlxk's; None unless it was asked for by its path."""

    name: str
    healthy: bool
    reason: str
    managed: bool | None = None


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """Both sorted by name."""

    healthy: tuple[HealthEntry, ...]
    unhealthy: tuple[HealthEntry, ...]


class CheckHealth:
    def __init__(self, list_models: ListModels) -> None:
        self._list = list_models

    def execute(self, pattern: str | None) -> HealthSummary:
        """pattern: as in ListQuery. A path without a model is an unhealthy entry; any other pattern that fits nothing
        gives an empty summary. Raises as ListModels does.
        """
        by_path = bool(pattern) and is_path(pattern or "")
        entries = [
            HealthEntry(
                report.name,
                report.healthy,
                report.health_reason,
                managed=report.managed if by_path and report.location.source is ModelSource.WORKSPACE else None,
            )
            for report in self._list.execute(ListQuery(pattern))
        ]
        if by_path and not entries:
            entries = [
                HealthEntry(pattern or "", healthy=False, reason="No config.json found in workspace", managed=False)
            ]
        return HealthSummary(
            healthy=tuple(entry for entry in entries if entry.healthy),
            unhealthy=tuple(entry for entry in entries if not entry.healthy),
        )
