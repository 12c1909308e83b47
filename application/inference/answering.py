"""What it means to answer conversations, whoever does it. It imports little: a command that finds a running server
needs nothing of what loads models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from domain.serving.load_wishes import PLAINLY, LoadWishes

if TYPE_CHECKING:
    from domain.catalog.location import LocatedModel
    from domain.inference import GenerationRequest
    from domain.serving.load_plan import LoadPlan
    from ports.model_worker import GenerationStream, PatientStream


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """model: the one that answers, whatever it was called. events: read them to the end, or cancel. warning: what the
    user should know, when this request loaded a model that takes most of the memory.
    """

    model: LocatedModel
    events: GenerationStream
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class PatientAnswer(ChatAnswer):
    """One whose events need not be waited for for ever."""

    events: PatientStream


@dataclass(frozen=True, slots=True)
class Prepared:
    """model: loaded, and ready to answer. warning: as in ChatAnswer. context_length: tokens it can hold, None where
    that is not told. sees, hears: it can be shown pictures, and given sounds; None where that is not told.
    """

    model: LocatedModel
    warning: str | None = None
    context_length: int | None = None
    sees: bool | None = None
    hears: bool | None = None


PlanFor = Callable[["LocatedModel", LoadWishes], "LoadPlan"]


def never() -> bool:
    """The default `given_up`: the request waits as long as it takes."""
    return False


class Resolver(Protocol):
    """From a name to a model; raises InvalidRequest, ModelNotFound, AmbiguousModel."""

    def execute(self, spec: str) -> LocatedModel: ...


class Answering(Protocol):
    """application.inference.chat.Chat, and what behaves like it."""

    def execute(
        self,
        spec: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> ChatAnswer: ...

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared: ...
