"""How many tokens an answer may have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from domain.errors import ContextLengthExceeded, InvalidRequest

MULTIMODAL_TOKENS = 2048


class DefaultLength(StrEnum):
    """The rule when nobody names a number: a server keeps half the context for prompts, a terminal uses it all, and
    answers about pictures and sounds are short.
    """

    HALF_CONTEXT = "half_context"
    FULL_CONTEXT = "full_context"
    MULTIMODAL = "multimodal"

    def tokens(self, context_length: int) -> int:
        """What the rule gives, whether it fits or not."""
        match self:
            case DefaultLength.HALF_CONTEXT:
                return context_length // 2
            case DefaultLength.FULL_CONTEXT:
                return context_length
            case DefaultLength.MULTIMODAL:
                return MULTIMODAL_TOKENS


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """requested: the request's own max_tokens. server_default: `serve --max-tokens`, for requests that name none."""

    default: DefaultLength
    requested: int | None = None
    server_default: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("max_tokens", self.requested), ("--max-tokens", self.server_default)):
            if value is not None and value < 1:
                raise InvalidRequest(f"{name} must be at least 1, got {value}", param="max_tokens")

    def of_model(self, max_tokens: int | None) -> TokenLimits:
        """With the number that a model's owner gives requests that name none, None leaves the server's own. A request
        that names a rule of its own keeps it.
        """
        if max_tokens is None or self.default is not DefaultLength.HALF_CONTEXT:
            return self
        return replace(self, server_default=max_tokens)

    def resolve(self, prompt_tokens: int, context_length: int) -> int:
        """Tokens the answer may have, at least 1.

        An explicit number that cannot fit is refused by numbers; a defaulted one is clipped to what fits.
        Raises ContextLengthExceeded.
        """
        room = context_length - prompt_tokens
        if room < 1:
            raise ContextLengthExceeded(
                f"prompt {prompt_tokens:,} leaves no room to answer in a context of {context_length:,} tokens",
                hint="shorten the conversation",
                param="messages",
            )
        if self.requested is not None:
            if self.requested > room:
                raise ContextLengthExceeded(
                    f"prompt {prompt_tokens:,} + max_tokens {self.requested:,} > context {context_length:,}",
                    hint=f"ask for at most {room:,} tokens",
                    param="max_tokens",
                    detail={"largest_max_tokens": room},
                )
            return self.requested
        wanted = self.default.tokens(context_length) if self.server_default is None else self.server_default
        return max(1, min(wanted, room))
