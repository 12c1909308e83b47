"""The front matter of a README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ModelCard(Protocol):
    def front_matter(self, readme: str) -> Mapping[str, object]:
        """The YAML block at the head, {} when there is none or it is no mapping. Never raises."""

    def completed(self, readme: str, additions: Mapping[str, object]) -> str:
        """The README with these keys in its front matter, which is made when there is none; the text below it stays."""
