"""Who answers: a running server of ours that holds the model, else a worker of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.services import Context, Services

if TYPE_CHECKING:
    from application.inference.answering import Answering

LOCAL, SERVER = "local", "server"


@dataclass(frozen=True, slots=True)
class Chosen:
    """talker: to be asked now. served_by: LOCAL or SERVER."""

    talker: Answering
    served_by: str


class Talkers:
    """local: no server is looked for. A model that was chosen here stays here: its prompt cache knows the chat."""

    def __init__(self, services: Services, *, local: bool) -> None:
        self._services = services
        self._local = local
        self._settled: set[str] = set()
        self._held: tuple[object, ...] = ()

    def choose(self, spec: str, wishes: LoadWishes) -> Chosen:
        """Before every question, since servers come and go. Raises what looking the model up raises."""
        here = self._local or spec in self._settled
        served = None if here else self._services.find_server().execute(spec, wishes)
        if served is not None:
            self._held = self._services.model_pool().loads()
            return Chosen(served, SERVER)
        self._settled.add(spec)
        return Chosen(self._services.chat(), LOCAL)

    def who_answered(self, spec: str, chosen_for: str) -> str:
        """Once the answer is there: a server that declined has been made good here, by a model loaded for it."""
        if chosen_for == SERVER and self._services.model_pool().loads() != self._held:
            self._settled.add(spec)
            return LOCAL
        return chosen_for


@contextmanager
def talkers_of(context: Context, *, local: bool) -> Iterator[Talkers]:
    """And an end to this process's workers."""
    services = context.services()
    try:
        yield Talkers(services, local=local)
    finally:
        services.model_pool().close()
