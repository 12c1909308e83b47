"""Bring models in and send them away by name; and what a server loads before its first request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from application.inference.answering import Prepared, Resolver, never
from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel


class BringingIn(Protocol):
    """application.inference.bring_in.BringIn."""

    def execute(self, spec: str) -> Prepared: ...


@dataclass(frozen=True, slots=True)
class UnloadedModel:
    """was_loaded: False when there was nothing to do."""

    model: LocatedModel
    was_loaded: bool


class UnloadModel:
    """Thread-safe."""

    def __init__(self, resolve: Resolver, pool: ModelPool) -> None:
        self._resolve = resolve
        self._pool = pool

    def execute(self, spec: str, *, force: bool = False, given_up: Callable[[], bool] = never) -> UnloadedModel:
        """Blocks until its memory is back. Running answers finish; force: they end with an error.

        Raises ModelNotFound, AmbiguousModel, InvalidRequest, Interrupted (given up: it leaves all the same).
        """
        model = self._resolve.execute(spec)
        return UnloadedModel(model, self._pool.unload(model.identity, force=force, given_up=given_up))


class PreloadModels:
    """first: the spec that the server was started with. check: finds what is wrong with the owner's settings, tells
    names that mean no model here. others: specs that are to be loaded too, in order.
    """

    def __init__(
        self,
        bring_in: BringingIn,
        first: str | None,
        check: Callable[[], tuple[str, ...]],
        others: Callable[[], tuple[str, ...]],
    ) -> None:
        self._bring_in = bring_in
        self._first = first
        self._check = check
        self._others = others

    def execute(self, warn: Callable[[str], None]) -> tuple[str, ...]:
        """The full names of the models that are loaded now, without repetitions, the first one first. warn: told what
        the owner should know.

        Raises what is wrong with the settings, and what keeps any of them from being loaded.
        """
        for name in self._check():
            warn(f"the settings name {name!r}, and no model here is called so")
        specs = (*(() if self._first is None else (self._first,)), *self._others())
        names: list[str] = []
        for spec in specs:
            prepared = self._bring_in.execute(spec)
            if prepared.warning is not None:
                warn(prepared.warning)
            names.append(prepared.model.name)
        return tuple(dict.fromkeys(names))
