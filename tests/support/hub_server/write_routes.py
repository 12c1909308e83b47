"""The writing half of the hub's protocol: repositories, branches, commits, large files."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from tests.support.hub_server.access import HubError, commit_of, require_user, visible, writable
from tests.support.hub_server.store import LFS_FROM_BYTES, LFS_SUFFIXES, Entry, HubStore

LFS_JSON = "application/vnd.git-lfs+json"


def write_routes(store: HubStore) -> Blueprint:
    routes = Blueprint("write", __name__)
    _repository_routes(routes, store)
    _commit_routes(routes, store)
    _lfs_routes(routes, store)
    return routes


def _repository_routes(routes: Blueprint, store: HubStore) -> None:
    @routes.get("/api/whoami-v2")
    def who_am_i() -> Response:
        user = require_user()
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        return jsonify(type="user", id="1", name=user, fullname=user, orgs=[], isPro=False, auth=token)

    @routes.post("/api/repos/create")
    def create() -> tuple[Response, int]:
        user = require_user()
        asked = request.get_json()
        owner = asked.get("organization") or user
        name = f"{owner}/{asked['name']}"
        address = f"{request.host_url}{name}"
        if owner != user:
            raise HubError(403, "", f"You don't have the rights to create a model under the namespace {owner!r}.")
        with store.lock:
            if name in store.repositories:
                return jsonify(error="You already created this model repo", url=address), 409
            private = asked.get("visibility") == "private" or bool(asked.get("private"))
            store.create(name, private=private)
        return jsonify(url=address, name=name, id="0"), 200

    @routes.post("/api/models/<owner>/<name>/branch/<path:branch>")
    def create_branch(owner: str, name: str, branch: str) -> tuple[Response, int]:
        repository = writable(store, f"{owner}/{name}")
        start = (request.get_json(silent=True) or {}).get("startingPoint") or "main"
        with store.lock:
            if branch in repository.branches:
                return jsonify(error=f"Reference {branch} already exists"), 409
            repository.branches[branch] = commit_of(repository, start)
            store.save(repository)
        return jsonify({}), 200

    @routes.delete("/api/repos/delete")
    def delete() -> Response:
        user = require_user()
        asked = request.get_json()
        name = f"{asked.get('organization') or user}/{asked['name']}"
        writable(store, name)
        store.drop(name)
        return jsonify({})


def _commit_routes(routes: Blueprint, store: HubStore) -> None:
    @routes.post("/api/validate-yaml")
    def validate_yaml() -> Response:
        return jsonify(errors=[], warnings=[])

    @routes.post("/api/models/<owner>/<name>/preupload/<path:revision>")
    def preupload(owner: str, name: str, revision: str) -> Response:
        repository = writable(store, f"{owner}/{name}")
        files = repository.files_by_commit[commit_of(repository, revision)]
        answers = []
        for file in request.get_json()["files"]:
            path = file["path"]
            large = path.endswith(LFS_SUFFIXES) or file["size"] > LFS_FROM_BYTES
            known = files.get(path)
            answers.append(
                {
                    "path": path,
                    "uploadMode": "lfs" if large else "regular",
                    "shouldIgnore": False,
                    "oid": known.etag if known else None,
                }
            )
        return jsonify(files=answers)

    @routes.post("/api/models/<owner>/<name>/commit/<path:revision>")
    def commit(owner: str, name: str, revision: str) -> Response:
        repository = writable(store, f"{owner}/{name}")
        base = commit_of(repository, revision)
        if revision not in repository.branches:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        with store.lock:
            files, message = _applied(store, repository.files_by_commit[base], base, request.get_data())
            new = base
            if files != repository.files_by_commit[base]:
                new = store.commit_entries(repository, files, branch=revision, message=message)
        address = f"{request.host_url}{owner}/{name}/commit/{new}"
        return jsonify(success=True, commitOid=new, commitUrl=address, hookOutput="")


def _applied(store: HubStore, before: dict[str, Entry], base: str, body: bytes) -> tuple[dict[str, Entry], str]:
    """The files after a commit's operations, and its message. Raises HubError as the hub would refuse."""
    files, message = dict(before), ""
    for line in body.splitlines():
        operation = json.loads(line)
        value: dict[str, Any] = operation["value"]
        match operation["key"]:
            case "header":
                message = value["summary"]
                if value.get("parentCommit") not in (None, base):
                    raise HubError(412, "", "A commit has happened since. Please refresh and try again.")
            case "file":
                files[value["path"]] = store.entry(value["path"], base64.b64decode(value["content"]), lfs=False)
            case "lfsFile":
                if not store.has_object(value["oid"]):
                    raise HubError(400, "", f"LFS object {value['oid']} is missing")
                files[value["path"]] = store.lfs_entry(value["oid"])
            case "deletedFile":
                files.pop(value["path"], None)
            case "deletedFolder":
                folder = value["path"].rstrip("/") + "/"
                files = {path: entry for path, entry in files.items() if not path.startswith(folder)}
            case unknown:
                raise HubError(400, "", f"unknown operation {unknown}")
    return files, message


def _lfs_routes(routes: Blueprint, store: HubStore) -> None:
    @routes.post("/<owner>/<name>.git/info/lfs/objects/batch")
    def batch(owner: str, name: str) -> Response:
        writable(store, f"{owner}/{name}")
        multipart = False
        objects = []
        for wanted in request.get_json(force=True)["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"], "authenticated": True}
            if not store.has_object(wanted["oid"]):
                multipart = multipart or wanted["size"] > current_app.config["LFS_PART"]
                answer["actions"] = _actions(f"{owner}/{name}", wanted["oid"], wanted["size"])
            objects.append(answer)
        response = jsonify(transfer="multipart" if multipart else "basic", objects=objects)
        response.content_type = LFS_JSON
        return response

    @routes.put("/_lfs/<oid>")
    def upload(oid: str) -> str:
        _keep(store, oid, request.get_data())
        return ""

    @routes.put("/_lfs/<oid>/part/<int:number>")
    def upload_part(oid: str, number: int) -> Response:
        (store.folder / f"{oid}.part{number:05d}").write_bytes(request.get_data())
        return Response("", headers={"ETag": f'"{number}"'})

    @routes.post("/_lfs/<oid>/complete")
    def complete(oid: str) -> Response:
        parts = sorted(store.folder.glob(f"{oid}.part*"))
        _keep(store, oid, b"".join(part.read_bytes() for part in parts))
        for part in parts:
            part.unlink()
        return jsonify({})

    @routes.post("/<owner>/<name>.git/info/lfs/verify")
    def verify(owner: str, name: str) -> Response:
        visible(store, f"{owner}/{name}")
        if not store.has_object(request.get_json(force=True)["oid"]):
            raise HubError(404, "", "object not found")
        return jsonify({})


def _actions(name: str, oid: str, size_bytes: int) -> dict[str, Any]:
    base = request.host_url.rstrip("/")
    verify = {"href": f"{base}/{name}.git/info/lfs/verify"}
    part_bytes = current_app.config["LFS_PART"]
    if size_bytes <= part_bytes:
        return {"upload": {"href": f"{base}/_lfs/{oid}", "header": {}}, "verify": verify}
    count = -(-size_bytes // part_bytes)
    header = {f"{n:05d}": f"{base}/_lfs/{oid}/part/{n}" for n in range(1, count + 1)}
    header["chunk_size"] = str(part_bytes)
    return {"upload": {"href": f"{base}/_lfs/{oid}/complete", "header": header}, "verify": verify}


def _keep(store: HubStore, oid: str, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() != oid:
        raise HubError(400, "", "the content does not match its hash")
    store.put_object(content)
