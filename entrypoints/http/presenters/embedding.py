"""Vectors on the wire, as OpenAI's API spells them."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Generator, Sequence

from domain.inference.embedding import Embeddings, RerankScores
from domain.inference.vector_text import vector_text
from entrypoints.http.presenters.sse import encoded

PIECE_CHARACTERS = 64 * 1024


def present_embeddings(embeddings: Embeddings, about: dict[str, object], *, base64: bool) -> Generator[bytes]:
    """The body in pieces: to write some million numbers takes a second, in which others should be answered too.
    about: further fields.
    """
    gathered, size = ['{"object":"list","data":['], 0
    for index, vector in enumerate(embeddings.vectors):
        numbers = f'"{b64encode(vector.data).decode("ascii")}"' if base64 else vector_text(vector)
        separator = "," if index else ""
        gathered.append(f'{separator}{{"object":"embedding","index":{index},"embedding":{numbers}}}')
        size += len(numbers)
        if size >= PIECE_CHARACTERS:
            yield "".join(gathered).encode()
            gathered, size = [], 0
    gathered.append(f"],{encoded({**about, 'usage': _usage(embeddings.prompt_tokens)})[1:]}\n")
    yield "".join(gathered).encode()


def present_ranking(
    model: str, scores: RerankScores, documents: Sequence[str] | None, top_n: int | None
) -> dict[str, object]:
    """The best first; equal ones in the order they came in. documents: None leaves them out."""
    order = sorted(range(len(scores.scores)), key=lambda index: -scores.scores[index])[:top_n]
    results: list[dict[str, object]] = []
    for index in order:
        result: dict[str, object] = {"index": index, "relevance_score": scores.scores[index]}
        results.append(result | ({} if documents is None else {"document": {"text": documents[index]}}))
    return {
        "id": f"rerank-{secrets.token_hex(12)}",
        "object": "list",
        "model": model,
        "results": results,
        "usage": _usage(scores.prompt_tokens),
    }


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": tokens, "total_tokens": tokens}
