"""A loaded model that turns texts into vectors, or scores pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.catalog import LocatedModel
from domain.inference.embedding import EmbeddingRequest, RerankRequest, Vector
from domain.serving.load_options import LoadOptions
from ports.model_worker import LoadedModel

TokenRow = tuple[int, ...]


class VectorCodec(Protocol):
    """Does no MLX work; one thread at a time."""

    def rows(self, request: EmbeddingRequest) -> tuple[TokenRow, ...]:
        """The inputs as the model wants to read them: its prefixes or instruction, special tokens, end of text.

        Raises InvalidRequest for a token id that the model does not have, ContextLengthExceeded naming the input that
        is longer than the model reads, UnsupportedParameter for dimensions or an instruction that it cannot honour.
        """

    def pairs(self, request: RerankRequest) -> tuple[TokenRow, ...]:
        """A row for each document, with the query. Raises as `rows` does; CapabilityMismatch for a model
        that does not rerank.
        """


class VectorEngine(Protocol):
    """Every call from the one thread that made it. Blocks; no row's numbers depend on its company."""

    def embed(self, rows: Sequence[TokenRow], dimensions: int | None) -> tuple[Vector, ...]:
        """Pooled as the model's files say, normalised where they say so, again after shortening. Raises
        GenerationFailed when the model breaks, InsufficientMemory.
        """

    def score(self, rows: Sequence[TokenRow]) -> tuple[float, ...]:
        """From 0 to 1. Raises as `embed` does."""

    def batch_rows(self, lengths: Sequence[int]) -> int:
        """How many of the first of these rows, by their lengths in tokens, should be read in one pass; at least 1."""

    def close(self) -> None:
        """Free the model's memory. Idempotent."""


@dataclass(frozen=True, slots=True)
class LoadedVectors:
    """engine belongs to the thread that loaded it."""

    engine: VectorEngine
    codec: VectorCodec
    facts: LoadedModel


class VectorRuntime(Protocol):
    """Loads embedders and rerankers, on the one thread that will use the engine. Never touches a network."""

    def load(self, model: LocatedModel, options: LoadOptions) -> LoadedVectors:
        """Read the model's folder; no code from it, no pickles. Raises ModelLoadFailed, UnsupportedMultimodal for a
        family that the libraries do not know.
        """
