"""What a benchmark measures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from domain.errors import ContextLengthExceeded, InvalidRequest

DEFAULT_PROMPTS = (128, 512, 2048)
DEFAULT_BATCHES = (1, 4, 8)
DEFAULT_ANSWER = 128
DEFAULT_RUNS = 3
MOST_LENGTHS = 16
MOST_ROWS = 256
MOST_RUNS = 100
LEAST_ANSWER = 2  # the rate of decoding wants two tokens
LEAST_PROMPT = 16


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the report: so many requests at once, each with a prompt of about so many tokens."""

    prompt_tokens: int
    batch: int


@dataclass(frozen=True, slots=True)
class BenchmarkPlan:
    """prompts: lengths in tokens. batches: requests at once. answer: tokens of each answer. runs: how often each is
    measured, besides once to warm up.

    Raises InvalidRequest for empty or endless lists and numbers out of range.
    """

    prompts: tuple[int, ...] = DEFAULT_PROMPTS
    batches: tuple[int, ...] = DEFAULT_BATCHES
    answer: int = DEFAULT_ANSWER
    runs: int = DEFAULT_RUNS

    def __post_init__(self) -> None:
        for flag, values, least, most in (
            ("--prompt-tokens", self.prompts, LEAST_PROMPT, 2**24),
            ("--batch", self.batches, 1, MOST_ROWS),
            ("--answer-tokens", (self.answer,), LEAST_ANSWER, 2**20),
            ("--runs", (self.runs,), 1, MOST_RUNS),
        ):
            if not 1 <= len(values) <= MOST_LENGTHS:
                raise InvalidRequest(f"{flag} takes 1 to {MOST_LENGTHS} numbers, got {len(values)}")
            wrong = next((value for value in values if not least <= value <= most), None)
            if wrong is not None:
                raise InvalidRequest(f"{flag} must be from {least:,} to {most:,}, got {wrong:,}")

    def cells(self) -> Iterator[Cell]:
        """Lengths by batches, the short and single ones first."""
        for prompt in sorted(set(self.prompts)):
            for batch in sorted(set(self.batches)):
                yield Cell(prompt, batch)

    def fitted(self, context_length: int, *, chosen: bool) -> BenchmarkPlan:
        """The plan for a model with this context. chosen: the lengths are the user's own, so one that does not fit is
        an error (ContextLengthExceeded, with the numbers); by default those that do not fit are left out.
        """
        room = context_length - self.answer
        fitting = tuple(length for length in self.prompts if length <= room)
        if len(fitting) < len(self.prompts) and (chosen or not fitting):
            longest = max(self.prompts) if chosen else min(self.prompts)
            raise ContextLengthExceeded(
                f"prompt {longest:,} + answer {self.answer:,} > context {context_length:,}",
                hint=f"measure prompts of at most {max(room, 0):,} tokens, or shorter answers",
                detail={"largest_prompt": max(room, 0)},
            )
        return BenchmarkPlan(fitting, self.batches, self.answer, self.runs)
