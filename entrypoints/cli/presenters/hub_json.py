"""The data of the commands about models far away, as docs/json-api.md specifies them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from entrypoints.cli.presenters.model_json import detail_object, model_object, utc

HUB = "hub"  # the source of a model that is only looked at

if TYPE_CHECKING:
    from application.hub.find_outdated import CurrencyEntry
    from application.hub.prune_cache import Pruned
    from application.hub.search_hub import SearchHit
    from application.hub.show_remote import RemoteDetail
    from domain.catalog import ModelReport
    from domain.hub.download_plan import DownloadPlan
    from domain.hub.prune_plan import PrunePlan
    from domain.hub.pull import PullOutcome
    from domain.hub.remote_model import RemoteModel
    from domain.hub.verification import Verification


def pull_object(outcome: PullOutcome) -> dict[str, object]:
    """The data of `pull`. plan: null when the hub was not asked."""
    return {
        "model": outcome.name,
        "download_status": outcome.status.value,
        "message": outcome.message,
        "hash": outcome.commit,
        "path": outcome.path,
        "fetched_bytes": outcome.fetched_bytes,
        "plan": None if outcome.plan is None else plan_object(outcome.plan),
        "warnings": list(outcome.warnings),
    }


def plan_object(plan: DownloadPlan) -> dict[str, object]:
    return {
        "files": [{"name": file.path, "size_bytes": file.size_bytes} for file in plan.files],
        "fetch": [file.path for file in plan.fetch],
        "total_bytes": plan.total_bytes,
        "fetch_bytes": plan.fetch_bytes,
        "cached_bytes": plan.cached_bytes,
        "free_bytes": plan.free_bytes,
    }


def remote_object(model: RemoteModel) -> dict[str, object]:
    """What the hub says of a model."""
    return {
        "name": model.name,
        "hash": model.commit,
        "private": model.private,
        "gated": model.gated,
        "likes": model.likes,
        "downloads": model.downloads,
        "last_modified": utc(model.last_modified) if model.last_modified else None,
        "size_bytes": model.size_bytes if model.files else None,
        "parameters": sum(model.parameters.values()) or None,
    }


def search_object(hits: Sequence[SearchHit]) -> dict[str, object]:
    """The data of `search`. model: null with a `problem` where it could not be looked at."""
    models = [
        {
            **remote_object(hit.model),
            "model": None if hit.detail is None else _far_model(hit.detail.report),
            "quantization": None if hit.detail is None else hit.detail.metadata.quantization,
            "problem": hit.problem,
        }
        for hit in hits
    ]
    return {"models": models, "count": len(models)}


def remote_detail_object(found: RemoteDetail, *, files: bool, config: bool) -> dict[str, object]:
    """The data of `show --remote`: that of `show`, and what the hub says."""
    body = detail_object(found.detail, files=files, config=config)
    shown = {**_far_model(found.detail.report), "quantization": found.detail.quantization}
    return {**body, "model": shown, "remote": remote_object(found.model)}


def verification_object(verified: Verification) -> dict[str, object]:
    return {
        "model": verified.name,
        "hash": verified.commit,
        "source": verified.source,
        "sound": verified.sound,
        "complete": verified.complete,
        "files": [
            {"name": check.path, "size_bytes": check.size_bytes, "state": check.state.value, "detail": check.detail}
            for check in verified.checks
        ],
    }


def outdated_object(entries: Sequence[CurrencyEntry]) -> dict[str, object]:
    models = [
        {
            "name": entry.name,
            "state": entry.state.value,
            "hash": entry.here,
            "newest_hash": entry.there,
            "problem": entry.problem,
        }
        for entry in entries
    ]
    return {"models": models, "count": len(models)}


def prune_object(plan: PrunePlan, pruned: Pruned | None) -> dict[str, object]:
    """pruned: None when nothing was removed, because it was only planned or there was nothing."""
    return {
        "action": "planned" if pruned is None else "pruned",
        "freed_bytes": plan.freed_bytes if pruned is None else pruned.freed_bytes,
        "models": [
            {
                "name": model.name,
                "freed_bytes": model.freed_bytes,
                "kept_revisions": list(model.kept_revisions),
                "items": [
                    {"kind": item.kind.value, "path": str(item.path), "size_bytes": item.size_bytes}
                    for item in model.items
                ],
            }
            for model in plan.models
        ],
        "busy": [*plan.busy, *(() if pruned is None else pruned.skipped)],
    }


def _far_model(report: ModelReport) -> dict[str, object]:
    """A model that is looked at, not here."""
    return {**model_object(report), "cached": False, "source": HUB}
