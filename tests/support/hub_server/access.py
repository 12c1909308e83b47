"""Who may see what, in the hub's words and codes. A token `hf_<user>` is valid for that user; any other is not."""

from __future__ import annotations

from flask import Response, jsonify, request

from tests.support.hub_server.store import HubStore, Repository


class HubError(Exception):
    """An answer the hub gives instead of content."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        answer = jsonify(error=self.message)
        answer.status_code = self.status
        if self.code:
            answer.headers["X-Error-Code"] = self.code
        answer.headers["X-Error-Message"] = self.message
        return answer


def user_name() -> str | None:
    """The caller; None for an anonymous one. An unknown token is refused."""
    header = request.headers.get("authorization", "")
    if not header:
        return None
    if header.startswith("Bearer hf_"):
        return header.removeprefix("Bearer hf_")
    raise HubError(401, "", "Invalid credentials in Authorization header")


def require_user() -> str:
    name = user_name()
    if name is None:
        raise HubError(401, "", "Invalid username or password.")
    return name


def visible(store: HubStore, name: str, *, content: bool = False) -> Repository:
    """The repository, when the caller may see it; `content`: its files too, which gating withholds."""
    user = user_name()
    repository = store.repositories.get(name)
    if repository is None or (repository.private and user != repository.owner):
        raise HubError(401 if user is None else 404, "RepoNotFound", "Repository not found")
    if content and repository.gated and user != repository.owner:
        message = f"Access to model {name} is restricted and you are not in the authorized list."
        raise HubError(401 if user is None else 403, "GatedRepo", message)
    return repository


def writable(store: HubStore, name: str) -> Repository:
    user = require_user()
    repository = visible(store, name)
    if user != repository.owner:
        raise HubError(403, "", "You don't have write access to this repository")
    return repository


def commit_of(repository: Repository, revision: str) -> str:
    commit = repository.commit_of(revision)
    if commit is None:
        raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    return commit
