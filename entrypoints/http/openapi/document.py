"""The whole document."""

from __future__ import annotations

from entrypoints.http.openapi.answer_shapes import answer_shapes
from entrypoints.http.openapi.error_shapes import error_responses, error_shapes
from entrypoints.http.openapi.json_shapes import STRING, Shape
from entrypoints.http.openapi.operations import OPERATIONS
from entrypoints.http.openapi.request_bodies import request_bodies
from entrypoints.http.openapi.server_shapes import server_shapes
from entrypoints.http.openapi.shared_operations import SHARED_OPERATIONS
from entrypoints.http.openapi.shared_shapes import shared_shapes
from entrypoints.http.openapi.sound_shapes import sound_shapes
from entrypoints.http.openapi.vector_shapes import vector_shapes
from mlxk import __version__

ABOUT = """\
OpenAI's chat, completions, embeddings and transcription APIs over the MLX models of this machine, with additions of
mlxk.

Every route with GET answers HEAD, and every route answers OPTIONS with `Allow`. Other methods are a 405. Paths have no
slash at their end: with one they are a 404. Parameters in the query that a route does not have are ignored; fields of a
body that nobody knows are too, and named in `X-Mlxk-Ignored-Fields`.

A server with API keys wants one with every request but `GET /health`; without keys it wants none. 499 is what the log
says where the client hung up: nobody reads that answer. Requests that are too slow or too long, or whose head cannot be
read, get 400, 408, 414 or 431 before their route is known.
"""
TAGS = {
    "answers": "Conversations and prompts in, answers out.",
    "vectors": "Texts as vectors for search, and documents in order.",
    "sounds": "Sounds in, what is said in them out.",
    "models": "Which models there are, and which are in memory.",
    "server": "How the server is, and what it can do.",
    "share": "The models of this machine's cache, for other machines.",
}
KEYS: dict[str, Shape] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "`x-api-key: KEY`"},
}
HEADERS: dict[str, Shape] = {
    "X-Request-ID": {
        "description": "The request's own where it had a sane one, else a fresh one; log lines carry it.",
        "required": True,
        "schema": STRING,
    },
    "X-Mlxk-Ignored-Fields": {"description": "Fields of the body that nobody read, by path.", "schema": STRING},
}


def openapi_document(*, share: bool, keyed: bool | None = None) -> Shape:
    """share: with the routes of `--share`. keyed: whether the server wants a key; None where it depends."""
    operations = (*OPERATIONS, *(SHARED_OPERATIONS if share else ()))
    paths: dict[str, Shape] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method] = each.present()
    used = {each.tag for each in operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mlxk",
            "version": __version__,
            "summary": "MLX models on your own machine",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that gave this document."}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items() if name in used],
        "security": _security(keyed),
        "paths": paths,
        "components": {
            "securitySchemes": KEYS,
            "headers": HEADERS,
            "responses": error_responses(),
            "schemas": {
                **request_bodies(),
                **answer_shapes(),
                **vector_shapes(),
                **sound_shapes(),
                **server_shapes(),
                **(shared_shapes() if share else {}),
                **error_shapes(),
            },
        },
    }


def _security(keyed: bool | None) -> list[dict[str, list[str]]]:
    named: list[dict[str, list[str]]] = [{name: []} for name in KEYS]
    if keyed is False:
        return []
    return named if keyed else [{}, *named]
