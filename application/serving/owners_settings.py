"""From the names that a server's owner has written down to the models they mean."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from application.catalog.resolve_model import ResolveModel
from application.serving.served_models import FirstModel
from domain.catalog import LocatedModel
from domain.errors import AmbiguousModel, InvalidRequest, ModelNotFound
from domain.serving.aliases import meaning
from domain.serving.load_wishes import PLAINLY, LoadWishes
from domain.serving.model_settings import USUAL, ModelSettings, ServingRules

LOOKED_UP_SECONDS = 2.0


class OwnersSettings:
    """Thread-safe. Whatever spelling the owner used, the settings are the model's; the names are looked up again at
    most every LOOKED_UP_SECONDS, so that settings hold for a model that comes later. wishes: how the first model is
    loaded, by the flags that the server was started with; they come before its settings. clock: monotonic seconds.
    """

    def __init__(
        self,
        rules: ServingRules,
        resolve: ResolveModel,
        first: FirstModel,
        wishes: LoadWishes,
        clock: Callable[[], float],
    ) -> None:
        self.rules = rules
        self._resolve = resolve
        self._first = first
        self._wishes = wishes
        self._clock = clock
        self._guard = threading.Lock()
        self._looked_up_at: float | None = None
        self._meant: dict[str, LocatedModel] = {}
        self._by_identity: dict[str, ModelSettings] = {}

    def of(self, model: LocatedModel) -> ModelSettings:
        """USUAL for a model that nobody has said anything about."""
        settings = self._known().get(model.identity, USUAL)
        if self._wishes == PLAINLY:
            return settings
        first = self._first.locate()
        if first is None or first.identity != model.identity:
            return settings
        return replace(settings, loading=self._wishes.over(settings.loading))

    def check(self) -> tuple[str, ...]:
        """Asked when the server starts: names that mean no model here (yet).

        Raises InvalidRequest for an alias that hides a model and for two spellings of one model, AmbiguousModel for a
        name that may mean several.
        """
        for alias in self.rules.aliases:
            self._refuse_shadow(alias)
        absent = [spelling for spelling in self.rules.models if self._located(spelling) is None]
        absent += [alias for alias in self.rules.aliases if self._located(alias) is None]
        spellings: dict[str, str] = {}
        for spelling in self.rules.models:
            location = self._located(spelling)
            if location is None:
                continue
            if (other := spellings.setdefault(location.identity, spelling)) != spelling:
                raise InvalidRequest(
                    f"{other!r} and {spelling!r} are one model, {location.name}, with settings for each",
                    hint="keep one of them",
                    param="models",
                )
        return tuple(absent)

    def preloaded(self) -> tuple[str, ...]:
        """Spellings of the models to load at the start, in the owner's order; not the first model."""
        return tuple(spelling for spelling, settings in self.rules.models.items() if settings.preload)

    def _known(self) -> Mapping[str, ModelSettings]:
        now = self._clock()
        with self._guard:
            if self.rules.models and (self._looked_up_at is None or now - self._looked_up_at >= LOOKED_UP_SECONDS):
                for spelling in self.rules.models:
                    self._look_up(spelling)
                self._by_identity = {each.identity: self.rules.models[name] for name, each in self._meant.items()}
                self._looked_up_at = now
            return self._by_identity

    def _look_up(self, spelling: str) -> None:
        """A name that has become ambiguous since the start keeps its meaning."""
        with suppress(AmbiguousModel):
            location = self._located(spelling)
            if location is not None:
                self._meant[spelling] = location

    def _located(self, name: str) -> LocatedModel | None:
        try:
            return self._resolve.execute(meaning(name, self.rules.aliases))
        except ModelNotFound:
            return None

    def _refuse_shadow(self, alias: str) -> None:
        names: Sequence[str] = ()
        with suppress(ModelNotFound, InvalidRequest):
            try:
                names = [self._resolve.execute(alias).name]
            except AmbiguousModel as several:
                names = several.matches
        hidden = [name for name in names if name.casefold() == alias.casefold()]
        if hidden:
            raise InvalidRequest(
                f"the alias {alias!r} hides the model {hidden[0]}", hint="choose another name for it", param="aliases"
            )
