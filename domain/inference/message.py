"""The turns of a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who speaks. `developer` is OpenAI's newer word for `system`; templates get `system`."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of text."""

    role: Role
    content: str

    def for_template(self) -> dict[str, str]:
        """As chat templates read it."""
        role = Role.SYSTEM if self.role is Role.DEVELOPER else self.role
        return {"role": role.value, "content": self.content}
