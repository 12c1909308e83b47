"""Publisher over huggingface_hub."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from domain.errors import Conflict, DependencyMissing, TokenMissing, UploadFailed
from domain.hub.remote_model import RemoteFile
from ports.publisher import BranchMissing, Commit, CommitRequest, RemoteRepo

_TOKEN = re.compile(r"hf_[A-Za-z0-9]+")
MAX_LOGS = 200


class HubPublisher:
    """token: the caller's own; sent to the endpoint only."""

    def __init__(self, endpoint: str, token: str | None, user_agent: str = "mlxk") -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._user_agent = user_agent
        self._log = _Log()

    def url(self, repo_id: str) -> str:
        return f"{self._endpoint}/{repo_id}"

    def repo(self, repo_id: str) -> RemoteRepo | None:
        from huggingface_hub.errors import RepositoryNotFoundError

        with self._faults(repo_id):
            try:
                info = self._api().model_info(repo_id)
                refs = self._api().list_repo_refs(repo_id)
            except RepositoryNotFoundError as fault:
                self._require_known_caller(repo_id, fault)
                return None
            return RemoteRepo(bool(info.private), {ref.name: ref.target_commit for ref in refs.branches})

    def files(self, repo_id: str, branch: str) -> tuple[RemoteFile, ...]:
        from huggingface_hub.hf_api import RepoFile

        with self._faults(repo_id):
            entries = self._api().list_repo_tree(repo_id, revision=branch, recursive=True)
            return tuple(
                RemoteFile(each.path, each.size, each.blob_id, each.lfs.sha256 if each.lfs else None)
                for each in entries
                if isinstance(each, RepoFile)
            )

    def create_repo(self, repo_id: str, *, private: bool) -> None:
        with self._faults(repo_id):
            self._api().create_repo(repo_id, private=private, exist_ok=True)

    def create_branch(self, repo_id: str, branch: str) -> None:
        with self._faults(repo_id):
            self._api().create_branch(repo_id, branch=branch, exist_ok=True)

    def commit(self, repo_id: str, branch: str, change: CommitRequest) -> Commit:
        with self._faults(repo_id), self._log.listening():
            from huggingface_hub import CommitOperationAdd, CommitOperationDelete

            operations: list[Any] = [CommitOperationAdd(path, file) for path, file in change.uploads.items()]
            operations += [CommitOperationDelete(path) for path in change.deletions]
            made = self._api().create_commit(
                repo_id, operations, commit_message=change.message, revision=branch, parent_commit=change.parent
            )
            return Commit(str(made.oid), str(made.commit_url))

    def logs(self) -> Sequence[str]:
        return tuple(self._log.lines)

    def _api(self) -> Any:
        try:
            from huggingface_hub import HfApi
        except ImportError as fault:
            raise DependencyMissing("huggingface_hub is not installed", hint="pip install huggingface_hub") from fault
        return HfApi(endpoint=self._endpoint, token=self._token or False, user_agent=self._user_agent)

    def _require_known_caller(self, repo_id: str, fault: Exception) -> None:
        """The hub hides what it does not want to show, and says 401 where it does not know who asks."""
        if _status(fault) == 401:
            raise TokenMissing(
                f"{repo_id}: the hub does not accept this token", hint="set HF_TOKEN to one that may write"
            ) from fault

    @contextmanager
    def _faults(self, repo_id: str) -> Iterator[None]:
        """The library's errors as ours, without secrets."""
        import httpx2
        from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

        try:
            yield
        except RevisionNotFoundError as fault:
            raise BranchMissing(repo_id) from fault
        except HfHubHTTPError as fault:
            raise self._refusal(repo_id, fault) from fault
        except (httpx2.HTTPError, ConnectionError, TimeoutError) as fault:
            raise UploadFailed(
                f"{repo_id}: {self._endpoint} cannot be reached: {_plain(fault)}", hint="check the network, try again"
            ) from fault
        except (ValueError, RuntimeError) as fault:  # the library wraps what goes wrong with a large file so
            raise self._refusal(repo_id, fault.__cause__ or fault) from fault

    def _refusal(self, repo_id: str, fault: BaseException) -> Exception:
        status = _status(fault)
        if status == 401:
            return TokenMissing(f"{repo_id}: the hub does not accept this token", hint="set HF_TOKEN to another one")
        if status == 412:
            return Conflict(f"{repo_id} has changed meanwhile", hint="push again: the change is planned anew")
        if "invalid rev" in str(fault).lower():
            return BranchMissing(repo_id)
        hint = "this token may not write there" if status == 403 else "try again later"
        return UploadFailed(f"{repo_id}: the hub refused: {_plain(fault)}", hint=hint)


class _Log(logging.Handler):
    """The library's messages, kept in order."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < MAX_LOGS:
            self.lines.append(_TOKEN.sub("hf_***", record.getMessage()))

    @contextmanager
    def listening(self) -> Iterator[None]:
        logger = logging.getLogger("huggingface_hub")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


def _status(fault: BaseException) -> int | None:
    return getattr(getattr(fault, "response", None), "status_code", None)


def _plain(fault: BaseException) -> str:
    return _TOKEN.sub("hf_***", " ".join(str(fault).split()))[:300] or type(fault).__name__
