"""One model, loaded one way."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.catalog.location import LocatedModel
from domain.serving.load_options import LoadOptions
from domain.serving.model_settings import Keeping


@dataclass(frozen=True, slots=True)
class ModelLoad:
    """need_bytes: what it will take in memory. keeping: how long it stays. fingerprint: of the files it is loaded from;
    another one is another try.
    """

    model: LocatedModel
    need_bytes: int
    options: LoadOptions = field(default_factory=LoadOptions)
    keeping: Keeping = field(default_factory=Keeping)
    fingerprint: str = ""

    @property
    def identity(self) -> str:
        """What tells two loads apart: the folder, and the way it is loaded where that is not the plain one."""
        key = self.options.key
        return f"{self.model.identity} {key}" if key else self.model.identity
