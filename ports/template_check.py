"""Is a text a chat template?"""

from __future__ import annotations

from typing import Protocol


class TemplateCheck(Protocol):
    def problem(self, template: str) -> str | None:
        """What keeps the text from being a Jinja template, in words; None for a sound one. Runs nothing of it."""
