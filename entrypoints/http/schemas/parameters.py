"""What becomes of every parameter of every body: the one source of the OpenAPI document and of /v1/capabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from marshmallow import Schema, fields

from entrypoints.http.schemas.answers import StreamOptionsSchema
from entrypoints.http.schemas.chat import ChatSchema
from entrypoints.http.schemas.completion import CompletionSchema
from entrypoints.http.schemas.embedding import EmbeddingSchema
from entrypoints.http.schemas.models import LoadSchema, UnloadSchema
from entrypoints.http.schemas.rerank import RerankSchema
from entrypoints.http.schemas.transcription import TranscriptionSchema, TranslationSchema
from entrypoints.http.schemas.unsupported import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    RERANK,
    STREAM_OPTIONS,
    TRANSCRIPTIONS,
    TRANSLATIONS,
    WITHOUT_EFFECT,
    NoOp,
)

REFUSED_INSIDE: Mapping[type[Schema], Mapping[str, NoOp]] = {StreamOptionsSchema: STREAM_OPTIONS}


@dataclass(frozen=True, slots=True)
class Body:
    """name: of its component in the OpenAPI document. routes: which take it. refused: parameters that we know and do
    not honour, with the values that ask for nothing. without_effect: taken, whatever they say.
    """

    name: str
    about: str
    routes: tuple[str, ...]
    schema: Schema
    refused: Mapping[str, NoOp]
    without_effect: tuple[str, ...]

    def honoured(self) -> tuple[str, ...]:
        """By path, those inside of objects too; not those inside of lists."""
        return tuple(_paths(self.schema, self.refused))

    def refused_paths(self) -> dict[str, tuple[object, ...]]:
        """By path, with the values that are taken because they ask for nothing; null always is."""
        found = {name: no_op.values for name, no_op in self.refused.items()}
        for name, field in self.schema.fields.items():
            if isinstance(field, fields.Nested):
                inside = REFUSED_INSIDE.get(type(field.schema), {})
                found |= {f"{name}.{inner}": no_op.values for inner, no_op in inside.items()}
        return found


def _paths(schema: Schema, refused: Mapping[str, NoOp], before: str = "") -> Iterator[str]:
    for name, field in schema.fields.items():
        if name in refused:
            continue
        yield before + name
        if isinstance(field, fields.Nested):
            inside = REFUSED_INSIDE.get(type(field.schema), {})
            yield from _paths(field.schema, inside, f"{before}{name}.")


_IN_VAIN = tuple(sorted(WITHOUT_EFFECT))

BODIES = (
    Body(
        "ChatRequest",
        "A conversation, and what its answer should be like. Unknown fields are ignored and named in a header.",
        ("/v1/chat/completions", "/v1/cache/explain"),
        ChatSchema(),
        CHAT,
        _IN_VAIN,
    ),
    Body(
        "CompletionRequest",
        "Prompts as they are, without a template. Unknown fields are ignored and named in a header.",
        ("/v1/completions",),
        CompletionSchema(),
        COMPLETIONS,
        _IN_VAIN,
    ),
    Body(
        "EmbeddingRequest",
        "Texts that are to become vectors. Unknown fields are ignored and named in a header.",
        ("/v1/embeddings",),
        EmbeddingSchema(),
        EMBEDDINGS,
        _IN_VAIN,
    ),
    Body(
        "RerankRequest",
        "A question, and documents that are to be put in order. Unknown fields are ignored and named in a header.",
        ("/v1/rerank",),
        RerankSchema(),
        RERANK,
        _IN_VAIN,
    ),
    Body(
        "TranscriptionRequest",
        "A sound, and how what is said in it should come back. Unknown fields are ignored and named in a header.",
        ("/v1/audio/transcriptions",),
        TranscriptionSchema(),
        TRANSCRIPTIONS,
        _IN_VAIN,
    ),
    Body(
        "TranslationRequest",
        "A sound in which something is said that is wanted in English. Unknown fields are ignored and named.",
        ("/v1/audio/translations",),
        TranslationSchema(),
        TRANSLATIONS,
        _IN_VAIN,
    ),
    Body("LoadRequest", "Which model to bring into memory.", ("/v1/models/load",), LoadSchema(), {}, ()),
    Body("UnloadRequest", "Which model to send away.", ("/v1/models/unload",), UnloadSchema(), {}, ()),
)
