"""What a server's owner has settled for its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.serving.aliases import check_aliases
from domain.serving.load_wishes import PLAINLY, LoadWishes


@dataclass(frozen=True, slots=True)
class Keeping:
    """pinned: it leaves for no other model and for no idleness. idle_seconds: it leaves when nobody has asked it for so
    long; 0 is never.
    """

    pinned: bool = False
    idle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """loading: how it is loaded. pinned: it leaves for no other model and for no idleness. preload: loaded when the
    server starts. idle_seconds: it leaves when nobody has asked it for so long; None is the server's rule, 0 is never.
    max_tokens: of an answer whose request names no number; None is the server's rule. Others of the request's defaults
    come from the model's own files.
    """

    loading: LoadWishes = PLAINLY
    pinned: bool = False
    preload: bool = False
    idle_seconds: float | None = None
    max_tokens: int | None = None


USUAL = ModelSettings()


@dataclass(frozen=True, slots=True)
class ServingRules:
    """models: settings by the model's name as the owner spelled it. aliases: other names that clients may use, each for
    a model or for another alias. idle_seconds: for models that say nothing of their own; 0 is never.

    Raises InvalidRequest for aliases that lead nowhere but in a circle.
    """

    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    idle_seconds: float = 0.0

    def __post_init__(self) -> None:
        check_aliases(self.aliases)

    def keeping(self, settings: ModelSettings) -> Keeping:
        """How long a model with these settings stays."""
        own = settings.idle_seconds
        return Keeping(settings.pinned, self.idle_seconds if own is None else own)
