"""How one model is to be loaded, with what must be known of it beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.catalog.report import ModelReport
from domain.serving.load_options import LoadOptions


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """draft: what is known of the draft model that `options` name; it is loaded beside the model."""

    options: LoadOptions = field(default_factory=LoadOptions)
    draft: ModelReport | None = None

    @property
    def extra_bytes(self) -> int:
        """Files that are read besides the model's own."""
        return 0 if self.draft is None else self.draft.size_bytes


PLAIN_PLAN = LoadPlan()
