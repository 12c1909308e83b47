"""Texts to rows of tokens, for models that make vectors or scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.inference.embedding.judge import AFTER, BEFORE, question
from domain.errors import CapabilityMismatch, ContextLengthExceeded, InvalidRequest, UnsupportedParameter
from domain.inference.embedding import EmbeddingRequest, InputType, RerankRequest
from domain.inference.vector_habits import TASK, Lengths, Prompts
from ports.vector_engine import TokenRow

PLAIN_WORD = "a"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads. max_tokens: in a row, special tokens included. vocabulary: token ids end before this. ends:
    tokens of which one must be a row's last, the first of them if none is; () where the tokenizer knows best. lowers:
    in small letters.
    """

    max_tokens: int
    vocabulary: int
    ends: tuple[int, ...] = ()
    lowers: bool = False


class EmbeddingCodec:
    """VectorCodec of an embedder. tokenizer: of transformers. pools_prompt: what goes before a text counts."""

    def __init__(
        self, tokenizer: Any, reading: Reading, prompts: Prompts, lengths: Lengths, *, pools_prompt: bool = True
    ) -> None:
        self._tokenizer = tokenizer
        self._reading = reading
        self._prompts = prompts
        self._lengths = lengths
        self._pools_prompt = pools_prompt
        self._head, self._tail = special_tokens(tokenizer)

    def check(self, request: EmbeddingRequest) -> None:
        self._lengths.check(request.dimensions)
        self._before(request)

    def rows(self, request: EmbeddingRequest, start: int, stop: int) -> tuple[TokenRow, ...]:
        before = self._before(request)
        inputs = request.inputs[start:stop]
        texts = [before + each for each in inputs if isinstance(each, str)]
        read = iter(encoded(self._tokenizer, self._lowered(texts)) if texts else [])
        opening = self._opening(before)
        unpooled = 0 if self._pools_prompt or not before else len(self._head) + len(opening)
        rows: list[TokenRow] = []
        for at, each in enumerate(inputs, start):
            tokens = next(read) if isinstance(each, str) else self._given(each, opening, at)
            if self._reading.ends and (not tokens or tokens[-1] not in self._reading.ends):
                tokens = [*tokens, self._reading.ends[0]]
            require_room(tokens, self._reading.max_tokens, "input", at)
            rows.append(TokenRow(tuple(tokens), unpooled=unpooled))
        return tuple(rows)

    def check_pairs(self, _request: RerankRequest) -> None:
        raise CapabilityMismatch("this model makes vectors and does not rerank", param="model")

    def pairs(self, request: RerankRequest, _start: int, _stop: int) -> tuple[TokenRow, ...]:
        self.check_pairs(request)
        return ()

    def _before(self, request: EmbeddingRequest) -> str:
        document = request.input_type is InputType.DOCUMENT
        return self._prompts.before(asks=request.asks, document=document, instruct=request.instruct)

    def _lowered(self, texts: list[str]) -> list[str]:
        return [text.lower() for text in texts] if self._reading.lowers else texts

    def _opening(self, before: str) -> list[int]:
        """The tokens of what goes before a text, without special ones."""
        if not before:
            return []
        tokens: list[int] = self._tokenizer(before, add_special_tokens=False)["input_ids"]
        return tokens

    def _given(self, tokens: Sequence[int], opening: Sequence[int], at: int) -> list[int]:
        """The client's own tokens: with the special ones around them that are not there."""
        strange = next((each for each in tokens if not 0 <= each < self._reading.vocabulary), None)
        if strange is not None:
            raise InvalidRequest(
                f"input.{at} has token {strange}, and this model's tokens end at {self._reading.vocabulary - 1:,}",
                param="input",
            )
        inner = list(tokens)
        if self._head and inner[: len(self._head)] == self._head:
            inner = inner[len(self._head) :]
        if self._tail and inner[-len(self._tail) :] == self._tail:
            inner = inner[: -len(self._tail)]
        return [*self._head, *opening, *inner, *self._tail]


class PairCodec:
    """VectorCodec of a cross-encoder."""

    def __init__(self, tokenizer: Any, reading: Reading) -> None:
        self._tokenizer = tokenizer
        self._reading = reading

    def check(self, _request: EmbeddingRequest) -> None:
        raise CapabilityMismatch("this model reranks and makes no vectors", param="model")

    def rows(self, request: EmbeddingRequest, _start: int, _stop: int) -> tuple[TokenRow, ...]:
        self.check(request)
        return ()

    def check_pairs(self, request: RerankRequest) -> None:
        if request.instruct is not None:
            raise UnsupportedParameter(
                "this model was not made to be told a task", hint="leave instruct out", param="instruct"
            )

    def pairs(self, request: RerankRequest, start: int, stop: int) -> tuple[TokenRow, ...]:
        documents = list(request.documents[start:stop])
        read = self._tokenizer([request.query] * len(documents), documents, return_token_type_ids=True)
        rows: list[TokenRow] = []
        for at, (tokens, kinds) in enumerate(zip(read["input_ids"], read["token_type_ids"], strict=True), start):
            require_room(tokens, self._reading.max_tokens, "documents", at, "with the query ")
            rows.append(TokenRow(tuple(tokens), second=sum(kinds)))
        return tuple(rows)


class JudgeCodec(PairCodec):
    """VectorCodec of a reranker that writes."""

    def __init__(self, tokenizer: Any, reading: Reading) -> None:
        super().__init__(tokenizer, reading)
        self._before, self._after = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (BEFORE, AFTER))

    def check_pairs(self, request: RerankRequest) -> None:
        """It takes a task, and has one of its own."""

    def pairs(self, request: RerankRequest, start: int, stop: int) -> tuple[TokenRow, ...]:
        task = request.instruct or TASK
        texts = [question(request.query, document, task) for document in request.documents[start:stop]]
        rows: list[TokenRow] = []
        for at, inner in enumerate(encoded(self._tokenizer, texts, special=False), start):
            tokens = [*self._before, *inner, *self._after]
            require_room(tokens, self._reading.max_tokens, "documents", at, "with the query ")
            rows.append(TokenRow(tuple(tokens)))
        return tuple(rows)


def encoded(tokenizer: Any, texts: Sequence[str], *, special: bool = True) -> list[list[int]]:
    rows: list[list[int]] = tokenizer(list(texts), add_special_tokens=special, return_attention_mask=False)["input_ids"]
    return rows


def special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Those that it puts before and behind a text."""
    plain = tokenizer(PLAIN_WORD, add_special_tokens=False)["input_ids"]
    whole = tokenizer(PLAIN_WORD)["input_ids"]
    for at in range(len(whole) - len(plain) + 1):
        if whole[at : at + len(plain)] == plain:
            return whole[:at], whole[at + len(plain) :]
    return [], []


def require_room(tokens: Sequence[int], most: int, param: str, at: int, beside: str = "") -> None:
    """Raises ContextLengthExceeded, with the numbers."""
    if len(tokens) > most:
        raise ContextLengthExceeded(
            f"{param}.{at} has {len(tokens):,} tokens {beside}and this model reads {most:,} at once",
            hint="cut the text into pieces",
            param=param,
        )
