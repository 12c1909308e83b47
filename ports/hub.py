"""Where models come from: a hub far away, or anything that can stand in for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from domain.hub.byte_ranges import Span
from domain.hub.remote_model import RemoteFile, RemoteModel
from domain.hub.search import SearchQuery


class ModelHub(Protocol):
    """Reads, never writes. Thread-safe. Calls block; each attempt has a time limit, transient faults are retried with
    growing pauses before anything is raised.

    Every call raises AccessDenied (gated, private, a token that is wrong or missing), ModelNotFound (no such model or
    revision), DownloadFailed (retryable: the hub cannot be reached, is busy or answers nonsense). No message carries
    the token, and no host but the hub's own is ever sent it.
    """

    @property
    def address(self) -> str:
        """Where it is, for people: a URL without credentials, or a folder."""

    def describe(self, name: str, revision: str) -> RemoteModel:
        """The model at a branch, tag or commit, with all its files. Says what the hub says: nothing is checked for
        being safe to write (RemoteModel.require_safe does that).
        """

    def head(self, name: str, revision: str) -> str:
        """The commit that a revision names, at the cost of one request."""

    def read(self, model: RemoteModel, file: RemoteFile, limit_bytes: int) -> bytes:
        """The beginning of a file, at most limit_bytes of it. Raises DownloadRefused when it is no longer that file."""

    def open(self, model: RemoteModel, file: RemoteFile, span: Span) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes of a span, in pieces as they arrive. One attempt: a connection that breaks raises DownloadFailed
        from the iterator, after what has arrived. Raises ContentChanged when the file is no longer what `file` says.
        """

    def search(self, query: SearchQuery) -> tuple[RemoteModel, ...]:
        """Models whose names match, the most downloaded first, without their files."""

    def stop(self) -> None:
        """End every transfer and pause at once, from any thread: each raises DownloadFailed. For good."""


class ContentChanged(Exception):
    """The hub sends another content for this file than it has announced. Never leaves the adapters."""
