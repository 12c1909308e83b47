"""The hub's JSON to our values. Whatever else it holds is left; whatever is needed and absent is a failed request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from adapters.hub.refusals import failed
from domain.hub.remote_model import RemoteFile, RemoteModel


def read_model(document: object, revision: str, name: str = "") -> RemoteModel:
    """A model's info. name: what was asked for, which the cache is keyed by. Raises DownloadFailed."""
    if not isinstance(document, Mapping):
        raise failed(name or "the hub", "its answer describes no model", retryable=False)
    shown = document.get("id")
    commit = document.get("sha")
    subject = shown if isinstance(shown, str) and shown else name
    if not subject or not isinstance(commit, str):
        raise failed(name or "the hub", "its answer describes no model", retryable=False)
    return RemoteModel(
        name=name or subject,
        revision=revision,
        commit=commit,
        private=bool(document.get("private")),
        gated=bool(document.get("gated")),
        likes=_number(document.get("likes")),
        downloads=_number(document.get("downloads")),
        last_modified=_moment(document.get("lastModified")),
        library_name=_text(document.get("library_name")),
        pipeline_tag=_text(document.get("pipeline_tag")),
        tags=_texts(document.get("tags")),
        parameters=_parameters(document.get("safetensors")),
    )


def read_file_entry(entry: object, subject: str) -> RemoteFile | None:
    """One entry of a tree; None for a folder. Raises DownloadFailed for what is neither."""
    if not isinstance(entry, Mapping):
        raise failed(subject, "the hub's list of files makes no sense", retryable=False)
    if entry.get("type") == "directory":
        return None
    path, size, oid = entry.get("path"), entry.get("size"), entry.get("oid")
    large = entry.get("lfs")
    sha256: str | None = None
    if isinstance(large, Mapping):
        size = large.get("size", size)
        found = large.get("oid") or large.get("sha256")
        sha256 = found if isinstance(found, str) else ""
    if not isinstance(path, str) or not isinstance(size, int) or isinstance(size, bool) or not isinstance(oid, str):
        raise failed(subject, "the hub's list of files makes no sense", retryable=False)
    return RemoteFile(path, size, oid, sha256)


def _parameters(document: object) -> dict[str, int]:
    counts = document.get("parameters") if isinstance(document, Mapping) else None
    if not isinstance(counts, Mapping):
        return {}
    return {str(dtype): count for dtype, count in counts.items() if isinstance(count, int)}


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
