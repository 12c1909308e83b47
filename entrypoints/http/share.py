"""`mlxk serve --share`: the models in this machine's cache, read-only, in the hub's own protocol.

Another mlxk (`--hub http://this-machine:8000`) and huggingface_hub itself (`HF_ENDPOINT`) can pull from here. Off
unless asked for: whoever reaches the server can then read every cached model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import BoundedSemaphore

from flask import Blueprint, Response, jsonify, request

from domain.errors import InvalidRequest, MlxkError, ModelNotFound, ServerBusy
from domain.hub.byte_ranges import Span
from domain.hub.remote_model import RemoteFile, RemoteModel
from domain.hub.search import MAX_RESULTS, SearchQuery
from entrypoints.http.errors import STATUS, envelope, error_object
from ports.hub import ModelHub

TRANSFERS_AT_ONCE = 64
MAIN = "main"
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})", re.ASCII)
_COUNT = re.compile(r"0{0,9}[1-9]\d{0,18}", re.ASCII)
_UNSAFE = re.compile(r"[^ -~]")  # in a header: a name from the path may hold anything
_TRUE = ("true", "1")

OpenSharedHub = Callable[[], ModelHub]


def share_routes(shared_hub: OpenSharedHub) -> Blueprint:
    """shared_hub: the cache as a hub."""
    routes = Blueprint("share", __name__)
    places = BoundedSemaphore(TRANSFERS_AT_ONCE)
    routes.register_error_handler(MlxkError, _refusal)

    @routes.get("/api/models")
    def search() -> Response:
        query = SearchQuery(request.args.get("search", ""), _limit(request.args.get("limit")), mlx_only=False)
        return jsonify([_info(model) for model in shared_hub().search(query)])

    @routes.get("/api/models/<owner>/<name>", defaults={"revision": MAIN})
    @routes.get("/api/models/<owner>/<name>/revision/<path:revision>")
    def info(owner: str, name: str, revision: str) -> Response:
        return jsonify(_info(shared_hub().describe(f"{owner}/{name}", revision)))

    @routes.get("/api/models/<owner>/<name>/tree/<revision>", defaults={"folder": ""})
    @routes.get("/api/models/<owner>/<name>/tree/<revision>/<path:folder>")
    def tree(owner: str, name: str, revision: str, folder: str) -> Response:
        model = shared_hub().describe(f"{owner}/{name}", revision)
        recursive = request.args.get("recursive", "").lower() in _TRUE
        return jsonify(list(_entries(model, folder.strip("/"), recursive=recursive)))

    @routes.get("/<owner>/<name>/resolve/<revision>/<path:path>")
    def resolve(owner: str, name: str, revision: str, path: str) -> Response:
        hub = shared_hub()
        model = hub.describe(f"{owner}/{name}", revision)
        file = model.file(path)
        if file is None:
            raise ModelNotFound(f"{model.name} has no file {path!r}", detail={"kind": "file"})
        return _content(hub, model, file, places)

    return routes


def _limit(given: str | None) -> int:
    """Raises InvalidRequest."""
    if given is None:
        return MAX_RESULTS
    if not _COUNT.fullmatch(given):
        raise InvalidRequest(f"limit: must be a whole number from 1 on, got {given[:24]!r}", param="limit")
    return min(int(given), MAX_RESULTS)


def _info(model: RemoteModel) -> dict[str, object]:
    return {
        "_id": "0",
        "id": model.name,
        "modelId": model.name,
        "author": model.name.partition("/")[0],
        "sha": model.commit,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": ["mlx"],
        "lastModified": model.last_modified.strftime("%Y-%m-%dT%H:%M:%S.000Z") if model.last_modified else None,
        "siblings": [{"rfilename": file.path} for file in model.files],
    }


def _entries(model: RemoteModel, folder: str, *, recursive: bool) -> Iterator[dict[str, object]]:
    """Files, and the folders between, below a folder; all of them or one level."""
    prefix = f"{folder}/" if folder else ""
    folders: dict[str, None] = {}
    for file in model.files:
        if not file.path.startswith(prefix):
            continue
        steps = file.path.removeprefix(prefix).split("/")[:-1]
        shown = steps if recursive else steps[:1]
        folders.update(dict.fromkeys(prefix + "/".join(shown[: count + 1]) for count in range(len(shown))))
        if recursive or not steps:
            yield _entry(file)
    yield from ({"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in folders)


def _entry(file: RemoteFile) -> dict[str, object]:
    entry: dict[str, object] = {
        "type": "file",
        "path": file.path,
        "size": file.size_bytes,
        "oid": file.blob_id,
    }
    if file.sha256 is not None:
        entry["lfs"] = {"oid": file.sha256, "size": file.size_bytes, "pointerSize": 134}
    return entry


def _content(hub: ModelHub, model: RemoteModel, file: RemoteFile, places: BoundedSemaphore) -> Response:
    headers = {"X-Repo-Commit": model.commit, "Accept-Ranges": "bytes", "ETag": f'"{file.etag}"'}
    if file.sha256 is not None:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size_bytes)}
    span, status = _asked(file), 200
    if span is None:
        return Response(status=416, headers={"Content-Range": f"bytes */{file.size_bytes}"})
    if request.headers.get("Range") and span.length:
        status = 206
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{file.size_bytes}"
    headers["Content-Length"] = str(span.length)
    if request.method == "HEAD":
        return Response(status=200, headers={**headers, "Content-Length": str(file.size_bytes)})
    if not places.acquire(blocking=False):
        raise ServerBusy("all places for transfers are taken", hint="try again in a moment")
    body = _Body(hub, model, file, span, places)
    return Response(body, status=status, headers=headers, content_type="application/octet-stream")


def _asked(file: RemoteFile) -> Span | None:
    """The span of the Range header; the whole file without one that can be read; None when it lies beyond the end."""
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None:
        return Span(0, file.size_bytes)
    start = int(found[1])
    end = min(int(found[2]) + 1, file.size_bytes) if found[2] else file.size_bytes
    return Span(start, end) if start < end else None


class _Body:
    """A file's bytes as a response body. Gives its place back when it is closed, which the server always does."""

    def __init__(
        self, hub: ModelHub, model: RemoteModel, file: RemoteFile, span: Span, places: BoundedSemaphore
    ) -> None:
        self._stack = ExitStack()
        self._stack.callback(places.release)
        self._source = hub.open(model, file, span)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stack.enter_context(self._source)

    def close(self) -> None:
        self._stack.close()


def _refusal(fault: MlxkError) -> Response:
    """Our error body, with the code that the hub's clients look for."""
    answer = jsonify(envelope(error_object(fault)))
    answer.status_code = next((STATUS[kind] for kind in type(fault).__mro__ if kind in STATUS), 500)
    if isinstance(fault, ModelNotFound):
        kinds = {"file": "EntryNotFound", "revision": "RevisionNotFound"}
        answer.headers["X-Error-Code"] = kinds.get(str(fault.detail.get("kind")), "RepoNotFound")
    if not isinstance(fault, InvalidRequest):
        answer.headers["X-Error-Message"] = _UNSAFE.sub("?", fault.message)
    return answer
