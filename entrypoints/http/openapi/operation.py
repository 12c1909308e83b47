"""One method of one route, as the document tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entrypoints.http.openapi.error_shapes import REQUEST_ID, error_reference
from entrypoints.http.openapi.json_shapes import STRING, Shape, component, constant, record

JSON = "application/json"
EVENTS = "text/event-stream"
FORM = "multipart/form-data"
DONE = "[DONE]"
ENDS = "A stream that fails ends with an Error in place of [DONE]. Lines that begin with a colon are comments."

# What the doors and the server may say to any request, and to one with a body.
ALWAYS = (400, 401, 403, 405, 500)
WITH_BODY = (408, 413, 415, 503)


@dataclass(frozen=True, slots=True)
class Operation:
    """name: the operationId. answers: what each good status brings; errors: statuses beside those that every route has.
    body: the component that is sent; media: as what. parameters: as OpenAPI has them. ignores: names fields that
    nobody read in a header. open: needs no key.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answers: Mapping[str, Shape]
    errors: tuple[int, ...] = ()
    about: str = ""
    body: str | None = None
    examples: Mapping[str, object] = field(default_factory=dict)
    parameters: tuple[Shape, ...] = ()
    open: bool = False
    media: str = JSON

    def present(self) -> Shape:
        shape: Shape = {"operationId": self.name, "tags": [self.tag], "summary": self.summary}
        if self.about:
            shape["description"] = self.about
        if self.parameters:
            shape["parameters"] = list(self.parameters)
        if self.body is not None:
            shape["requestBody"] = {"required": True, "content": {self.media: self._sent(self.body)}}
        shape["responses"] = {status: self._named(answer) for status, answer in self.answers.items()}
        shape["responses"] |= {str(status): error_reference(status) for status in self._statuses()}
        return shape | ({"security": []} if self.open else {})

    def _sent(self, body: str) -> Shape:
        examples = {name: {"value": value} for name, value in self.examples.items()}
        return {"schema": component(body), **({"examples": examples} if examples else {})}

    def _named(self, answer: Shape) -> Shape:
        headers: dict[str, Any] = {"X-Request-ID": REQUEST_ID, **answer.get("headers", {})}
        if self.body is not None:
            headers["X-Mlxk-Ignored-Fields"] = {"$ref": "#/components/headers/X-Mlxk-Ignored-Fields"}
        return {**answer, "headers": headers}

    def _statuses(self) -> list[int]:
        all_of_them = {*ALWAYS, *self.errors, *(WITH_BODY if self.body is not None else ())}
        return sorted(status for status in all_of_them if str(status) not in self.answers)


def answer(about: str, shape: Shape | str, example: object = None) -> Shape:
    """A body of JSON. shape: or the name of a component."""
    schema = component(shape) if isinstance(shape, str) else shape
    content: Shape = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": about, "content": {JSON: content}}


def streamed(about: str, whole: str, chunk: str) -> Shape:
    """One object, or a stream of events whose data are such chunks. The schema of a stream is that of one event."""
    data = {
        "description": f"`{DONE}` at the end, else JSON.",
        "anyOf": [
            constant(DONE),
            {
                **STRING,
                "contentMediaType": JSON,
                "contentSchema": {"anyOf": [component(chunk), component("Error")]},
            },
        ],
    }
    event = record({"data": data}, about=f"An event. {ENDS}")
    return {
        "description": about,
        "content": {JSON: {"schema": component(whole)}, EVENTS: {"schema": event}},
    }


def text(about: str, media_type: str) -> Shape:
    return {"description": about, "content": {media_type: {"schema": STRING}}}


def in_path(name: str, about: str, **keywords: object) -> Shape:
    return {"name": name, "in": "path", "required": True, "description": about, "schema": {**STRING, **keywords}}


def in_query(name: str, about: str, schema: Shape = STRING, *, required: bool = False) -> Shape:
    return {"name": name, "in": "query", "required": required, "description": about, "schema": schema}
