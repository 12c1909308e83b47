"""Requests for vectors and scores as JSON objects and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.inference.embedding import EmbeddingRequest, InputType, RerankRequest


def encode_embedding(request: EmbeddingRequest) -> dict[str, Any]:
    return {
        "inputs": request.inputs,
        "for": None if request.input_type is None else request.input_type.value,
        "instruct": request.instruct,
        "dimensions": request.dimensions,
    }


def decode_embedding(body: Mapping[str, Any]) -> EmbeddingRequest:
    """Raises KeyError, TypeError, ValueError or MlxkError for what `encode_embedding` does not write."""
    inputs = tuple(each if isinstance(each, str) else tuple(map(int, each)) for each in body["inputs"])
    what_for = body["for"]
    return EmbeddingRequest(
        inputs, None if what_for is None else InputType(what_for), body["instruct"], body["dimensions"]
    )


def decode_reranking(body: Mapping[str, Any]) -> RerankRequest:
    """As `decode_embedding`."""
    return RerankRequest(str(body["query"]), tuple(map(str, body["documents"])), body["instruct"])
