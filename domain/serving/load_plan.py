"""How one model is to be loaded, with what must be known of it beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.catalog.report import ModelReport
from domain.serving.load_options import LoadOptions
from domain.serving.model_settings import Keeping


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """draft: what is known of the draft model that `options` name; it is loaded beside the model. keeping: how long it
    stays. max_tokens: of an answer whose request names no number, None is as usual. force: although it may not fit.
    """

    options: LoadOptions = field(default_factory=LoadOptions)
    draft: ModelReport | None = None
    keeping: Keeping = field(default_factory=Keeping)
    max_tokens: int | None = None
    force: bool = False

    @property
    def extra_bytes(self) -> int:
        """Files that are read besides the model's own."""
        return 0 if self.draft is None else self.draft.size_bytes


PLAIN_PLAN = LoadPlan()
