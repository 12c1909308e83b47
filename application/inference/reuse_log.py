"""For whoever debugs: how much of each prompt was reused, and where the rest left what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from application.inference.loop_messages import Found
from domain.errors import MlxkError
from domain.serving.prompt_divergence import PromptDivergence
from domain.serving.prompt_explanation import PromptExplanation, explained
from ports.text_engine import RowStep


class ReuseLog:
    """One line for each request, when its first token is there. The text thread only, but for `wanted`.

    tell: takes a line; None: nobody listens, and nothing is to be found out. spelled: as `explained` wants it.
    """

    def __init__(self, tell: Callable[[str], None] | None, spelled: Callable[[int], bytes]) -> None:
        self._tell = tell
        self._spelled = spelled
        self._expected: dict[int, PromptDivergence] = {}

    @property
    def wanted(self) -> bool:
        return self._tell is not None

    def expect(self, row_id: int, divergence: PromptDivergence) -> None:
        """What was remembered when the row came to the engine."""
        self._expected[row_id] = divergence

    def see(self, steps: Sequence[RowStep]) -> None:
        for step in steps:
            if step.stats is not None and step.row_id in self._expected:
                self._say(step.row_id, step.stats.cached_tokens, self._expected.pop(step.row_id))

    def drop(self, row_id: int) -> None:
        """Nothing more comes of this row. Unknown ids are no error."""
        self._expected.pop(row_id, None)

    def _say(self, row_id: int, cached_tokens: int, divergence: PromptDivergence) -> None:
        """Other rows may have read something useful meanwhile, so more than was expected is no contradiction."""
        if self._tell is None:
            return
        try:
            told = explained(divergence, self._spelled).message
        except MlxkError as fault:
            told = fault.message
        self._tell(
            f"request {row_id}: {cached_tokens:,} of {divergence.prompt_tokens:,} prompt tokens were reused. "
            f"When it came: {told}"
        )


def explanation_of(found: Found, spelled: Callable[[int], bytes]) -> PromptExplanation | MlxkError:
    """What goes to whoever asked for it."""
    try:
        return explained(found.divergence, spelled, found.checks)
    except MlxkError as error:
        return error
