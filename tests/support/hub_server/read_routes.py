"""The reading half of the hub's protocol."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from tests.support.hub_server.access import HubError, commit_of, visible
from tests.support.hub_server.faults import Fault, FaultBook, Traffic
from tests.support.hub_server.store import CHUNK_BYTES, Entry, HubStore, Repository

PIECE_BYTES = 1 << 16


def read_routes(store: HubStore, faults: FaultBook, traffic: Traffic) -> Blueprint:
    routes = Blueprint("read", __name__)

    @routes.get("/api/models")
    def search() -> Response:
        words = request.args.get("search", "").lower().split()
        limit = int(request.args.get("limit", 1000))
        found = [
            repository
            for name, repository in sorted(store.repositories.items())
            if not repository.private and all(word in name.lower() for word in words)
        ]
        found.sort(key=lambda repository: -repository.downloads)
        return jsonify([_info(store, repository, "main", blobs=False) for repository in found[:limit]])

    @routes.get("/api/models/<owner>/<name>", defaults={"revision": "main"})
    @routes.get("/api/models/<owner>/<name>/revision/<path:revision>")
    def model_info(owner: str, name: str, revision: str) -> Response:
        repository = visible(store, f"{owner}/{name}")
        blobs = request.args.get("blobs", "").lower() in ("true", "1")
        return jsonify(_info(store, repository, revision, blobs=blobs))

    @routes.get("/api/models/<owner>/<name>/tree/<revision>", defaults={"folder": ""})
    @routes.get("/api/models/<owner>/<name>/tree/<revision>/<path:folder>")
    def tree(owner: str, name: str, revision: str, folder: str) -> Response:
        repository = visible(store, f"{owner}/{name}")
        files = repository.files_by_commit[commit_of(repository, revision)]
        recursive = request.args.get("recursive", "").lower() in ("true", "1")
        entries = list(_tree(files, folder, recursive=recursive))
        page = current_app.config["TREE_PAGE"]
        start = int(request.args.get("cursor", 0))
        answer = jsonify(entries[start : start + page])
        if start + page < len(entries):
            query = f"recursive={recursive}&cursor={start + page}"
            answer.headers["Link"] = f'<{request.base_url}?{query}>; rel="next"'
        return answer

    @routes.get("/api/models/<owner>/<name>/refs")
    def refs(owner: str, name: str) -> Response:
        repository = visible(store, f"{owner}/{name}")
        branches = [
            {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": commit}
            for branch, commit in repository.branches.items()
        ]
        return jsonify(branches=branches, tags=[], converts=[], pullRequests=[])

    @routes.route("/<owner>/<name>/resolve/<revision>/<path:path>", methods=["GET", "HEAD"])
    def resolve(owner: str, name: str, revision: str, path: str) -> Response:
        repository = visible(store, f"{owner}/{name}", content=True)
        commit = commit_of(repository, revision)
        entry = repository.files_by_commit[commit].get(path)
        if entry is None:
            raise HubError(404, "EntryNotFound", "Entry not found")
        fault = request.environ.get("hub.fault") or Fault()
        return _file_response(store, traffic, f"{owner}/{name}/{path}", commit, entry, fault)

    return routes


def _info(store: HubStore, repository: Repository, revision: str, *, blobs: bool) -> dict[str, Any]:
    commit = commit_of(repository, revision)
    files = repository.files_by_commit[commit]
    document: dict[str, Any] = {
        "_id": "0",
        "id": repository.name,
        "modelId": repository.name,
        "author": repository.owner,
        "sha": commit,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": repository.downloads,
        "likes": repository.likes,
        "tags": repository.tags,
        "library_name": repository.library_name,
        "pipeline_tag": repository.pipeline_tag,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "lastModified": "2026-01-02T00:00:00.000Z",
        "siblings": [_sibling(path, entry, blobs=blobs) for path, entry in sorted(files.items())],
        "usedStorage": sum(entry.size_bytes for entry in files.values()),
    }
    parameters = _parameters(store, files)
    if parameters:
        document["safetensors"] = {"parameters": parameters, "total": sum(parameters.values())}
    return document


def _sibling(path: str, entry: Entry, *, blobs: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": path}
    if blobs:
        sibling |= {"size": entry.size_bytes, "blobId": entry.blob_id}
        if entry.lfs:
            sibling["lfs"] = {"sha256": entry.sha256, "size": entry.size_bytes, "pointerSize": 134}
    return sibling


def _parameters(store: HubStore, files: dict[str, Entry]) -> dict[str, int]:
    """Parameters by type, from the headers of the safetensors files, as the hub shows them."""
    counts: dict[str, int] = {}
    for path, entry in files.items():
        if not path.endswith(".safetensors") or entry.size_bytes < 8:
            continue
        with store.object_path(entry.sha256).open("rb") as stream:
            length = struct.unpack("<Q", stream.read(8))[0]
            if length > min(entry.size_bytes, 1 << 20):
                continue
            try:
                header = json.loads(stream.read(length))
            except ValueError:
                continue
        for name, tensor in header.items():
            if name != "__metadata__":
                size = 1
                for dimension in tensor["shape"]:
                    size *= dimension
                counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + size
    return counts


def _tree(files: dict[str, Entry], folder: str, *, recursive: bool) -> Iterator[dict[str, Any]]:
    folders: set[str] = set()
    for path, entry in sorted(files.items()):
        if folder and not path.startswith(f"{folder}/"):
            continue
        rest = path[len(folder) + 1 :] if folder else path
        steps = rest.split("/")[:-1]
        folders.update("/".join([*([folder] if folder else []), *steps[: n + 1]]) for n in range(len(steps)))
        if not steps or recursive:
            document = {"type": "file", "path": path, "size": entry.size_bytes, "oid": entry.blob_id}
            if entry.lfs:
                document["lfs"] = {"oid": entry.sha256, "size": entry.size_bytes, "pointerSize": 134}
            yield document
    for name in sorted(folders):
        if recursive or name.count("/") == (folder.count("/") + 1 if folder else 0):
            yield {"type": "directory", "path": name, "size": 0, "oid": "0" * 40}


def _file_response(store: HubStore, traffic: Traffic, name: str, commit: str, entry: Entry, fault: Fault) -> Response:
    etag = fault.etag or entry.etag
    headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes", "ETag": f'"{etag}"'}
    if entry.lfs:
        headers |= {"X-Linked-Size": str(entry.size_bytes), "X-Linked-Etag": f'"{etag}"'}
    start, end, status = 0, entry.size_bytes, 200
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked and not fault.ignore_range:
        start = int(asked[1])
        end = min(int(asked[2]) + 1, end) if asked[2] else end
        if start >= end:
            return Response(status=416, headers={"Content-Range": f"bytes */{entry.size_bytes}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{entry.size_bytes}"
    if request.method == "HEAD":
        return Response(status=200, headers={**headers, "Content-Length": str(entry.size_bytes)})
    headers["Content-Length"] = str(end - start)
    content = store.object_path(entry.sha256)
    body = _body(content, traffic, name, (start, end), fault, request.environ.get("werkzeug.socket"))
    return Response(body, status=status, headers=headers, content_type="application/octet-stream")


def _body(
    content: Path,
    traffic: Traffic,
    name: str,
    span: tuple[int, int],
    fault: Fault,
    connection: socket.socket | None,
) -> Iterator[bytes]:
    position, end = span
    limit = end if fault.cut_after is None else min(end, position + fault.cut_after)
    piece_bytes = PIECE_BYTES if fault.chunk_delay_seconds or fault.cut_after is not None else CHUNK_BYTES
    traffic.stream_opened()
    try:
        with content.open("rb") as stream:
            stream.seek(position)
            while position < limit:
                piece = stream.read(min(piece_bytes, limit - position))
                if fault.corrupt:
                    piece, fault = bytes([piece[0] ^ 255]) + piece[1:], Fault()
                traffic.sent(name, len(piece))
                yield piece
                position += len(piece)
                if fault.chunk_delay_seconds:
                    time.sleep(fault.chunk_delay_seconds)
        if limit < end and connection is not None:
            connection.shutdown(socket.SHUT_RDWR)
    finally:
        traffic.stream_closed()
