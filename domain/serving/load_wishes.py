"""How the user wants a model to be loaded, in the user's own words."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class LoadWishes:
    """force: although it may not fit into memory. adapter: a folder. draft_model: a name, as for any model. cpu:
    without the graphics processor. The others as in LoadOptions; None is "as usual".
    """

    force: bool = False
    adapter: str | None = None
    draft_model: str | None = None
    draft_ngram: int | None = None
    draft_tokens: int | None = None
    kv_bits: int | None = None
    kv_group_size: int | None = None
    max_kv_size: int | None = None
    cpu: bool = False

    @property
    def plain(self) -> bool:
        """Nothing is asked for that changes how the model is loaded."""
        return replace(self, force=False) == PLAINLY

    def over(self, others: LoadWishes) -> LoadWishes:
        """These wishes, and those of `others` that they say nothing about."""
        mine = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(others, **{name: value for name, value in mine.items() if value not in (None, False)})


PLAINLY = LoadWishes()
