"""Routes that are there with `--share` only."""

from __future__ import annotations

from entrypoints.http.openapi.json_shapes import STRING, Shape, array, component
from entrypoints.http.openapi.operation import Operation, answer, in_path, in_query

OWNER = in_path("owner", "Before the slash of a model's name.", pattern="^[^/]+$")
NAME = in_path("name", "After the slash of a model's name.", pattern="^[^/]+$")
REVISION = in_path("revision", "A branch, or the hash of a commit.", minLength=1)
ONE_REVISION = in_path("revision", "A branch, or the hash of a commit.", pattern="^[^/]+$")
RECURSIVE = in_query("recursive", "`true` or `1`: what lies in folders too.")
BYTES: Shape = {"application/octet-stream": {"schema": {}}}
FILE_HEADERS = {name: {"schema": STRING} for name in ("ETag", "Accept-Ranges", "X-Repo-Commit")}
WAYS_OUT = (404, 502, 503, 507)
ABOUT = "The hub's own protocol, read-only; only with `--share`."

_INFO = {"200": answer("The model and its files.", "SharedModel")}
_TREE = {"200": answer("Files and folders.", array(component("SharedEntry")))}


def _shared(path: str, name: str, summary: str, answers: dict[str, Shape], *parameters: Shape) -> Operation:
    return Operation("get", path, name, "share", summary, answers, WAYS_OUT, ABOUT, parameters=parameters)


def _at(root: str) -> str:
    return f"{root}/{{owner}}/{{name}}"


SHARED_OPERATIONS = (
    _shared(
        "/api/models",
        "searchShared",
        "Look for a shared model",
        {"200": answer("Those that were found.", array(component("SharedModel")))},
        in_query("search", "Parts of its name.", {"type": "string", "pattern": r"\S"}, required=True),
        in_query("limit", "At most so many; never more than 100.", {"type": "integer", "minimum": 1}),
    ),
    _shared(_at("/api/models"), "sharedModel", "A shared model", _INFO, OWNER, NAME),
    _shared(
        f"{_at('/api/models')}/revision/{{revision}}", "sharedRevision", "One revision", _INFO, OWNER, NAME, REVISION
    ),
    _shared(
        f"{_at('/api/models')}/tree/{{revision}}",
        "sharedFiles",
        "Its files",
        _TREE,
        OWNER,
        NAME,
        ONE_REVISION,
        RECURSIVE,
    ),
    _shared(
        f"{_at('/api/models')}/tree/{{revision}}/{{folder}}",
        "sharedFolder",
        "The files of a folder",
        _TREE,
        OWNER,
        NAME,
        ONE_REVISION,
        in_path("folder", "Its path.", minLength=1),
        RECURSIVE,
    ),
    _shared(
        f"{_at('')}/resolve/{{revision}}/{{path}}",
        "sharedFile",
        "A file, or a range of it",
        {
            "200": {"description": "The whole file.", "headers": FILE_HEADERS, "content": BYTES},
            "206": {
                "description": "The bytes that `Range` asked for.",
                "headers": {**FILE_HEADERS, "Content-Range": {"schema": STRING}},
                "content": BYTES,
            },
            "416": {
                "description": "The range lies beyond the end.",
                "headers": {"Content-Range": {"schema": STRING}},
            },
        },
        OWNER,
        NAME,
        ONE_REVISION,
        in_path("path", "The file's path.", minLength=1),
        {"name": "Range", "in": "header", "description": "`bytes=FROM-` or `bytes=FROM-TO`.", "schema": STRING},
    ),
)
