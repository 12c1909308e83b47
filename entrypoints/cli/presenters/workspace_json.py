"""The data of clone, convert, doctor and push, as docs/json-api.md specifies them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from application.workspace.clone_model import CloneOutcome
    from application.workspace.convert_model import ConversionOutcome
    from application.workspace.doctor import Diagnosis
    from application.workspace.push_workspace import PushOutcome
    from domain.workspace.patch import FileChange
    from domain.workspace.push import WorkspaceHealth


def clone_object(outcome: CloneOutcome) -> dict[str, object]:
    """The data of `clone`."""
    method = outcome.copy_method
    return {
        "model": outcome.model,
        "clone_status": "success",
        "message": f"cloned {outcome.model} to {outcome.target}",
        "target_dir": str(outcome.target),
        "revision": outcome.revision,
        "health_check": outcome.healthy is not None,
        "health": _health(outcome.healthy),
        "health_reason": outcome.health_reason,
        "copy_method": method.value if method else None,
        "copy_on_write": bool(method and method.copy_on_write),
        "total_bytes": outcome.total_bytes,
        "fetched_bytes": outcome.fetched_bytes,
        "content_hash": outcome.content_hash,
        "warnings": list(outcome.warnings),
    }


def convert_object(outcome: ConversionOutcome) -> dict[str, object]:
    """The data of `convert`."""
    preview = outcome.preview
    asked = preview.plan.quantization
    return {
        "source": str(preview.source.path),
        "target": str(preview.target),
        "mode": preview.plan.mode.value,
        "bits": asked.bits if asked else None,
        "group_size": asked.group_size if asked else None,
        "q_mode": asked.mode if asked else None,
        "recipe": asked.recipe if asked else None,
        "dtype": preview.plan.dtype,
        "health_check": outcome.healthy is not None,
        "health_status": _health(outcome.healthy),
        "health_reason": outcome.health_reason,
        "content_hash": outcome.content_hash,
        "forecast": {"disk_bytes": preview.forecast.disk_bytes, "memory_bytes": preview.forecast.memory_bytes},
        "message": f"wrote {preview.target}",
        "warning": "; ".join(outcome.warnings) or None,
    }


def doctor_object(model: str, found: Diagnosis, left: Diagnosis | None) -> dict[str, object]:
    """The data of `doctor`. left: None when nothing was to be mended."""
    return {
        "model": model,
        "findings": [{"code": each.code, "message": each.message, "fixable": each.fixable} for each in found.findings],
        "patch": _patch(found.changes),
        "fixed": left is not None and bool(found.changes),
        "remaining": None if left is None else [each.code for each in left.findings],
        "unfinished": found.unfinished and left is None,
        "undone": None,
    }


def undo_object(model: str, undone: Sequence[FileChange]) -> dict[str, object]:
    """The data of `doctor --undo`."""
    return {
        "model": model,
        "findings": [],
        "patch": _patch(undone),
        "fixed": False,
        "remaining": None,
        "unfinished": False,
        "undone": [change.path for change in undone],
    }


def push_object(outcome: PushOutcome) -> dict[str, object]:
    """The data of `push`. commit_sha and commit_url are null when nothing was sent."""
    request, changes, commit = outcome.request, outcome.changes, outcome.commit
    body: dict[str, object] = {
        "repo_id": request.repo_id,
        "branch": request.branch,
        "repo_url": outcome.repo_url,
        "commit_sha": commit.sha if commit else None,
        "commit_url": commit.url if commit else None,
        "uploaded_files_count": len(changes.added) + len(changes.modified) if changes and commit else 0,
        "local_files_count": outcome.local_files,
        "no_changes": outcome.no_changes,
        "created_repo": outcome.created_repo,
        "change_summary": changes.counts() if changes else None,
        "message": outcome.message,
        "hf_logs": list(outcome.hf_logs),
        "warnings": list(outcome.warnings),
        "card": _patch([outcome.card])[0] if outcome.card else None,
    }
    if request.check_only:
        body["workspace_health"] = _workspace_health(outcome.health)
    if request.dry_run and not request.check_only:
        body |= {
            "dry_run": True,
            "dry_run_summary": changes.counts() if changes else None,
            "would_create_repo": outcome.would_create_repo,
            "would_create_branch": outcome.would_create_branch,
            "added_files": list(changes.added) if changes else [],
            "modified_files": list(changes.modified) if changes else [],
            "deleted_files": list(changes.deleted) if changes else [],
        }
    return body


def _workspace_health(health: WorkspaceHealth) -> dict[str, object]:
    return {
        "files_count": health.files_count,
        "total_bytes": health.total_bytes,
        "config": {"exists": health.config_exists, "valid_json": health.config_valid},
        "weights": {
            "count": health.weights_count,
            "formats": list(health.formats),
            "index": health.has_index,
            "pattern_complete": health.pattern_complete,
        },
        "anomalies": [
            {
                "code": each.code,
                "message": each.message,
                "severity": "error" if each.serious else "warn",
                "path": each.path,
            }
            for each in health.anomalies
        ],
        "healthy": health.healthy,
    }


def _patch(changes: Sequence[FileChange]) -> list[dict[str, object]]:
    return [{"path": change.path, "diff": list(change.lines())} for change in changes]


def _health(healthy: bool | None) -> str | None:
    return None if healthy is None else "healthy" if healthy else "unhealthy"
