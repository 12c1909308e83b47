"""Is a model folder complete and sound? The rules in their order; the first that complains decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.catalog import health_assets, health_weights
from domain.catalog.health_fault import Fault, absent, broken
from domain.catalog.manifest import CONFIG, JsonState, ModelManifest

MULTI_FILE_OK = "Multi-file model complete"
OK = "Model is healthy"

Rule = Callable[[ModelManifest], Fault | None]


@dataclass(frozen=True, slots=True)
class Health:
    """healthy: every rule passed. reason: the first rule's complaint, or what is complete."""

    healthy: bool
    reason: str


def judge_health(manifest: ModelManifest) -> Health:
    """The verdict on the files alone; whether the model runs here is another question (runtime.py)."""
    indexed = manifest.active_index is not None
    route = health_weights.INDEX_ROUTE if indexed else health_weights.PLAIN_ROUTE
    for rule in (folder_is_there, config_is_an_object, *route, *health_assets.RULES):
        fault = rule(manifest)
        if fault is not None:
            return Health(healthy=False, reason=_worded(fault, manifest))
    return Health(healthy=True, reason=MULTI_FILE_OK if indexed else OK)


def _worded(fault: Fault, manifest: ModelManifest) -> str:
    """Something absent beside a partial file of the hub library is a download that was not finished."""
    if fault.absent and manifest.incomplete_downloads:
        return f"Incomplete download: {fault.reason}"
    return fault.reason


def folder_is_there(manifest: ModelManifest) -> Fault | None:
    problem = manifest.listing.problem
    return absent(problem) if problem else None


def config_is_an_object(manifest: ModelManifest) -> Fault | None:
    document = manifest.document(CONFIG)
    match document.state:
        case JsonState.OBJECT if document.value:
            return None
        case JsonState.MISSING:
            return absent("config.json missing")
        case JsonState.OBJECT | JsonState.EMPTY | JsonState.NOT_OBJECT:
            return broken("config.json is empty or invalid")
        case JsonState.INVALID:
            return broken("config.json contains invalid JSON")
        case JsonState.UNREADABLE | JsonState.TOO_LARGE:
            return broken(f"config.json cannot be read: {document.detail}")
