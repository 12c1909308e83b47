"""What a hub's error answers mean, in our own errors."""

from __future__ import annotations

from typing import Any

from adapters.hub.retry import RETRY_AFTER
from domain.errors import AccessDenied, DownloadFailed, DownloadRefused, MlxkError, ModelNotFound

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
HOW_TO_AUTHORIZE = "set HF_TOKEN to a token that may read it"


def failed(subject: str, problem: str, *, retryable: bool = True, **detail: object) -> DownloadFailed:
    """A request that did not work out. retryable: another attempt may."""
    if not retryable:
        return DownloadRefused(f"{subject}: {problem}", detail=detail)
    hint = "what has arrived is kept: the same command goes on from there"
    return DownloadFailed(f"{subject}: {problem}", hint=hint, detail=detail)


def changed(subject: str, path: str) -> DownloadRefused:
    """A file that is no longer what the hub announced."""
    return DownloadRefused(
        f"{subject}: {path} is no longer what the hub announced", hint="the model is being changed: try again"
    )


def refusal(response: Any, subject: str, *, by_hub: bool, authorized: bool) -> MlxkError:
    """The error for a status of 400 or more. by_hub: the hub itself said so, not a storage host behind it."""
    status = int(response.status_code)
    code = str(response.headers.get("X-Error-Code", ""))
    if not by_hub:
        return failed(subject, f"the hub's storage answered with status {status}", http_status=status)
    if code == "GatedRepo":
        return AccessDenied(
            f"{subject} is gated: its owner grants access on request",
            hint="ask for access on the model's page, then set HF_TOKEN to your token",
            detail={"http_status": status},
        )
    if code == "RevisionNotFound":
        return ModelNotFound(f"{subject}: the hub has no such revision", hint="leave @revision out, or look it up")
    if code == "EntryNotFound":
        return failed(subject, "the hub no longer has one of its files", retryable=False)
    if code == "RepoNotFound" or status in (401, 404):
        return _not_visible(subject, status, code, authorized=authorized)
    if status == 403:
        return AccessDenied(f"{subject}: the hub denies access", hint=HOW_TO_AUTHORIZE, detail={"http_status": status})
    detail: dict[str, object] = {"http_status": status}
    wish = _seconds(str(response.headers.get("Retry-After", "")))
    if wish is not None:
        detail[RETRY_AFTER] = wish
    problem = "the hub is busy (429)" if status == 429 else f"the hub answered with status {status}"
    return failed(subject, problem, retryable=status in TRANSIENT, **detail)


def _not_visible(subject: str, status: int, code: str, *, authorized: bool) -> MlxkError:
    """The hub answers 401 for what is missing as for what is private, so that nobody can tell."""
    if status == 401 and code != "RepoNotFound":
        problem = "the token is not valid" if authorized else "the hub wants a token"
        return AccessDenied(f"{subject}: {problem}", hint=HOW_TO_AUTHORIZE, detail={"http_status": status})
    if authorized:
        return ModelNotFound(f"{subject} is not on the hub, or your token may not see it", hint="check the spelling")
    return AccessDenied(
        f"{subject} is not on the hub, or it is private",
        hint=f"check the spelling; if it is private, {HOW_TO_AUTHORIZE}",
        detail={"http_status": status},
    )


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
