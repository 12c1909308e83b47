"""A hub over HTTP, in the protocol of huggingface.co."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

from adapters.hub.refusals import changed, failed
from adapters.hub.retry import RetryPolicy, Wait
from adapters.hub.session import HubSession
from adapters.hub.wire import read_file_entry, read_model
from domain.errors import DownloadFailed
from domain.hub.byte_ranges import Span
from domain.hub.file_names import is_blob_name
from domain.hub.remote_model import RemoteFile, RemoteModel
from domain.hub.search import SearchQuery
from ports.hub import ContentChanged

MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_PAGES = 1000
_SEARCH_FIELDS = (
    "sha", "private", "gated", "likes", "downloads", "lastModified", "library_name", "pipeline_tag", "tags",
    "safetensors",
)  # fmt: skip

T = TypeVar("T")


class HttpHub:
    """ModelHub over HTTP."""

    def __init__(self, session: HubSession, retry: RetryPolicy | None = None, wait: Wait | None = None) -> None:
        """wait: how pauses are spent; default: until stop() is called."""
        self._session = session
        self._retry = retry or RetryPolicy()
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait

    @property
    def address(self) -> str:
        return self._session.endpoint

    def describe(self, name: str, revision: str) -> RemoteModel:
        model = self._info(name, revision)
        if model.gated:
            self._require_content_access(model)
        return replace(model, files=tuple(sorted(self._tree(model), key=lambda file: file.path)))

    def head(self, name: str, revision: str) -> str:
        return self._info(name, revision).commit

    def read(self, model: RemoteModel, file: RemoteFile, limit_bytes: int) -> bytes:
        span = Span(0, min(limit_bytes, file.size_bytes))
        if not span.length:
            return b""

        def attempt() -> bytes:
            with self.open(model, file, span) as pieces:
                return b"".join(pieces)

        try:
            return self._again(attempt)
        except ContentChanged as fault:
            raise changed(model.name, file.path) from fault

    @contextmanager
    def open(self, model: RemoteModel, file: RemoteFile, span: Span) -> Iterator[Iterator[bytes]]:
        url = self._file_url(model, file)
        headers = {"Accept-Encoding": "identity"}
        if span != (0, file.size_bytes):
            headers["Range"] = f"bytes={span.start}-{span.end - 1}"
        with self._session.request("GET", url, model.name, headers=headers) as response:
            self._require_same(response, model, file)
            yield self._pieces(response, model, file, span)

    def search(self, query: SearchQuery) -> tuple[RemoteModel, ...]:
        params: dict[str, Any] = {
            "search": query.words, "limit": query.limit, "sort": "downloads", "expand": list(_SEARCH_FIELDS),
        }  # fmt: skip
        if query.mlx_only:
            params["filter"] = "mlx"
        answer, _ = self._get_json(f"{self._session.endpoint}/api/models", "the search", params)
        if not isinstance(answer, list):
            raise failed("the search", "the hub's answer makes no sense", retryable=False)
        return tuple(read_model(each, "main") for each in answer[: query.limit])

    def stop(self) -> None:
        """Ends every transfer and pause at once, from any thread. The hub is of no use afterwards."""
        self._stopped.set()
        self._session.stop()

    def _info(self, name: str, revision: str) -> RemoteModel:
        url = f"{self._session.endpoint}/api/models/{quote(name)}/revision/{quote(revision, safe='')}"
        subject = name if revision == "main" else f"{name}@{revision}"
        return read_model(self._get_json(url, subject)[0], revision, name)

    def _tree(self, model: RemoteModel) -> Iterator[RemoteFile]:
        url: str | None = f"{self._session.endpoint}/api/models/{quote(model.name)}/tree/{model.commit}"
        params: dict[str, Any] | None = {"recursive": "true", "expand": "false"}
        for _ in range(MAX_PAGES):
            if url is None:
                return
            entries, headers = self._get_json(url, model.name, params)
            if not isinstance(entries, list):
                raise failed(model.name, "the hub's list of files makes no sense", retryable=False)
            for entry in entries:
                file = read_file_entry(entry, model.name)
                if file is not None:
                    yield file
            url, params = self._next_page(url, headers.get("link", ""), model.name), None
        raise failed(model.name, "the hub's list of files has no end", retryable=False)

    def _next_page(self, url: str, link: str, subject: str) -> str | None:
        for part in link.split(","):
            target, _, rest = part.partition(";")
            if 'rel="next"' in rest:
                address = urljoin(url, target.strip(" <>"))
                if not self._session.owns(address):
                    raise failed(subject, "the hub's list of files goes on at another host", retryable=False)
                return address
        return None

    def _require_content_access(self, model: RemoteModel) -> None:
        """What is gated is shown to everybody; only asking for a file tells whether this caller may have it."""
        url = f"{self._session.endpoint}/{quote(model.name)}/resolve/{model.commit}/config.json"

        def attempt() -> None:
            with self._session.request("HEAD", url, model.name):
                return

        try:
            self._again(attempt)
        except DownloadFailed as fault:
            if fault.retryable:
                raise

    def _get_json(self, url: str, subject: str, params: Mapping[str, Any] | None = None) -> tuple[Any, dict[str, str]]:
        def attempt() -> tuple[Any, dict[str, str]]:
            with self._session.request("GET", url, subject, params=params) as response:
                content = bytearray()
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > MAX_JSON_BYTES:
                        raise failed(subject, "the hub's answer is too large", retryable=False)
                try:
                    value = json.loads(bytes(content))
                except (ValueError, RecursionError) as fault:
                    raise failed(subject, "the hub's answer is no JSON", retryable=False) from fault
                return value, {name.lower(): text for name, text in response.headers.items()}

        return self._again(attempt)

    def _again(self, attempt: Callable[[], T]) -> T:
        failures = 0
        while True:
            try:
                return attempt()
            except DownloadFailed as fault:
                failures += 1
                if self._retry.gives_up(failures, fault) or self._wait(self._retry.pause_seconds(failures, fault)):
                    raise

    def _file_url(self, model: RemoteModel, file: RemoteFile) -> str:
        return f"{self._session.endpoint}/{quote(model.name)}/resolve/{model.commit}/{quote(file.path)}"

    def _require_same(self, response: Any, model: RemoteModel, file: RemoteFile) -> None:
        told = response.extensions["hub_headers"]
        etag = str(told.get("x-linked-etag") or told.get("etag") or "").removeprefix("W/").strip('"')
        commit = told.get("x-repo-commit", model.commit)
        if (is_blob_name(etag) and etag != file.etag) or commit != model.commit:
            raise ContentChanged(file.path)

    def _pieces(self, response: Any, model: RemoteModel, file: RemoteFile, span: Span) -> Iterator[bytes]:
        """Exactly the span's bytes, whether the server has understood the range or sends everything."""
        skip = span.start if response.status_code == 200 else 0
        if response.status_code == 206 and not _starts_at(response, span.start, file.size_bytes):
            raise failed(model.name, f"the hub sent another part of {file.path} than asked for")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise failed(model.name, f"the hub sent {file.path} in an encoding that was not asked for", retryable=False)
        left = span.length
        for piece in response.iter_raw():
            if skip:
                cut = min(skip, len(piece))
                skip, piece = skip - cut, piece[cut:]  # noqa: PLW2901
            if piece and left:
                wanted = piece[:left]
                left -= len(wanted)
                yield wanted
            if not left:
                return
        if left:
            raise failed(model.name, f"the connection broke within {file.path}")


def _starts_at(response: Any, start: int, size_bytes: int) -> bool:
    unit, _, rest = str(response.headers.get("Content-Range", "")).partition(" ")
    span, _, total = rest.partition("/")
    return unit == "bytes" and span.startswith(f"{start}-") and total in (str(size_bytes), "*")
