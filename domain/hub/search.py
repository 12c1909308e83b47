"""Looking for models on a hub."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import InvalidRequest

MAX_RESULTS = 100


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """words: parts of names. mlx_only: only models that say they are made for MLX."""

    words: str
    limit: int = 10
    mlx_only: bool = True

    def __post_init__(self) -> None:
        """Raises InvalidRequest."""
        if not self.words.strip():
            raise InvalidRequest("search for what?", hint="mlxk search qwen 0.5b", param="words")
        if not 1 <= self.limit <= MAX_RESULTS:
            raise InvalidRequest(f"--limit {self.limit} is not between 1 and {MAX_RESULTS}", param="limit")
