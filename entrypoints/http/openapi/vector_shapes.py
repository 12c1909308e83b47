"""Vectors, and documents in order."""

from __future__ import annotations

from entrypoints.http.openapi.json_shapes import (
    COUNT,
    NUMBER,
    STRING,
    Shape,
    array,
    component,
    constant,
    record,
)

USAGE = record({"prompt_tokens": COUNT, "total_tokens": COUNT}, about="Read in all, what the model wants before too.")
SCORE: Shape = {"type": "number", "minimum": 0, "maximum": 1}


def vector_shapes() -> dict[str, Shape]:
    numbers = {"anyOf": [array(NUMBER), {**STRING, "contentEncoding": "base64"}]}
    document = record({"text": STRING}, about="With return_documents.")
    return {
        "Embedding": record({"object": constant("embedding"), "index": COUNT, "embedding": numbers}),
        "EmbeddingList": record(
            {
                "object": constant("list"),
                "data": array(component("Embedding")),
                "model": STRING,
                "system_fingerprint": {
                    **STRING,
                    "pattern": r"^([0-9a-f]{8}|nohash)\.(gpu|cpu)$",
                    "description": "Changes with model, revision and device, and only then.",
                },
                "usage": USAGE,
            }
        ),
        "Ranking": record(
            {
                "id": STRING,
                "object": constant("list"),
                "model": STRING,
                "results": array(record({"index": COUNT, "relevance_score": SCORE}, {"document": document})),
                "usage": USAGE,
            }
        ),
    }
