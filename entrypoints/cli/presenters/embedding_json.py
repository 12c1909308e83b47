"""Records of `mlxk embed` and `mlxk rerank`: as lines, and as data for the envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from domain.inference.vector_text import vector_text
from entrypoints.cli.text_records import TextRecord

if TYPE_CHECKING:
    from application.inference.embed import EmbeddingAnswer
    from domain.inference.embedding import Vector

EMBEDDING, METADATA, INDEX, SCORE = "embedding", "metadata", "index", "relevance_score"


def embedding_line(record: TextRecord, vector: Vector, answer: EmbeddingAnswer, encoding: str) -> str:
    """One line, its end included. Raises nothing: what `encoding` cannot hold is escaped."""
    told = _line(_others(record, EMBEDDING, METADATA), encoding)[:-1]
    metadata = _line(embedding_metadata(record, vector, answer), encoding)
    return f'{told},"{EMBEDDING}":{vector_text(vector)},"{METADATA}":{metadata}}}\n'


def embedding_object(record: TextRecord, vector: Vector, answer: EmbeddingAnswer) -> dict[str, object]:
    """The same as data, with the same digits."""
    return {
        **_others(record, EMBEDDING, METADATA),
        EMBEDDING: json.loads(vector_text(vector)),
        METADATA: embedding_metadata(record, vector, answer),
    }


def embedding_metadata(record: TextRecord, vector: Vector, answer: EmbeddingAnswer) -> dict[str, object]:
    """Ours, after what the record's own holds."""
    given = record.fields.get(METADATA)
    return {
        **(given if isinstance(given, Mapping) else {}),
        "model": answer.model.name,
        "dimensions": vector.dimensions,
        "content_hash": answer.content_hash,
        "device": answer.device,
    }


def ranked_line(result: Mapping[str, object], encoding: str) -> str:
    return _line(result, encoding) + "\n"


def ranked_object(record: TextRecord, index: int, score: float) -> dict[str, object]:
    return {INDEX: index, SCORE: score, **_others(record, INDEX, SCORE)}


def _others(record: TextRecord, *ours: str) -> dict[str, object]:
    return {name: value for name, value in record.fields.items() if name not in ours}


def _line(value: object, encoding: str) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text
