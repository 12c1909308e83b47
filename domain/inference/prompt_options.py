"""How a conversation becomes a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.errors import InvalidRequest

REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """template: False gives the model the bare text of the turns. variables: handed to the template as they are.
    reasoning_effort: for templates that know it; "none" also means thinking False. thinking: switch it on or off where
    the template can; None leaves it as the template has it.
    """

    template: bool = True
    variables: Mapping[str, object] = field(default_factory=dict)
    reasoning_effort: str | None = None
    thinking: bool | None = None

    def __post_init__(self) -> None:
        if self.reasoning_effort is not None and self.reasoning_effort not in REASONING_EFFORTS:
            raise InvalidRequest(
                f"reasoning_effort must be one of {', '.join(REASONING_EFFORTS)}, got {self.reasoning_effort[:24]!r}",
                param="reasoning_effort",
            )
