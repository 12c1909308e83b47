"""A hub, as one who may write to it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.hub.remote_model import RemoteFile


@dataclass(frozen=True, slots=True)
class RemoteRepo:
    """private: as the hub says now. branches: name to commit."""

    private: bool
    branches: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Commit:
    """sha: 40 hex digits. url: for people."""

    sha: str
    url: str


class BranchMissing(Exception):
    """The revision that was written to does not exist. Never leaves the use case."""


class Publisher(Protocol):
    """Writes only in create_repo, create_branch and commit. Blocks. Every call raises TokenMissing (the hub does not
    know the caller), UploadFailed (it refuses, or cannot be reached), DependencyMissing (the hub's library).
    """

    def url(self, repo_id: str) -> str:
        """Where people find the repository."""

    def repo(self, repo_id: str) -> RemoteRepo | None:
        """The repository; None when there is none that this caller may see."""

    def files(self, repo_id: str, branch: str) -> tuple[RemoteFile, ...]:
        """Every file of a branch. Raises BranchMissing."""

    def create_repo(self, repo_id: str, *, private: bool) -> None:
        """Make it; one that is there already is left as it is."""

    def create_branch(self, repo_id: str, branch: str) -> None:
        """From main; one that is there already is left as it is."""

    def commit(self, repo_id: str, branch: str, change: CommitRequest) -> Commit:
        """One commit, all or nothing; large files go the way of large files. Raises BranchMissing, Conflict (the branch
        has moved since `parent`).
        """

    def logs(self) -> Sequence[str]:
        """What the hub's library has said since this object was made; never a token."""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """uploads: path in the repository to the local file. parent: the commit that the change was planned on."""

    uploads: Mapping[str, Path]
    deletions: Sequence[str]
    message: str
    parent: str | None
