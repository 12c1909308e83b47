"""A loaded model that turns texts into vectors, or scores pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.catalog import LocatedModel
from domain.inference.embedding import EmbeddingRequest, RerankRequest, Vector
from domain.serving.load_options import LoadOptions
from domain.serving.vitals import EnginePulse
from ports.model_worker import LoadedModel


@dataclass(frozen=True, slots=True)
class TokenRow:
    """second: how many of its last tokens belong to the second of two texts, for models that tell them apart. unpooled:
    how many of its first tokens are read and take no part in the vector.
    """

    tokens: tuple[int, ...]
    second: int = 0
    unpooled: int = 0

    def __len__(self) -> int:
        return len(self.tokens)


class VectorCodec(Protocol):
    """Does no MLX work; one thread at a time."""

    def check(self, request: EmbeddingRequest) -> None:
        """Raises UnsupportedParameter for dimensions or an instruction that the model cannot honour,
        CapabilityMismatch when it makes no vectors.
        """

    def rows(self, request: EmbeddingRequest, start: int, stop: int) -> tuple[TokenRow, ...]:
        """The inputs from `start` to before `stop` as the model wants to read them: its prefixes or instruction,
        special tokens, end of text.

        Raises InvalidRequest for a token id that the model does not have, ContextLengthExceeded naming the input that
        is longer than the model reads.
        """

    def check_pairs(self, request: RerankRequest) -> None:
        """As `check`, of documents that are to be ordered."""

    def pairs(self, request: RerankRequest, start: int, stop: int) -> tuple[TokenRow, ...]:
        """A row for each of these documents, with the query. Raises as `rows` does."""


class VectorEngine(Protocol):
    """Every call from the one thread that made it. Blocks; no row's numbers depend on its company, but for what its
    type of numbers leaves open.
    """

    def embed(self, rows: Sequence[TokenRow], dimensions: Sequence[int | None]) -> tuple[Vector, ...]:
        """Pooled as the model's files say, normalised where they say so, again after shortening. dimensions: one for
        each row, None for all that there are. Raises GenerationFailed when the model breaks, InsufficientMemory.
        """

    def score(self, rows: Sequence[TokenRow]) -> tuple[float, ...]:
        """From 0 to 1. Raises as `embed` does."""

    def batch_rows(self, length: int) -> int:
        """How many rows of at most so many tokens should be read in one pass; at least 1."""

    def pulse(self, *, running: int, reading: int) -> EnginePulse:
        """How it is. running, reading: as they are to stand there, for it holds no rows between two calls."""

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
        """Read the model's folder, for the task that the options name; no code from it, no pickles. Raises
        ModelLoadFailed, ModelNotRunnable for a family or a variant that the libraries do not know.
        """
