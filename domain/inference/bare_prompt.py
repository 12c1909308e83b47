"""A prompt without turns."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class BarePrompt:
    """What the model is to go on from, as text or as its own tokens; no chat template is applied, and nothing of the
    answer is read as a thought or a call. echo: tell the prompt itself before the answer (PromptDelta), with the scores
    of its tokens where logprobs are asked for. answers: False only reads the prompt.

    Raises InvalidRequest unless it is exactly one of the two and has something in it.
    """

    text: str | None = None
    tokens: tuple[int, ...] = ()
    echo: bool = False
    answers: bool = True

    def __post_init__(self) -> None:
        if (self.text is None) == (not self.tokens):
            raise InvalidRequest("a prompt is either a text or a list of at least one token", param="prompt")
        if not self.answers and not self.echo:
            raise InvalidRequest(
                "max_tokens must be at least 1, got 0", hint="0 is for echo, to score a prompt", param="max_tokens"
            )
